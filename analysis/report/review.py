"""The whole review: every notebook in a process of its own, then the summary and the page."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from analysis.errors import InputError
from analysis.findings import SCHEMA_VERSION
from analysis.report.page import write_page
from analysis.report.runner import NOTEBOOK_SECONDS, Job, open_notebook, prepare
from analysis.report.save import write_whole
from analysis.settings.review import MonthlyReviewSettings

SUMMARY = "monthly_review"
STOP_SECONDS = 5.0  # what a kernel gets to end before it is killed
State = Literal["done", "failed", "skipped"]


@dataclass(frozen=True)
class Status:
    """How one report's run ended."""

    report: str
    state: State
    reason: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Plan:
    """A checked review: nothing has run yet.

    Attributes:
        settings: the review's own settings.
        folder: ``outputs/YYYY-MM[/ENVIRONMENT]``.
        jobs: one per report, in the order of the page.
        parameter_files: the YAML of each report, where there is one.
        values: what every notebook is given.
    """

    settings: MonthlyReviewSettings
    folder: Path
    jobs: tuple[Job, ...]
    parameter_files: Mapping[str, Path | None]
    values: Mapping[str, str]


def plan_review(
    settings: MonthlyReviewSettings,
    *,
    url: str = "",
    environment: str = "",
    only: Sequence[str] = (),
    notebooks: Path = Path("notebooks"),
    params: Path = Path("params"),
) -> Plan:
    """Check every parameter of every report before anything runs.

    Raises:
        InputError: an unknown report, or a parameter that is wrong; names it.
    """
    unknown = sorted(set(only) - set(settings.reports))
    if unknown:
        raise InputError(f"--only {unknown[0]}: the review has {', '.join(settings.reports)}")
    window = settings.window()
    month = settings.month or window.start.astimezone().strftime("%Y-%m")
    folder = Path(settings.outputs, month, *([environment] if environment else []))
    values = {"month": month, "timezone": settings.timezone, "url": url}
    files = {name: path if (path := params / f"{name}.yaml").exists() else None for name in settings.reports}
    jobs = []
    for name in settings.reports:
        if only and name not in only:
            continue
        jobs.append(prepare(open_notebook(name, notebooks), values, folder / name, files[name]))
    return Plan(settings, folder, tuple(jobs), files, values)


def run_review(
    plan: Plan,
    *,
    workers: int = 2,
    resume: bool = False,
    told: Callable[[Status], object] = lambda _status: None,
) -> list[Status]:
    """Run every report of a plan, then the summary and the page; a failing report never stops the others.

    Args:
        plan: what `plan_review` checked.
        workers: how many notebooks run at once.
        resume: leave out what an earlier run has done.
        told: called when a report ends, from any thread.

    Raises:
        InputError: another run is at work in the same folder.
    """
    plan.folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(plan.folder / ".lock", timeout=0)
    try:
        with lock:
            return _run_locked(plan, workers, resume=resume, told=told)
    except Timeout:
        raise InputError(f"another review is at work in {plan.folder}; wait for it to end") from None


def _run_locked(plan: Plan, workers: int, *, resume: bool, told: Callable[[Status], object]) -> list[Status]:
    processes = _Processes()
    with ThreadPoolExecutor(max(1, workers)) as pool:
        try:
            statuses = list(
                pool.map(
                    lambda job: _run_one(plan.parameter_files, job, processes, resume=resume, told=told), plan.jobs
                )
            )
        except BaseException:
            processes.stop()
            raise
    write_summary(plan.folder, plan.settings.reports)
    notebook = open_notebook(SUMMARY, plan.jobs[0].notebook.path.parent) if plan.jobs else None
    if notebook:
        values = {"month": plan.values["month"], "folder": str(plan.folder)}
        summary = Job(notebook, None, values, plan.folder / SUMMARY)
        statuses.append(_run_one({}, summary, processes, resume=False, told=told))
    write_page(plan.folder, plan.settings)
    return statuses


class _Processes:
    """Child processes under way, so that Ctrl-C leaves none behind."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[str]] = set()

    def run(self, description: Mapping[str, Any]) -> tuple[int, str]:
        """Run one job; returns its exit code and what it said."""
        command = [sys.executable, "-m", "analysis.report.runner"]
        environment = os.environ | {"MPLBACKEND": "agg"}
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            start_new_session=True,  # the kernel is in its group, and ends with it
        )
        with self._lock:
            self._running.add(process)
        try:
            _, said = process.communicate(json.dumps(description), timeout=2 * NOTEBOOK_SECONDS)
        except subprocess.TimeoutExpired:
            _end(process)
            return 4, "took too long"
        finally:
            with self._lock:
                self._running.discard(process)
        return process.returncode, said

    def stop(self) -> None:
        """End whatever is under way."""
        with self._lock:
            for process in self._running:
                _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    for how in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, how)
            process.wait(STOP_SECONDS)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue
        return


def run_alone(job: Job, parameter_file: Path | None) -> Status:
    """Run one prepared notebook in a process of its own."""
    processes = _Processes()
    try:
        return _run_one({job.notebook.name: parameter_file}, job, processes, resume=False)
    except BaseException:
        processes.stop()
        raise


def _run_one(
    parameter_files: Mapping[str, Path | None],
    job: Job,
    processes: _Processes,
    *,
    resume: bool,
    told: Callable[[Status], object] = lambda _status: None,
) -> Status:
    name = job.notebook.name
    if resume and read_status(job.directory, name).state == "done":
        status = read_status(job.directory, name)
        told(status)
        return status
    (job.directory / "status.json").unlink(missing_ok=True)
    began = time.monotonic()
    file = parameter_files.get(name)
    code, said = processes.run(
        {
            "notebook": str(job.notebook.path),
            "values": job.values,
            "directory": str(job.directory),
            "parameter_file": str(file) if file else "",
        }
    )
    lines = [line for line in said.strip().splitlines() if line.strip()]
    reason = "" if code == 0 else (lines[-1] if lines else f"ended with {code}")
    status = Status(name, "done" if code == 0 else "failed", reason[:500], round(time.monotonic() - began, 1))
    write_whole(job.directory / "status.json", json.dumps(asdict(status)))
    told(status)
    return status


def read_status(directory: Path, name: str) -> Status:
    """How a report's last run ended; ``skipped`` where it has not run."""
    try:
        return Status(**json.loads((directory / "status.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return Status(name, "skipped", "has not run")


def write_summary(folder: Path, reports: Sequence[str]) -> None:
    """``findings.json`` of the month: the documents of all reports that have one."""
    documents = []
    for name in reports:
        path = folder / name / "findings.json"
        if path.exists() and read_status(folder / name, name).state == "done":
            documents.append(json.loads(path.read_text(encoding="utf-8")))
    body = {"schema_version": SCHEMA_VERSION, "report": SUMMARY, "reports": documents}
    write_whole(folder / "findings.json", json.dumps(body, indent=1, ensure_ascii=False))
