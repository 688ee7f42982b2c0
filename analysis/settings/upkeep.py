"""Settings of the daily check, the weekly review, and the gaps that the monthly review looks for."""

import re
from datetime import UTC, datetime
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from analysis.settings.base import ReportSettings, Step
from analysis.window import Window, parse_time


def _compilable(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
    return pattern


Pattern = Annotated[str, AfterValidator(_compilable)]
"""A regular expression."""
FAILURES = (
    r"(?:^|_)(?:err|errs|errors?|fail|fails|failed|failures?|drops?|dropped|reject|rejected|rejections?|timeouts?|"
    r"exceeded|evicted|evictions?|corrupt\w*|throttl\w*|oom|lost|overflow\w*|panics?|missed|aborted)(?:_|$)"
)
"""What the names of counters of failures have in common, over the exporters of the Prometheus project."""


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

    folder: ClassVar[str] = "%G-W%V"  # the ISO week

    step: Step = Field("5m", description="distance of the values, as a Prometheus duration")
    dashboards: str = Field("", description="folder of dashboards whose queries are tried; none when empty")
    noisy_firings: int = Field(7, ge=1, description="an alert that fires more often in the week is noise")
    storage_growth: float = Field(1.2, gt=1, description="storage that grows by this factor in the week is a finding")

    def window(self, now: datetime | None = None) -> Window:
        """The week up to now where none is given."""
        return self._recent("7d", now)


class MonitoringGapsSettings(ReportSettings):
    """What nobody watches, explains, or has written down; pages that are not named are not judged."""

    step: Step = Field("5m", description="distance of the values that coverage is told from")
    failures: Pattern = Field(FAILURES, description="a counter whose name matches counts failures")
    ignored: list[Pattern] = Field(
        [], description="metrics (regular expressions of the whole name) that were evaluated and need no alert"
    )
    series_budget: int = Field(20_000, ge=1, description="series of unwatched failure counters that are read at most")
    rules: list[str] = Field([], description="rule files; those that the server shows where none are named")
    runbooks: str = Field("", description="folder of runbooks, NAME.md; links are judged by their presence when empty")
    guide: str = Field("", description="Markdown page whose sections have to be accounted for")
    accounted: str = Field("", description="Markdown page with tables whose first column names sections of the guide")
    documentation: list[str] = Field(
        [], description="Markdown pages that should name every job and no metric that is not there"
    )
