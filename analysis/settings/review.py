"""Settings of the monthly review as a whole."""

from pydantic import Field

from analysis.settings.base import ReportSettings

REPORTS = ("login_anomalies", "cardinality_growth", "threshold_drift", "monitoring_gaps")


class MonthlyReviewSettings(ReportSettings):
    """Which reports the review consists of."""

    reports: list[str] = Field(list(REPORTS), min_length=1, description="names of the notebooks to run")
    title: str = Field("Monthly review", description="heading of the page")
    outputs: str = Field("outputs", description="folder of all results")
    findings_shown: int = Field(50, ge=1, le=1000, description="findings per report on the page; the rest is counted")
    owners: dict[str, str] = Field(
        {}, description="who looks after a report's findings, by report; a finding's own `owner` or `team` label wins"
    )
    grafana_url: str = Field(
        "", description="base URL of Grafana, in which alarms become annotations (GRAFANA_TOKEN); none when empty"
    )
    metrics_directory: str = Field(
        "", description="folder of node_exporter's textfile collector; the outputs folder when empty"
    )
