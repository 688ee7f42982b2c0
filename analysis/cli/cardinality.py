"""``promreview cardinality``: what grows, why, until when, and what may go."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from analysis.cli.options import End, Environment, FailOn, FailOnOption, Format, OutputFormat, Start, Timeout, Url

if TYPE_CHECKING:
    from analysis.findings import ReportResult

Rules = Annotated[list[Path] | None, typer.Option("--rules", help="rule files; the server's own when left out")]
Dashboards = Annotated[Path | None, typer.Option("--dashboards", help="folder of Grafana dashboards (JSON files)")]
QueryLog = Annotated[list[Path] | None, typer.Option("--query-log", help="query log files of Prometheus")]
Limit = Annotated[int | None, typer.Option("--limit", help="series this Prometheus may hold", min=1)]
Previous = Annotated[Path | None, typer.Option("--previous", help="outputs folder with last month's results")]
Remote = Annotated[
    list[str] | None, typer.Option("--remote-match", help="selectors that other servers federate, so used unseen")
]
Parameters = Annotated[Path | None, typer.Option("--params", help="YAML file of further parameters")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("cardinality")(cardinality)


def cardinality(
    start: Start = "-30d",
    end: End = "now",
    url: Url = None,
    environment: Environment = None,  # noqa: ARG001 - its callback does the work
    rules: Rules = None,
    dashboards: Dashboards = None,
    grafana_url: Annotated[str, typer.Option("--grafana-url", help="read dashboards of this Grafana")] = "",
    query_log: QueryLog = None,
    limit: Limit = None,
    previous: Previous = None,
    remote_match: Remote = None,
    params: Parameters = None,
    output_format: OutputFormat = Format.table,
    fail_on: FailOnOption = FailOn.never,
    timeout: Timeout = 120.0,  # noqa: ARG001 - its callback does the work
) -> None:
    """Review the growth of series in the half-open window [start, end)."""
    from analysis.cardinality import review
    from analysis.cli.printing import leave, print_result
    from analysis.prometheus import connect
    from analysis.settings import load_settings
    from analysis.settings.cardinality import CardinalityGrowthSettings

    given: dict[str, Any] = {
        "start": start,
        "end": end,
        "rules": rules,
        "dashboards": dashboards,
        "grafana_url": grafana_url,
        "query_log": query_log,
    }
    given |= {"limit_series": limit, "previous_results": previous, "remote_match": remote_match}
    default = Path("params/cardinality_growth.yaml")
    file = params or (default if default.is_file() else None)
    settings = load_settings(CardinalityGrowthSettings, file, given)
    with connect(url) as prom:
        result = review(prom, settings, settings.window())
    print_result(result.document, output_format)
    if output_format is Format.table:
        _proposals(result)
    leave(result.document, fail_on)


def _proposals(result: "ReportResult") -> None:
    for proposal in (result.document.model_extra or {})["proposals"][:10]:
        what = f"{proposal['action']} {proposal['metric']} {proposal['label']}".rstrip()
        sizes = f"{proposal['series_before']:,} to {proposal['series_after']:,} series"
        print("proposal:", "".join(c if c.isprintable() else "?" for c in what), sizes)
