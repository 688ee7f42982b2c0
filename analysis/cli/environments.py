"""``promreview environments``: who would be reviewed, and in which folder its results lie."""

from datetime import timedelta
from typing import Annotated

import typer

from analysis.cli.options import EachValueOf, Environment, Format, OutputFormat, Timeout, Url


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("environments")(environments)


def environments(
    url: Url = None,
    environment: Environment = None,
    each_value_of: EachValueOf = "",
    days: Annotated[int, typer.Option("--days", help="in which a cluster has to have been there", min=1, max=400)] = 31,
    timeout: Timeout = 120.0,  # noqa: ARG001 - its callback does the work
    format: OutputFormat = Format.table,  # noqa: A002
) -> None:
    """List the environments, or the clusters of a global view, with the folders of their results."""
    import json
    from datetime import UTC, datetime

    from analysis.cli.members import fleet_of
    from analysis.cli.printing import print_rows
    from analysis.window import Window

    now = datetime.now(UTC).replace(microsecond=0)
    asked = bool(url or environment or each_value_of)
    fleet = fleet_of(
        Window(now - timedelta(days=days), now),
        url=url or "",
        environment=environment or "",
        each_value_of=each_value_of,
        every=not asked,
    )
    rows = [
        {"name": member.name, "label": member.label, "folder": member.folder, "environment": member.environment}
        for member in (fleet.members if fleet else ())
    ]
    if format is Format.json:
        typer.echo(json.dumps({"schema_version": 1, "environments": rows}, ensure_ascii=False))
    else:
        print_rows(rows, format, "no environment")
