"""One command for a fleet: every member is reviewed in a process of its own, then what is true of all is told."""

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from analysis.cli.options import FailOn
from analysis.cli.printing import leave_for
from analysis.errors import IncompleteError, SourceError

if TYPE_CHECKING:
    from analysis.cli.members import Fleet
    from analysis.report.fleet.members import Ended, Member
    from analysis.settings.review import MonthlyReviewSettings

UNREACHABLE_FILE = "PROMREVIEW_UNREACHABLE_FILE"  # where a member's review tells why its server cannot be asked
FOUND = 1  # exit code: done, and a finding is at or above --fail-on
INTERRUPTED = 130
ENDED_BY_US = (INTERRUPTED, 143, -2, -15)


def review_fleet(
    fleet: "Fleet",
    arguments: Sequence[str],
    settings: "MonthlyReviewSettings",
    reports: Sequence[str],
    jobs: int,
    fail_on: FailOn,
) -> None:
    """Review every member, some at once; a server that does not answer is a finding, and keeps nobody back.

    Args:
        fleet: who is reviewed.
        arguments: of the command that reviews one of them, without those that say which.
        settings: of the review, with its month.
        reports: names of those that run.
        jobs: how many notebooks run at once, over all members.
        fail_on: severity that ends it with 1.

    Raises:
        SourceError: no server at all could be asked.
        IncompleteError: a review failed, or not everybody was told; names the members.
    """
    from analysis.report.deliver import deliver_fleet
    from analysis.report.fleet.page import overview_name
    from analysis.report.fleet.write import write_fleet

    at_once = min(len(fleet.members), jobs)
    each = [*arguments, "--jobs", str(max(1, jobs // at_once)), "--fail-on", fail_on.value]
    ended = run_each(fleet.members, each, at_once)
    document = write_fleet(settings, reports, fleet.members, ended, fleet.look(settings.window()))
    month = Path(settings.outputs, settings.month or "")
    typer.echo(str(month / overview_name(month)))
    records = deliver_fleet(month, document)
    _leave(fleet.members, ended, [finding.severity for finding in document.findings], fail_on)
    if not all(record["arrived"] for record in records):
        raise IncompleteError(f"the review is done, and not everybody got it; see {month / 'delivery.json'}")


def rehearse_fleet(members: Sequence["Member"], arguments: Sequence[str]) -> None:
    """Run the rehearsal of every member, one after the other.

    Raises:
        IncompleteError: one failed; names the members.
    """
    ended = run_each(members, [*arguments, "--dry-run"], 1)
    if failed := _named(members, ended, tolerated=(0,)):
        raise IncompleteError(f"failed in: {failed} (exit codes)")


def sync_each(members: Sequence["Member"], arguments: Sequence[str]) -> None:
    """Fill the archive for every member, one after the other.

    Raises:
        SourceError: no server answered.
        IncompleteError: one failed; names the members.
    """
    ended = run_each(members, ["archive", "sync", *arguments], 1)
    failed = [member for member, how in zip(members, ended, strict=True) if how.code]
    if len(failed) == len(members) and {how.code for how in ended} == {SourceError.exit_code}:
        raise SourceError("no server of the fleet could be asked")
    if failed:
        raise IncompleteError(f"not synced: {_named(members, ended, tolerated=(0,))} (exit codes)")


def run_each(members: Sequence["Member"], arguments: Sequence[str], at_once: int) -> list["Ended"]:
    """Run a command for every member, so many at once, and see how each ended."""
    from analysis.fanout import FanOutSettings, fan_out

    children, here = Children(), FanOutSettings(backend="local")  # their own work goes wherever work runs
    try:
        ended = fan_out(partial(children.review, arguments), members, settings=here, programs=at_once)
    except BaseException:
        children.stop()
        raise
    if any(each.code in ENDED_BY_US for each in ended):
        raise KeyboardInterrupt
    return ended


class Children:
    """The processes under way; their stderr is ours, so that a terminal stays one."""

    def __init__(self) -> None:
        """Start with none."""
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopped = False

    def review(self, arguments: Sequence[str], member: "Member") -> "Ended":
        """Run the command for one member."""
        from analysis.report.fleet.members import Ended

        typer.echo(f"{member.title}:", err=True)
        with tempfile.TemporaryDirectory() as folder:
            told = Path(folder, "unreachable")
            around = {**member.process_variables(), UNREACHABLE_FILE: str(told)}
            process = self._start([*arguments, *member.options], around)
            if process is None:
                return Ended(INTERRUPTED)
            try:
                code = process.wait()
            finally:
                with self._lock:
                    self._running.discard(process)
            return Ended(code, told.read_text(encoding="utf-8") if told.exists() else "")

    def _start(self, arguments: Sequence[str], variables: Mapping[str, str]) -> subprocess.Popen[bytes] | None:
        with self._lock:
            if self._stopped:
                return None
            command = [sys.executable, "-m", "analysis", *arguments]
            process = subprocess.Popen(command, env=variables)
            self._running.add(process)
            return process

    def stop(self) -> None:
        """End whatever is under way, and start nothing any more."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                process.terminate()


def note_unreachable(reason: str) -> None:
    """Where this is the review of a fleet's member: tell the fleet why the server cannot be asked."""
    if path := os.environ.get(UNREACHABLE_FILE):
        Path(path).write_text(reason, encoding="utf-8")


def _leave(members: Sequence["Member"], ended: Sequence["Ended"], severities: Sequence[str], fail_on: FailOn) -> None:
    dead = [each.unreachable for each in ended if each.unreachable and each.code not in (0, FOUND)]
    if len(dead) == len(ended):
        raise SourceError(f"no server of the fleet could be asked: {'; '.join(dict.fromkeys(dead))[:1000]}")
    if failed := _named(members, ended, tolerated=(0, FOUND)):
        raise IncompleteError(f"failed in: {failed} (exit codes)")
    if any(each.code == FOUND for each in ended):
        raise typer.Exit(FOUND)
    leave_for(severities, fail_on)


def _named(members: Sequence["Member"], ended: Sequence["Ended"], tolerated: Sequence[int]) -> str:
    """Those that failed, with their exit codes; one whose server is gone has not failed."""
    from analysis.report.fleet.members import shown_name

    pairs = zip(members, ended, strict=True)
    return ", ".join(
        f"{shown_name(m.name)} ({e.code})" for m, e in pairs if e.code not in tolerated and not e.unreachable
    )
