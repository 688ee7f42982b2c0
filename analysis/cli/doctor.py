"""``promreview doctor``: can a review of this server make sense?"""

from typing import Annotated

import typer

from analysis.cli.options import Environment, Format, OutputFormat, Timeout, Url


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor")(doctor)


def doctor(
    url: Url = None,
    environment: Environment = None,  # noqa: ARG001 - its callback does the work
    window: Annotated[str, typer.Option("--window", help="how far back a review would look")] = "62d",
    format: OutputFormat = Format.table,  # noqa: A002 - the option is called --format
    timeout: Timeout = 20.0,
) -> None:
    """Check reachability, clock, retention, targets, rules and metrics; 1 = a check failed, 3 = unreachable."""
    import json
    from dataclasses import asdict

    from analysis.prometheus import connect
    from analysis.settings import ConnectionSettings
    from analysis.settings.logins import LoginAnomaliesSettings
    from analysis.stack.doctor import examine, parse_window

    defaults = LoginAnomaliesSettings()
    metrics = list(dict.fromkeys(s.metric for s in (defaults.failures, defaults.successes, defaults.token_failures)))
    with connect(url, ConnectionSettings(timeout_seconds=timeout)) as prom:
        checks = list(examine(prom, metrics, parse_window(window)))
    if format is Format.json:
        print(json.dumps({"schema_version": 1, "checks": [asdict(check) for check in checks]}, indent=1))
    elif format is Format.csv:
        import csv
        import sys

        from analysis.cli.printing import safe_cell

        writer = csv.writer(sys.stdout)
        writer.writerow(["name", "state", "detail", "advice"])
        writer.writerows([safe_cell(value) for value in asdict(check).values()] for check in checks)
    else:
        for check in checks:
            print(f"{check.state:8}{check.name:11}{check.detail}")
            if check.advice:
                print(f"{'':19}-> {check.advice}")
    if any(check.state == "failed" for check in checks):
        raise typer.Exit(1)
