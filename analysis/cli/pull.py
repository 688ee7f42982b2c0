"""``promreview pull``: one range query, as long rows."""

import typer

from analysis.cli.options import Url


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("pull")(pull)


def pull(expr: str, start: str = "-1h", end: str = "now", step: str = "1m", url: Url = None) -> None:
    """Pull one range query over the half-open window [start, end)."""
    from analysis.prometheus import connect

    with connect(url) as prom:
        print(prom.range(expr, start, end, step).to_csv())
