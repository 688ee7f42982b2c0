"""The command line: parses, calls, prints; nothing heavy is imported before a command needs it."""

import errno
import os
import signal
import sys
from importlib import import_module
from typing import Annotated, NoReturn

import typer

from analysis import __version__
from analysis.errors import PromreviewError

# One module each, with a function `register`; the order is that of --help.
COMMANDS = (
    "demo",
    "doctor",
    "pull",
    "archive",
    "logins",
    "cardinality",
    "rules",
    "rules_drift",
    "rules_whatif",
    "rules_recommend",
    "review",
    "environments",
    "page",
    "run",
    "decide",
    "new_report",
    "schema",
)

# What is wrong with a path that somebody gave; of anything else, such as a full disk, the run stopped half-way.
UNUSABLE = (errno.ENOENT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EISDIR, errno.ENOTDIR, errno.ENAMETOOLONG)

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False, rich_markup_mode=None)
for command in COMMANDS:
    import_module(f"analysis.cli.{command}").register(app)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"promreview {__version__}")
        raise typer.Exit


@app.callback()
def _promreview(
    version: Annotated[  # noqa: ARG001 - its callback does the work
        bool, typer.Option("--version", callback=_version, is_eager=True, help="say it and stop")
    ] = False,
    backend: Annotated[
        str, typer.Option("--backend", help="where blocks of work run: local, dask or sequential; may stand anywhere")
    ] = "",
    scheduler: Annotated[
        str, typer.Option("--scheduler", help="of the Dask cluster, tcp://HOST:PORT; may stand anywhere")
    ] = "",
) -> None:
    """Monthly review of a Prometheus: login anomalies, cardinality growth, threshold drift."""
    _choose(backend, scheduler)


def _choose(backend: str, scheduler: str) -> None:
    """Say where work runs, to this process and to those that it starts."""
    given = {"PROMREVIEW_BACKEND": backend, "PROMREVIEW_SCHEDULER": scheduler}
    os.environ.update({name: value for name, value in given.items() if value})
    if backend or scheduler:
        from analysis.fanout import FanOutSettings

        FanOutSettings.from_environment()


INTERRUPTED, TERMINATED = 128 + signal.SIGINT, 128 + signal.SIGTERM  # as a shell says it


def _terminate(*_: object) -> NoReturn:
    raise SystemExit(TERMINATED)


def main() -> None:
    """Run the command line; every error of ours ends in one line and its exit code."""
    debug = "--debug" in sys.argv
    if debug:
        sys.argv.remove("--debug")
    sys.argv[1:] = joined_parameters(hoisted(sys.argv[1:]))
    signal.signal(signal.SIGTERM, _terminate)  # cleaned up like Ctrl-C
    try:
        app()
    except SystemExit as ended:  # the parser makes one of Ctrl-C, too
        if ended.code not in (INTERRUPTED, TERMINATED):
            raise
        print("interrupted", file=sys.stderr)
        _leave(ended.code)
    except PromreviewError as error:
        if debug:
            raise
        print(f"promreview: {error}", file=sys.stderr)
        _leave(error.exit_code)
    except Exception as error:
        if debug:
            raise
        _leave(_unforeseen(error))


def _unforeseen(error: Exception) -> int:
    """Say in one line what no command expected; returns the exit code, which is never that of findings."""
    from analysis.report.secrets import strike

    said = strike(" ".join(str(error).split()))
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        print(f"promreview: {where}{error.strerror}", file=sys.stderr)
        return 2 if error.errno in UNUSABLE else 4
    print(f"promreview: a defect of promreview, {type(error).__name__}: {said}; --debug shows where", file=sys.stderr)
    return 4


def hoisted(arguments: list[str]) -> list[str]:
    """Options of the whole program before those of a command, wherever they were typed."""
    mine: list[str] = []
    rest: list[str] = []
    waiting = list(arguments)
    while waiting:
        word = waiting.pop(0)
        if word == "--":
            return [*mine, *rest, word, *waiting]
        if word.partition("=")[0] not in ("--backend", "--scheduler"):
            rest.append(word)
            continue
        mine += [word, *([waiting.pop(0)] if "=" not in word and waiting else [])]
    return [*mine, *rest]


def joined_parameters(arguments: list[str]) -> list[str]:
    """``-p NAME VALUE`` as ``-p NAME=VALUE``: the parser knows no options with two values."""
    joined, rest = [], list(arguments)
    while rest:
        joined.append(rest.pop(0))
        if joined[-1] in ("-p", "--parameter") and rest and "=" not in rest[0] and len(rest) > 1:
            joined.append(f"{rest.pop(0)}={rest.pop(0)}")
    return joined


def _leave(code: int) -> NoReturn:
    """End; where it was interrupted at once, for threads that still read from a server would be waited for."""
    sys.stdout.flush()
    if code in (INTERRUPTED, TERMINATED):
        os._exit(code)
    sys.exit(code)
