"""``promreview cardinality``: what grows, why, until when, and what may go."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from analysis.cli.options import End, FailOn, FailOnOption, Format, OutputFormat, Start, Timeout, Url

if TYPE_CHECKING:
    from analysis.findings import ReportResult

Rules = Annotated[list[Path] | None, typer.Option("--rules", help="rule files; the server's own when left out")]
Dashboards = Annotated[Path | None, typer.Option("--dashboards", help="folder of Grafana dashboards (JSON files)")]
QueryLog = Annotated[list[Path] | None, typer.Option("--query-log", help="query log files of Prometheus")]
Limit = Annotated[int | None, typer.Option("--limit", help="series this Prometheus may hold", min=1)]
Previous = Annotated[Path | None, typer.Option("--previous", help="outputs folder with last month's results")]
Parameters = Annotated[Path | None, typer.Option("--params", help="YAML file of further parameters")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("cardinality")(cardinality)


def cardinality(
    start: Start = "-30d",
    end: End = "now",
    url: Url = None,
    rules: Rules = None,
    dashboards: Dashboards = None,
    query_log: QueryLog = None,
    limit: Limit = None,
    previous: Previous = None,
    params: Parameters = None,
    output_format: OutputFormat = Format.table,
    fail_on: FailOnOption = FailOn.never,
    timeout: Timeout = 120.0,
) -> None:
    """Review the growth of series in the half-open window [start, end)."""
    from analysis.cardinality import review
    from analysis.prometheus import connect
    from analysis.settings import ConnectionSettings, load_settings
    from analysis.settings.cardinality import CardinalityGrowthSettings

    given: dict[str, Any] = {
        "start": start,
        "end": end,
        "rules": rules,
        "dashboards": dashboards,
        "query_log": query_log,
    }
    given |= {"limit_series": limit, "previous_results": previous}
    default = Path("params/cardinality_growth.yaml")
    file = params or (default if default.is_file() else None)
    settings = load_settings(CardinalityGrowthSettings, file, given)
    connection = ConnectionSettings().model_copy(update={"timeout_seconds": timeout})
    with connect(url, connection) as prom:
        result = review(prom, settings, settings.window())
    _print(result, output_format)
    _fail(result, fail_on)


def _print(result: "ReportResult", output_format: Format) -> None:
    if output_format is Format.json:
        print(result.document.to_json())
    elif output_format is Format.csv:
        print(result.tables["metrics"].drop(columns="labels", errors="ignore").to_csv(index=False), end="")
    else:
        for finding in result.document.findings:
            print(f"{finding.severity:9} {_one_line(finding.title)}")
        for proposal in (result.document.model_extra or {})["proposals"][:10]:
            print(f"proposal  {proposal['action']} {proposal['metric']} {proposal['label']}".rstrip(), end=": ")
            print(f"{proposal['series_before']:,} to {proposal['series_after']:,} series")


def _one_line(text: str) -> str:
    """A title with a value from outside: nothing in it may steer the terminal."""
    return "".join(c if c.isprintable() else "?" for c in text)


def _fail(result: "ReportResult", fail_on: FailOn) -> None:
    from analysis.findings import SEVERITIES

    severities = {finding.severity for finding in result.document.findings}
    if fail_on is FailOn.never:
        return
    if fail_on is FailOn.unknown:
        bad = "unknown" in severities
    else:
        bad = any(s in SEVERITIES[: SEVERITIES.index(fail_on.value) + 1] for s in severities)
    if bad:
        raise typer.Exit(1)
