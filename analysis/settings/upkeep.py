"""Settings of the daily check and the weekly review."""

from datetime import UTC, datetime

from pydantic import Field

from analysis.settings.base import ReportSettings, Step
from analysis.window import Window, parse_time


class _Recent(ReportSettings):
    """A report whose window ends now where none is given."""

    step: Step = Field("1m", description="distance of the values, as a Prometheus duration")
    monitoring_jobs: list[str] = Field(
        ["prometheus", "alertmanager", "grafana", "node-exporter", "redis-exporter", "forwarder"],
        description="jobs of the monitoring itself; those that the server does not know are left out",
    )

    def _recent(self, length: str, now: datetime | None) -> Window:
        now = (now or datetime.now(UTC)).replace(microsecond=0)
        if self.month or self.start:
            return super().window(now)
        end = parse_time(self.end or "now", now)
        return Window(parse_time(f"-{length}", end), end)


class DailyCheckSettings(_Recent):
    """The last day."""

    def window(self, now: datetime | None = None) -> Window:
        """The day up to now where none is given."""
        return self._recent("1d", now)


class WeeklyReviewSettings(_Recent):
    """The last week."""

    step: Step = Field("5m", description="distance of the values, as a Prometheus duration")
    dashboards: str = Field("", description="folder of dashboards whose queries are tried; none when empty")
    noisy_firings: int = Field(7, ge=1, description="an alert that fires more often in the week is noise")
    storage_growth: float = Field(1.2, gt=1, description="storage that grows by this factor in the week is a finding")

    def window(self, now: datetime | None = None) -> Window:
        """The week up to now where none is given."""
        return self._recent("7d", now)
