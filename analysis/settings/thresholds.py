"""Settings of the threshold review."""

from pydantic import Field

from analysis.settings.base import Duration, ReportSettings, Step


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
    grafana_url: str = Field("", description="base URL of Grafana, for links; none when empty")
