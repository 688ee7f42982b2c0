"""``promreview new-report``: a team's own report from a template."""

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("new-report")(new)


def new(
    name: Annotated[str, typer.Argument(help="name of the report: small letters, digits and _")],
    expr: Annotated[str, typer.Option("--expr", help="PromQL that the report asks")] = "up",
    limit: Annotated[float, typer.Option("--limit", help="values above it are findings")] = 1.0,
) -> None:
    """Make a notebook, its parameters and its test from a template."""
    from analysis.report.new_report import new_report

    for path in new_report(name, expr, limit):
        typer.echo(str(path))
