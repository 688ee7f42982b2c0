"""Parameters of the cardinality report."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from analysis.settings.base import ReportSettings


class CardinalityGrowthSettings(ReportSettings):
    """What grows, why, until when, and what may go."""

    limit_series: int | None = Field(
        1_000_000, gt=0, description="series this Prometheus may hold; null where only the memory limit counts"
    )
    limit_memory_bytes: int | None = Field(
        None, gt=0, description="memory limit in bytes; turned into series through the server's own bytes per series"
    )
    forecast_level: float = Field(0.8, ge=0.5, le=0.95, description="share of cases the forecast's interval covers")
    history_days: int = Field(90, ge=7, le=800, description="days of history that the forecast looks at")
    min_growth_series: int = Field(20, ge=1, description="smallest growth of one metric that is reported, in series")
    min_growth_share: float = Field(
        0.25, ge=0, le=100, description="smallest growth of one metric that is reported, by its series at the start"
    )
    min_proposal_series: int = Field(10, ge=1, description="smallest saving that is proposed, in series")
    max_proposals: int = Field(25, ge=0, le=500, description="how many proposals are made, the largest savings first")
    max_values_kept: int = Field(20, ge=1, le=200, description="most label values that a keep_values proposal lists")
    label_set_budget: int = Field(
        2_000_000, ge=1_000, description="label sets that are read at most: edges of the window, then series between"
    )
    series_per_query: int = Field(50_000, ge=100, description="label sets that one answer holds at most")
    samples_per_query: int = Field(
        20_000_000,
        ge=100_000,
        description="samples that one counting query reads at most (the server allows 50 million)",
    )
    protected_labels: Annotated[tuple[str, ...], Field(description="labels that are never proposed for removal")] = (
        "instance",
        "job",
        "le",
        "quantile",
    )
    owner_labels: Annotated[tuple[str, ...], Field(description="labels that name the owner of a metric")] = (
        "team",
        "owner",
    )
    remote_match: tuple[str, ...] = Field(
        (), description="selectors that other servers federate or receive, whose use cannot be seen here"
    )
    rules: tuple[Path, ...] = Field((), description="rule files; the server's own rules when empty")
    dashboards: Path | None = Field(None, description="folder of Grafana dashboards (JSON files)")
    grafana_url: str = Field("", description="base URL of Grafana, whose dashboards are read; token in GRAFANA_TOKEN")
    query_log: tuple[Path, ...] = Field((), description="query log files of Prometheus")
    previous_results: Path | None = Field(
        None, description="outputs folder with last month's results, to see whether its proposals were applied"
    )
