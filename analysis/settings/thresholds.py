"""Settings of the threshold review."""

from datetime import timedelta
from zoneinfo import ZoneInfo

from pydantic import Field

from analysis.settings.base import Duration, ReportSettings, Step
from analysis.window import Window, month_window

_HOURS = r"^([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)$"


class ThresholdDriftSettings(ReportSettings):
    """Which rules are reviewed, over how much history, against which noise budget."""

    alerts: list[str] = Field([], description="names of the alerts to review; all when empty")
    rule_files: list[str] = Field([], description="rule files to review instead of the server's rules")
    history_months: int = Field(1, ge=0, le=24, description="months before the window that it is compared with")
    default_interval: Step = Field("1m", description="interval of groups that have none, where the server says none")
    alerts_per_week: float = Field(1.0, gt=0, description="noise budget: expected alerts per rule and week")
    flap_gap: Duration = Field("30m", description="an alert that fires again within this time flaps")
    false_discovery_rate: float = Field(0.05, gt=0, lt=0.5, description="share of reported drifts that may be chance")
    bootstrap_samples: int = Field(2000, ge=200, le=20000, description="resamples of days for each test")
    minimum_days: int = Field(14, ge=3, le=60, description="days with data, in either month, that a verdict needs")
    minimum_shift: float = Field(
        0.1, ge=0, le=1, description="smallest shift worth reporting, as share of the headroom before it"
    )
    horizon_days: int = Field(90, ge=1, le=730, description="how far ahead a threshold may be reached and still count")
    incidents_file: str = Field(
        "params/incidents.yaml",
        description="incidents: when, which alerts, how late; none where it is missing",
    )
    late: Duration = Field("15m", description="an alert later than this into an incident has missed it")
    maintenance_file: str = Field(
        "params/maintenance.yaml", description="times whose alerts are no noise; none where it is missing"
    )
    decisions_file: str = Field(
        "params/decisions.yaml", description="decisions of the meeting, for the scorecard; none where it is missing"
    )
    alertmanager_file: str = Field("", description="alertmanager.yml, for its grouping; one group per rule when empty")
    paging_receivers: list[str] = Field(
        [], description="receivers of alertmanager.yml whose notifications are pages; everybody's when empty"
    )
    alertmanager_url: str = Field("", description="base URL of Alertmanager, for its silences; none when empty")
    working_days: list[int] = Field([1, 2, 3, 4, 5], description="days at work, 1 is Monday and 7 Sunday")
    working_hours: str = Field("09:00-18:00", pattern=_HOURS, description="hours at work, in the time zone")
    prediction_level: float = Field(0.9, gt=0.5, lt=0.999, description="how often a prediction interval must hold")
    grafana_url: str = Field("", description="base URL of Grafana, for links; none when empty")

    def history(self, window: Window) -> Window:
        """The months before a window, and the window itself: calendar months where it begins with one."""
        first = window.start.astimezone(ZoneInfo(self.timezone))
        if (first.day, first.hour, first.minute, first.second) != (1, 0, 0, 0):
            return Window(window.start - timedelta(days=31 * self.history_months), window.end)
        year, month = divmod(12 * first.year + first.month - 1 - self.history_months, 12)
        return Window(month_window(f"{year:04}-{month + 1:02}", self.timezone).start, window.end)
