"""``promreview review --dry-run``: what the queries of a review will cost, counted on the server."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from analysis.cli.options import Format
from analysis.prometheus.rehearsal import QueryCost, Rehearsal
from analysis.report.review import Plan, is_done
from analysis.settings import ConnectionSettings

COLUMNS = ("queries", "series", "points", "requests", "points_held")
HEADINGS = ("queries", "series", "points to pull", "requests", "points in the archive")


@dataclass(frozen=True)
class ReportCost:
    """What one report will ask.

    Attributes:
        report: its name.
        state: ``counted``; ``done`` where `--resume` leaves it out; ``unknown`` for a report of the team's own.
        queries: each with its cost.
    """

    report: str
    state: str
    queries: tuple[QueryCost, ...] = ()

    def sums(self) -> dict[str, int]:
        """Number of queries, and the sums of what they cost."""
        return _sums(self.queries)


def review_cost(plan: Plan, url: str, *, resume: bool) -> list[ReportCost]:
    """Count what every report of a plan will ask; nothing is pulled and nothing is written.

    Raises:
        SourceError: the server does not answer.
    """
    return [
        ReportCost(job.notebook.name, "done")
        if resume and is_done(job)
        else _cost(job.notebook.name, job.settings, url)
        for job in plan.jobs
    ]


def _cost(name: str, settings: Any, url: str) -> ReportCost:
    rehearse = _rehearsals().get(name)
    if rehearse is None:
        return ReportCost(name, "unknown")
    connection = ConnectionSettings()
    if url:
        connection = connection.model_copy(update={"url": type(connection.url)(url)})
    with Rehearsal(connection) as prom:
        rehearse(prom, settings, settings.window())
    return ReportCost(name, "counted", tuple(prom.costs))


def _rehearsals() -> dict[str, Any]:
    from analysis import cardinality, logins, thresholds, upkeep

    return {
        "login_anomalies": logins.rehearse,
        "cardinality_growth": cardinality.rehearse,
        "threshold_drift": thresholds.rehearse,
        "monitoring_gaps": upkeep.rehearse_gaps,
    }


def _sums(queries: Iterable[QueryCost]) -> dict[str, int]:
    every = list(queries)
    return {"queries": len(every)} | {name: sum(getattr(query, name) for query in every) for name in COLUMNS[1:]}


def print_cost(month: str, costs: list[ReportCost], form: Format) -> None:
    """Print it as a table, or as JSON with every query."""
    total = _sums(query for cost in costs for query in cost.queries)
    if form is Format.json:
        reports = [{"report": cost.report, "state": cost.state, **cost.sums(), "asked": _asked(cost)} for cost in costs]
        print(json.dumps({"schema_version": 1, "month": month, "reports": reports, "total": total}, indent=1))
        return
    _print_table(costs, total)


def _asked(cost: ReportCost) -> list[dict[str, Any]]:
    return [asdict(query) for query in cost.queries]


def _print_table(costs: list[ReportCost], total: dict[str, int]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("report")
    for heading in HEADINGS:
        table.add_column(heading, justify="right")
    for cost in costs:
        sums = cost.sums()
        shown = [f"{sums[name]:,}" for name in COLUMNS] if cost.state == "counted" else [cost.state] * len(COLUMNS)
        table.add_row(cost.report, *shown)
    table.add_row("total", *(f"{total[name]:,}" for name in COLUMNS))
    Console(width=120).print(table)
