"""``promreview rules whatif``: what other thresholds and durations would have done."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from analysis.cli.options import End, Environment, Format, OutputFormat, Start, Timeout, Url
from analysis.cli.rules import Interval, Rules, rules_app

Name = Annotated[str, typer.Option("--alert", help="the alert to try values for")]
Thresholds = Annotated[
    list[str] | None,
    typer.Option("--threshold", help="A:B:STEP or values 1,2,3; once for each number of the rule (`today` keeps one)"),
]
Fors = Annotated[list[str] | None, typer.Option("--for", help="values of `for`, such as 0,5m,15m")]
Keeps = Annotated[list[str] | None, typer.Option("--keep-firing-for", help="values of `keep_firing_for`")]
Parameters = Annotated[Path | None, typer.Option("--params", help="YAML file of further parameters")]
_SHOWN = (
    "threshold",
    "for",
    "keep_firing_for",
    "alerts_per_month",
    "pages_per_month",
    "firing_minutes",
    "pages_outside_working_hours",
    "flaps",
    "near_misses",
    "incidents_caught",
    "latest_seconds",
)


def register(_: typer.Typer) -> None:
    """Add the command to those of the rules."""
    rules_app.command("whatif")(whatif)


def settings_of(given: dict[str, Any], params: Path | None) -> Any:
    """Settings of the threshold review: the file given, else that of the report, then what was typed.

    An option that was not typed is None or an empty list, and says nothing.
    """
    from analysis.settings import load_settings
    from analysis.settings.thresholds import ThresholdDriftSettings

    default = Path("params/threshold_drift.yaml")
    typed = {name: value for name, value in given.items() if value not in (None, [])}
    return load_settings(ThresholdDriftSettings, params or (default if default.is_file() else None), typed)


def whatif(
    alert: Name,
    threshold: Thresholds = None,
    for_: Fors = None,
    keep_firing_for: Keeps = None,
    start: Start = "-30d",
    end: End = "now",
    url: Url = None,
    environment: Environment = None,  # noqa: ARG001 - its callback does the work
    rules: Rules = None,
    default_interval: Interval = "1m",
    params: Parameters = None,
    output_format: OutputFormat = Format.table,
    timeout: Timeout = 120.0,  # noqa: ARG001 - its callback does the work
) -> None:
    """Count alerts and pages for every combination of threshold, for and keep_firing_for over [start, end)."""
    from analysis.findings import document_json
    from analysis.prometheus import connect
    from analysis.thresholds.whatif_document import Asked, whatif_document

    given = {"start": start, "end": end, "alerts": [alert], "default_interval": default_interval}
    settings = settings_of(given | {"rule_files": [str(path) for path in rules or []]}, params)
    asked = Asked(threshold or (), for_ or (), keep_firing_for or ())
    with connect(url) as prom:
        document, tables = whatif_document(prom, settings, settings.window(), asked)
    for skipped in document.skipped:
        print(f"promreview: {skipped.alert} in {skipped.file}: {skipped.reason}", file=sys.stderr)
    if output_format is Format.json:
        print(document_json(document))
    elif output_format is Format.csv:
        for table in tables:
            print(table.to_csv(index=False), end="")
    else:
        for rule in document.rules:
            rows = [combination.model_dump() for combination in rule.combinations]
            print_combinations(f"{rule.alert}: {rule.expr}", rows, _SHOWN, rule.current.model_dump())
            print(f"recall is {rule.recall}", file=sys.stderr)


def print_combinations(title: str, rows: list[dict[str, Any]], names: tuple[str, ...], current: dict[str, Any]) -> None:
    """Rows as a table for people; today's values are marked."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, title=Text(title), title_justify="left")
    for name in ("", *names):
        table.add_column(name.replace("_", " "))
    for row in rows:
        mark = "today" if all(row.get(key) == value for key, value in current.items()) else ""
        table.add_row(Text(mark), *(Text(_cell(row.get(name))) for name in names))
    Console(width=None if sys.stdout.isatty() else 200).print(table)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
