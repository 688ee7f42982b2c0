"""Child processes, one per notebook, of which none outlives the run that started it."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from analysis.report.runner import NOTEBOOK_SECONDS

STOP_SECONDS = 5.0  # what a kernel gets to end before it is killed
NOBODY_LOOKS = {"MPLBACKEND": "agg", "TQDM_DISABLE": "1"}  # no window for figures, and no bars


class Processes:
    """Child processes under way.

    Each child holds the reading end of a pipe whose writing end only this process has: when
    this process ends, however it ends, the child reads the end of the pipe and leaves too.
    """

    def __init__(self) -> None:
        """Start with none."""
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[str]] = set()
        self._stopped = False

    def run(
        self, description: Mapping[str, Any], environment: Mapping[str, str], folder: Path | None = None
    ) -> tuple[int, str]:
        """Run one job; returns its exit code and what it said.

        Args:
            description: of the job, for the runner.
            environment: what it is given beside ours; an empty text takes a variable away.
            folder: to work in; ours when left out.
        """
        ours, theirs = os.pipe()
        try:
            whole = os.environ | NOBODY_LOOKS | dict(environment)
            kept = {name: value for name, value in whole.items() if value or name not in environment}
            process = self._start(ours, kept, folder)
            os.close(ours)
            ours = -1
            return self._wait(process, json.dumps(description)) if process else (130, "stopped")
        finally:
            os.close(theirs)
            if ours >= 0:
                os.close(ours)

    def _start(self, pipe: int, environment: Mapping[str, str], folder: Path | None) -> subprocess.Popen[str] | None:
        with self._lock:
            if self._stopped:
                return None
            process = subprocess.Popen(
                [sys.executable, "-m", "analysis.report.runner", str(pipe)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                env=environment,
                cwd=folder,
                pass_fds=(pipe,),
                start_new_session=True,
            )
            self._running.add(process)
            return process

    def _wait(self, process: subprocess.Popen[str], description: str) -> tuple[int, str]:
        try:
            _, said = process.communicate(description, timeout=2 * NOTEBOOK_SECONDS)
        except subprocess.TimeoutExpired:
            end(process)
            return 4, "took too long"
        finally:
            with self._lock:
                self._running.discard(process)
        return process.returncode, said

    def stop(self) -> None:
        """End whatever is under way, and start nothing any more."""
        with self._lock:
            self._stopped = True
            running = tuple(self._running)
        for process in running:
            process.send_signal(signal.SIGTERM)
        for process in running:
            end(process)


def end(process: subprocess.Popen[str]) -> None:
    """Ask a child to end; kill its group where it does not."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, how)
            process.wait(STOP_SECONDS)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue
        return


def leave_with(pipe: int) -> None:
    """In a child: leave when the pipe ends, that is when the process that started this one is gone."""

    def watch() -> None:
        os.read(pipe, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()
