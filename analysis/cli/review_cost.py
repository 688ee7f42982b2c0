"""``promreview review --dry-run``: what the queries of a review will cost, counted on the server."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from analysis.cli.options import Format
from analysis.prometheus.rehearsal import QueryCost, Rehearsal
from analysis.report.review import Plan, is_done
from analysis.settings import ConnectionSettings

COLUMNS = ("queries", "series", "points", "requests", "points_held")
HEADINGS = ("queries", "series", "points to pull", "requests", "points in the archive")


class Cost(BaseModel):
    """What some queries cost; null where nobody can tell before the run."""

    queries: int | None = Field(description="how many queries")
    series: int | None = Field(description="series, the most that were alive at any instant looked at")
    points: int | None = Field(description="samples and label sets that will be sent")
    requests: int | None = Field(description="HTTP requests")
    points_held: int | None = Field(description="samples that the archive holds, which are not asked for")


class AskedQuery(BaseModel):
    """One query that a report will ask."""

    model_config = ConfigDict(from_attributes=True)

    expr: str = Field(description="PromQL, or what is asked where it is none")
    step: str = Field(description="in Prometheus syntax, empty for an instant query")
    series: int
    points: int
    requests: int
    points_held: int


class ReportCost(Cost):
    """What one report will ask."""

    report: str
    state: Literal["counted", "done", "unknown"] = Field(
        description="done where --resume leaves it out, unknown for a report of the team's own"
    )
    asked: list[AskedQuery] = []


class CostDocument(BaseModel):
    """What ``promreview review --dry-run --format json`` prints."""

    schema_version: Literal[1] = 1
    month: str = Field(description="YYYY-MM")
    reports: list[ReportCost]
    total: Cost = Field(description="of the reports that were counted")


def review_cost(plan: Plan, url: str, *, resume: bool) -> list[ReportCost]:
    """Count what every report of a plan will ask; nothing is pulled and nothing is written.

    Raises:
        SourceError: the server does not answer.
    """
    return [
        _entry(job.notebook.name, "done", [])
        if resume and is_done(job)
        else _cost(job.notebook.name, job.settings, url)
        for job in plan.jobs
    ]


def _cost(name: str, settings: Any, url: str) -> ReportCost:
    rehearse = _rehearsals().get(name)
    if rehearse is None:
        return ReportCost(report=name, state="unknown", **dict.fromkeys(COLUMNS))
    connection = ConnectionSettings()
    if url:
        connection = connection.model_copy(update={"url": type(connection.url)(url)})
    with Rehearsal(connection) as prom:
        rehearse(prom, settings, settings.window())
    return _entry(name, "counted", prom.costs)


def _entry(name: str, state: Literal["counted", "done"], costs: list[QueryCost]) -> ReportCost:
    asked = [AskedQuery.model_validate(cost) for cost in costs]
    return ReportCost(report=name, state=state, asked=asked, **_sums(asked))


def _rehearsals() -> dict[str, Any]:
    from analysis import cardinality, logins, thresholds, upkeep

    return {
        "login_anomalies": logins.rehearse,
        "cardinality_growth": cardinality.rehearse,
        "threshold_drift": thresholds.rehearse,
        "monitoring_gaps": upkeep.rehearse_gaps,
    }


def _sums(asked: list[AskedQuery]) -> dict[str, int]:
    return {"queries": len(asked)} | {name: sum(getattr(query, name) for query in asked) for name in COLUMNS[1:]}


def print_cost(month: str, costs: list[ReportCost], form: Format) -> None:
    """Print it as a table, or as JSON with every query."""
    total = Cost(**_sums([query for cost in costs for query in cost.asked]))
    document = CostDocument(month=month, reports=costs, total=total)
    if form is Format.json:
        print(document.model_dump_json(indent=1))
        return
    _print_table(document)


def _print_table(document: CostDocument) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("report")
    for heading in HEADINGS:
        table.add_column(heading, justify="right")
    for cost in document.reports:
        table.add_row(cost.report, *(_shown(cost, name) if cost.state == "counted" else cost.state for name in COLUMNS))
    table.add_row("total", *(_shown(document.total, name) for name in COLUMNS))
    Console(width=120).print(table)


def _shown(cost: Cost, name: str) -> str:
    return f"{getattr(cost, name):,}"
