"""``promreview run``: one notebook through Papermill, checked before it runs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from analysis.cli.options import Environment, Timeout, Url

Parameter = Annotated[
    list[str] | None, typer.Option("-p", "--parameter", help="NAME VALUE (or NAME=VALUE); may be repeated")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="check the parameters and stop")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("run")(run)


def run(
    notebook: Annotated[str, typer.Argument(help="name of a notebook in notebooks/, or its path")],
    parameter: Parameter = None,
    url: Url = None,
    environment: Environment = None,
    output: Annotated[str, typer.Option("--output", help="folder of the results")] = "",
    dry_run: DryRun = False,
    timeout: Timeout = 120.0,  # noqa: ARG001 - its callback does the work
) -> None:
    """Run one notebook through Papermill; parameters are checked before anything runs."""
    from analysis.errors import IncompleteError
    from analysis.report.review import run_alone
    from analysis.report.runner import open_notebook, prepare

    book = open_notebook(notebook)
    values = dict(map(_pair, parameter or [])) | ({"url": url} if url else {})
    file = Path("params") / f"{book.name}.yaml"
    directory = Path(output or Path("outputs", _period(book.model, values), environment or "", book.name))
    job = prepare(book, values, directory, file if file.exists() else None)
    if dry_run:
        typer.echo(f"{book.name}: the parameters are right; nothing was run", err=True)
        return
    status = run_alone(job, file if file.exists() else None)
    if status.state != "done":
        raise IncompleteError(f"{book.name} failed: {status.reason}")
    typer.echo(str(directory / f"{book.name}.html"))


def _pair(text: str) -> tuple[str, str]:
    """Name and value of ``NAME=VALUE``, into which the program has joined ``NAME VALUE``."""
    from analysis.errors import ParameterError

    name, given, value = text.partition("=")
    if not given:
        raise ParameterError(f"-p {name}: its value is missing; write -p {name} VALUE")
    return name, value


def _period(model: object, values: Mapping[str, str]) -> str:
    """Name of the folder: the month that is asked for, else the day or week that the notebook runs on."""
    from datetime import UTC, datetime

    from analysis.report.periods import period_of

    month = values.get("month", "")
    return month if period_of(month) else datetime.now(UTC).strftime(getattr(model, "folder", "%Y-%m-%d"))
