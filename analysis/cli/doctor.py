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
    timeout: Timeout = 20.0,  # noqa: ARG001 - its callback does the work
    grafana: Annotated[
        str, typer.Option("--grafana", envvar="GRAFANA_URL", help="base URL of Grafana; not looked at when empty")
    ] = "",
) -> None:
    """Check the server and what stands around it, and say which case of the guide it is; 1 = a check failed."""
    import json
    from dataclasses import asdict

    from analysis.prometheus import connect
    from analysis.settings.logins import LoginAnomaliesSettings
    from analysis.stack.doctor import examine, parse_window
    from analysis.stack.troubleshooting import cases
    from analysis.stack.troubleshooting import grafana as examine_grafana

    defaults = LoginAnomaliesSettings()
    metrics = list(dict.fromkeys(s.metric for s in (defaults.failures, defaults.successes, defaults.token_failures)))
    with connect(url) as prom:
        checks = list(examine(prom, metrics, parse_window(window)))
    if grafana:
        checks += examine_grafana(grafana)
    found = cases(checks)
    if format is Format.json:
        body = {"schema_version": 1, "checks": [asdict(check) for check in checks], "cases": found}
        print(json.dumps(body, indent=1))
    elif format is Format.csv:
        import csv
        import sys

        from analysis.cli.printing import safe_cell

        writer = csv.writer(sys.stdout)
        writer.writerow(["name", "state", "detail", "advice"])
        writer.writerows([safe_cell(value) for value in asdict(check).values()] for check in checks)
    else:
        for check in checks:
            print(f"{check.state:8}{check.name:14}{check.detail}")
            if check.advice:
                print(f"{'':22}-> {check.advice}")
        for case in found:
            print(f"the case: {case}")
    if any(check.state == "failed" for check in checks):
        raise typer.Exit(1)
