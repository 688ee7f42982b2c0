"""``promreview rules``: what alerting rules did, slot by slot."""

from pathlib import Path
from typing import Annotated

import typer

from analysis.cli.options import End, Environment, Start, Timeout, Url

Rules = Annotated[list[Path] | None, typer.Option("--rules", help="rule files; the server's own when left out")]
Alerts = Annotated[list[str] | None, typer.Option("--alert", help="only alerts of this name; may be repeated")]
Interval = Annotated[str, typer.Option("--default-interval", help="interval of groups that name none")]

rules_app = typer.Typer(no_args_is_help=True, help="Alerting rules: replay them on what the server stored.")


def register(app: typer.Typer) -> None:
    """Add the commands."""
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
    default_interval: Interval = "1m",
    timeout: Timeout = 120.0,
) -> None:
    """Replay alerting rules over [start, end) and print every alert as JSON."""
    import json

    from analysis.prometheus import connect
    from analysis.settings import ConnectionSettings, load_settings
    from analysis.settings.thresholds import ThresholdDriftSettings
    from analysis.thresholds.collect import reviewed_rules, rule_groups
    from analysis.thresholds.replay_document import replay_document
    from analysis.window import parse_duration

    given = {"start": start, "end": end, "rule_files": [str(path) for path in rules or []], "alerts": alert or []}
    settings = load_settings(ThresholdDriftSettings, None, given)
    connection = ConnectionSettings().model_copy(update={"timeout_seconds": timeout})
    with connect(url, connection) as prom:
        chosen = reviewed_rules(rule_groups(prom, settings), settings)
        document = replay_document(prom, chosen, settings.window(), parse_duration(default_interval))
    print(json.dumps(document, allow_nan=False))
