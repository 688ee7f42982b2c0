"""Notebooks under way, each in a process of its own: of this machine, or of a cluster's workers."""

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from platform import node
from typing import Any, NamedTuple

from pydantic import SecretStr

from analysis.errors import InputError
from analysis.fanout import FanOutSettings, fan_out, is_wanted, step_aside
from analysis.prometheus.travelling import Travelling
from analysis.report.processes import Processes
from analysis.report.runner import Job
from analysis.report.secrets import known_secrets, strike
from analysis.settings import ConnectionSettings

LOOK_SECONDS = 0.5  # between two looks whether anybody still waits for a notebook that runs on a worker


class Task(NamedTuple):
    """One notebook to run, as it travels: names, values and paths from the folder of the review, and no secret."""

    report: str
    description: dict[str, Any]


class Ended(NamedTuple):
    """How it ended: the exit code, what was said, and the seconds it took."""

    report: str
    code: int
    said: str
    seconds: float


def task_of(job: Job, parameter_file: Path | None) -> Task:
    """What has to be known to run a job; the server's address is not part of it, for it may hold a secret."""
    values = job.typed | {key: value for key, value in job.values.items() if key != "url"}
    description = {
        "notebook": str(job.notebook.path),
        "values": values,
        "directory": str(job.directory),
        "parameter_file": str(parameter_file) if parameter_file else "",
    }
    return Task(job.notebook.name, description)


def run_tasks(tasks: Sequence[Task], url: str, told: Callable[[Ended], object], at_once: int = 1) -> None:
    """Run notebooks; one that fails does not stop the others.

    Args:
        tasks: what is run, the first ones first.
        url: of the server, where one was given.
        told: called when one has ended.
        at_once: how many run at once.

    Raises:
        InputError: a worker does not see the folder of the review.
        SourceError: there is no cluster where one was asked for.
    """
    where = FanOutSettings.from_environment()
    if where.backend == "dask":
        fan_out(_Elsewhere.of(url, where), tasks, settings=where, told=told, programs=at_once)
        return
    processes = Processes()
    given = {"PROMETHEUS_URL": url} if url else {}  # never as a parameter: those stand in the notebook
    try:
        fan_out(_Here(processes, given), tasks, settings=where, told=told, programs=at_once)
    except BaseException:
        processes.stop()
        raise


@dataclass(frozen=True)
class _Here:
    processes: Processes
    variables: Mapping[str, str]
    folder: Path = Path()

    def __call__(self, task: Task) -> Ended:
        (self.folder / task.description["directory"] / "status.json").unlink(missing_ok=True)
        began = time.monotonic()
        code, said = self.processes.run(task.description, self.variables, self.folder)
        said = strike(said, known_secrets(os.environ | self.variables))
        return Ended(task.report, code, said, time.monotonic() - began)


@dataclass(frozen=True)
class _Elsewhere:
    """Runs a notebook on a worker, which sees the same folders; its secrets are its own."""

    connection: Travelling
    variables: Mapping[str, str]
    folder: Path

    @classmethod
    def of(cls, url: str, where: FanOutSettings) -> "_Elsewhere":
        own = {"PROMREVIEW_BACKEND": where.backend, "PROMREVIEW_SCHEDULER": where.scheduler or ""}
        given = ConnectionSettings().model_copy(update={"url": SecretStr(url)} if url else {})
        return cls(Travelling.of(given), own, Path.cwd())

    def __call__(self, task: Task) -> Ended:
        notebook = self.folder / task.description["notebook"]
        if not notebook.exists():
            raise InputError(
                f"the worker {node()} does not see {notebook}; notebooks run on a cluster "
                "where the folder of the review is on a disk that its workers share"
            )
        variables = {**self.connection.variables_there(), **self.variables}
        step_aside()  # the notebook's own work needs the place
        processes, ended = Processes(), threading.Event()
        threading.Thread(target=_stop_unwanted, args=(processes, is_wanted(), ended), daemon=True).start()
        try:
            return _Here(processes, variables, self.folder)(task)
        finally:
            ended.set()


def _stop_unwanted(processes: Processes, wanted: Callable[[], bool], ended: threading.Event) -> None:
    """End a notebook for which nobody waits any more: whoever asked for it was interrupted, or has died."""
    while not ended.wait(LOOK_SECONDS):
        if not wanted():
            processes.stop()
            return
