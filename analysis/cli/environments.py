"""One command for every environment: each is reviewed in a process of its own, one after the other."""

import subprocess
import sys
from collections.abc import Sequence

import typer

from analysis.errors import IncompleteError, InputError
from analysis.settings.environments import FOLDER, environments

FLAG = "--every-environment"
FOUND = 1  # exit code: done, and a finding is at or above --fail-on
INTERRUPTED = 130


def review_every(arguments: Sequence[str]) -> None:
    """Run the same command for each environment; one that fails does not keep the others from their turn.

    Args:
        arguments: of the command, without its program.

    Raises:
        InputError: there is no environment.
        IncompleteError: a review failed; names the environments.
    """
    names = environments()
    if not names:
        raise InputError(f"{FLAG}: there is no environment in {FOLDER}; write {FOLDER}/NAME.yaml")
    rest = [argument for argument in arguments if argument != FLAG]
    codes = {}
    for name in names:
        typer.echo(f"environment {name}:", err=True)
        codes[name] = subprocess.run(
            [sys.executable, "-m", "analysis", *rest, "--environment", name], check=False
        ).returncode
        if codes[name] in (INTERRUPTED, -2):
            raise KeyboardInterrupt
    failed = [f"{name} ({code})" for name, code in codes.items() if code not in (0, FOUND)]
    if failed:
        raise IncompleteError(f"failed in: {', '.join(failed)} (exit codes)")
    if FOUND in codes.values():
        raise typer.Exit(FOUND)
