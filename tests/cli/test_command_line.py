"""What every command keeps to: help at once, one line for what went wrong, and no exit code of findings for it."""

import errno
import subprocess
import sys

import pytest
from typer.main import get_command

from analysis import cli
from analysis.cli.run import _period
from analysis.settings.upkeep import WeeklyReviewSettings

HEAVY = ("pandas", "numpy", "pydantic", "pyarrow", "requests", "papermill", "rich")


def test_help_imports_nothing_that_only_a_command_needs():
    code = f"import sys, analysis.cli; print([name for name in {HEAVY} if name in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "[]"


def _commands(command, path=()):
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from _commands(inner, (*path, name))


def test_every_command_and_every_option_says_what_it_is():
    for path, command in _commands(get_command(cli.app)):
        assert command.help, path
        for option in command.params:
            assert getattr(option, "help", None), (path, option.name)


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (
            PermissionError(errno.EACCES, "Permission denied", "outputs/2026-10"),
            2,
            "outputs/2026-10: Permission denied",
        ),
        (OSError(errno.ENOSPC, "No space left on device", "outputs/x"), 4, "outputs/x: No space left"),
        (OSError(errno.ENOSPC, "No space left on device"), 4, "promreview: No space left"),
        (KeyError("surprise"), 4, "--debug"),
    ],
)
def test_what_nobody_foresaw_is_one_line_and_never_the_code_of_findings(monkeypatch, capsys, error, code, words):
    def fails():
        raise error

    monkeypatch.setattr(cli, "app", fails)
    monkeypatch.setattr(sys, "argv", ["promreview"])
    with pytest.raises(SystemExit) as left:
        cli.main()
    said = capsys.readouterr().err
    assert left.value.code == code
    assert words in said
    assert said.count("\n") == 1
    monkeypatch.setattr(sys, "argv", ["promreview", "--debug"])
    with pytest.raises(type(error)):
        cli.main()


def test_a_run_lies_in_the_folder_of_its_period_and_nowhere_else():
    assert _period(None, {"month": "2026-10"}) == "2026-10"
    assert "/" not in _period(None, {"month": "../../elsewhere"})
    assert "-W" in _period(WeeklyReviewSettings, {})
