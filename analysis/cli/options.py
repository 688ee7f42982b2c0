"""Options that several commands share, each declared once."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Annotated

import typer


class Format(StrEnum):
    """How a result is printed."""

    table = "table"
    json = "json"
    csv = "csv"


class FailOn(StrEnum):
    """From which severity on the exit code is 1."""

    never = "never"
    critical = "critical"
    high = "high"
    medium = "medium"
    low = "low"
    info = "info"
    unknown = "unknown"


Url = Annotated[
    str | None, typer.Option("--url", help="base URL of the server; else --environment, else PROMETHEUS_URL")
]


def _use(name: str | None) -> str | None:
    if name:
        from analysis.settings.environments import use_environment

        use_environment(name)
    return name


Environment = Annotated[
    str | None,
    typer.Option("--environment", help="use params/environments/NAME.yaml", metavar="NAME", callback=_use),
]
EveryEnvironment = Annotated[bool, typer.Option("--every-environment", help="for each of params/environments")]
EachValueOf = Annotated[
    str,
    typer.Option(
        "--each-value-of", metavar="LABEL", help="for each cluster of a global view: each value of this label"
    ),
]
Start = Annotated[str, typer.Option("--start", help="RFC 3339, Unix seconds, or relative such as -30d")]
End = Annotated[str, typer.Option("--end", help="end of the window, not included")]
OutputFormat = Annotated[Format, typer.Option("--format", help="table, json or csv")]
TIMEOUT_VARIABLE = "PROMETHEUS_TIMEOUT_SECONDS"


@contextmanager
def _patient(seconds: float) -> Iterator[None]:
    before = os.environ.get(TIMEOUT_VARIABLE)
    os.environ[TIMEOUT_VARIABLE] = str(seconds)
    try:
        yield
    finally:
        os.environ.pop(TIMEOUT_VARIABLE)
        os.environ.update({TIMEOUT_VARIABLE: before} if before is not None else {})


def _wait(context: typer.Context, seconds: float) -> float:
    """Every connection of this command and of what it starts is bounded so, not only the one that it makes itself."""
    context.with_resource(_patient(seconds))
    return seconds


Timeout = Annotated[
    float,
    typer.Option(
        "--timeout",
        help="seconds for one whole query with its retries",
        min=0.1,
        envvar=TIMEOUT_VARIABLE,
        callback=_wait,
    ),
]
FailOnOption = Annotated[FailOn, typer.Option("--fail-on", help="exit with 1 from this severity on")]
