"""``promreview logins``: login findings."""

from pathlib import Path
from typing import Annotated

import typer

from analysis.cli.options import End, Environment, FailOn, FailOnOption, Format, OutputFormat, Start, Timeout, Url


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("logins")(logins)


def logins(
    start: Start = "-30d",
    end: End = "now",
    url: Url = None,
    environment: Environment = None,  # noqa: ARG001 - its callback does the work
    history: Annotated[
        str | None, typer.Option("--history", help="what baselines learn from, before --start; else --params, else 35d")
    ] = None,
    step: Annotated[
        str | None, typer.Option("--step", help="detector step, at least four scrape intervals; else --params, else 1m")
    ] = None,
    timezone: Annotated[
        str | None, typer.Option("--timezone", help="IANA zone of the people who log in; else --params, else UTC")
    ] = None,
    settings_file: Annotated[Path | None, typer.Option("--params", help="YAML of further parameters")] = None,
    timeout: Timeout = 120.0,  # noqa: ARG001 - its callback does the work
    format: OutputFormat = Format.table,  # noqa: A002 - the option is called --format
    fail_on: FailOnOption = FailOn.never,
) -> None:
    """Find attacks and outages of the login; asks for 35 days of history before --start (see --history)."""
    from analysis.cli.printing import leave, print_result
    from analysis.logins import review
    from analysis.prometheus import connect
    from analysis.settings import load_settings
    from analysis.settings.logins import LoginAnomaliesSettings

    given = {"start": start, "end": end, "timezone": timezone, "history": history, "step": step}
    settings = load_settings(LoginAnomaliesSettings, settings_file, given)
    with connect(url) as prom:
        result = review(prom, settings, settings.window())
    print_result(result.document, format)
    leave(result.document, fail_on)
