"""``promreview rules``: what alerting rules did, slot by slot."""

from pathlib import Path
from typing import Annotated, Any

import typer

from analysis.cli import rules_patch
from analysis.cli.options import End, Environment, Format, OutputFormat, Start, Timeout, Url

Rules = Annotated[list[Path] | None, typer.Option("--rules", help="rule files; the server's own when left out")]
Alerts = Annotated[list[str] | None, typer.Option("--alert", help="only alerts of this name; may be repeated")]
Interval = Annotated[
    str,
    typer.Option("--default-interval", help="for groups that name none; else the server's global one"),
]

_PRINT_QUERIES = "each query's URL, on standard error; everything is asked from this process then"
rules_app = typer.Typer(no_args_is_help=True, help="Alerting rules: replay them on what the server stored.")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    rules_patch.register(rules_app)
    app.add_typer(rules_app, name="rules")


@rules_app.callback()
def _rules() -> None:
    """Alerting rules: replay them on what the server stored."""


@rules_app.command("replay")
def replay(
    start: Start = "-30d",
    end: End = "now",
    url: Url = None,
    environment: Environment = None,  # noqa: ARG001 - its callback does the work
    rules: Rules = None,
    alert: Alerts = None,
    default_interval: Interval = "",
    timeout: Timeout = 120.0,  # noqa: ARG001 - its callback does the work
    format: OutputFormat = Format.json,  # noqa: A002 - the option is called --format
    print_queries: Annotated[bool, typer.Option("--print-queries", help=_PRINT_QUERIES)] = False,
) -> None:
    """Replay alerting rules over [start, end) and print every alert, slot by slot."""
    from dataclasses import replace

    from tqdm.auto import tqdm

    from analysis.errors import InputError
    from analysis.fanout import FanOutSettings
    from analysis.prometheus import connect
    from analysis.settings import load_settings
    from analysis.settings.thresholds import ThresholdDriftSettings
    from analysis.thresholds.collect import readable_groups, reviewed_rules
    from analysis.thresholds.replay_document import broken_file, replay_document
    from analysis.thresholds.server_defaults import server_defaults
    from analysis.window import parse_duration

    given = {"start": start, "end": end, "rule_files": [str(path) for path in rules or []], "alerts": alert or []}
    settings = load_settings(ThresholdDriftSettings, None, given)
    own_interval = parse_duration(default_interval) if default_interval else None
    with connect(url) as prom:
        if print_queries:
            prom.session.hooks["response"].append(_print_query)
        groups, broken = readable_groups(prom, settings)
        defaults = server_defaults(prom)
        interval = own_interval or defaults.interval
        groups = [replace(defaults, interval=interval).applied(group) for group in groups]
        chosen = reviewed_rules(groups, settings)
        if (unknown := sorted(set(alert or []) - {rule.name for _, rule in chosen})) and not broken:
            raise InputError(
                f"no alerting rule is named {' or '.join(unknown)}; without --alert, every rule is replayed"
            )
        where = FanOutSettings(backend="sequential") if print_queries else None
        with tqdm(total=len(chosen), desc="replaying rules", unit="rule", disable=None) as bar:
            document = replay_document(prom, chosen, settings.window(), interval, bar.update, where)
    document["skipped"] = [broken_file(file, error) for file, error in broken] + document["skipped"]
    _print(document, format)


def _print_query(response: Any, *_: Any, **__: Any) -> None:
    """One URL that was asked: what curl would have to fetch for the same answer."""
    if "/query" in response.request.path_url:
        typer.echo(response.request.url, err=True)  # credentials are in its headers, never in it


def _print(document: dict[str, Any], form: Format) -> None:
    import csv
    import json
    import sys

    from analysis.cli.printing import safe_cell

    if form is Format.json:
        print(json.dumps(document, allow_nan=False))
        return
    rows = [
        (
            a["alert"],
            i["state"],
            _shown(i["start"]),
            _shown(i["end"]),
            " ".join("=".join(p) for p in a["labels"].items()),
        )
        for a in document["alerts"]
        for i in a["intervals"]
    ]
    if form is Format.csv:
        writer = csv.writer(sys.stdout)
        writer.writerow(["alert", "state", "first_slot", "last_slot", "labels"])
        writer.writerows([[safe_cell(cell) for cell in row] for row in rows])
        return
    for row in sorted(rows, key=lambda row: row[2]):
        line = f"{row[2]}  {row[3]}  {row[1]:8}{row[0]}  {row[4]}"
        print("".join(c if c.isprintable() else "?" for c in line))  # label values may hold a terminal's commands
    for skipped in document["skipped"]:
        print(f"skipped: {skipped['file']} {skipped['alert'] or ''}: {skipped['reason']}", file=sys.stderr)
    agreement = document["agreement"]
    if agreement:
        said = f"replay and history agree on {agreement['equal']} of {agreement['compared']} samples"
        print(said, file=sys.stderr)


def _shown(seconds: float) -> str:
    from datetime import UTC, datetime

    from analysis.window import format_time

    return format_time(datetime.fromtimestamp(seconds, UTC))
