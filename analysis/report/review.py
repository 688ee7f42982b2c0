"""The whole review: every notebook in a process of its own, then the summary and the page."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from filelock import FileLock, Timeout

from analysis.errors import InputError
from analysis.findings import SCHEMA_VERSION
from analysis.report.archive_page import write_archive
from analysis.report.files import write_whole
from analysis.report.fleet.page import write_environments
from analysis.report.metrics import write_metrics
from analysis.report.page import write_page
from analysis.report.runner import Job, open_notebook, prepare, write_html
from analysis.report.running import Ended, run_tasks, task_of
from analysis.report.status import State, Status, fingerprint, last_seconds, read_status, write_status
from analysis.settings.review import MonthlyReviewSettings

SUMMARY = "monthly_review"
STOPPED = 130  # a child that was told to stop


@dataclass(frozen=True)
class Plan:
    """A checked review: nothing has run yet.

    Attributes:
        settings: the review's own settings.
        folder: ``outputs/YYYY-MM[/ENVIRONMENT]``.
        jobs: one per report, in the order of the page.
        parameter_files: the YAML of each report, where there is one.
        values: what every notebook is given.
        environment: name of the environment, empty where there is only one.
    """

    settings: MonthlyReviewSettings
    folder: Path
    jobs: tuple[Job, ...]
    parameter_files: Mapping[str, Path | None]
    values: Mapping[str, str]
    environment: str = ""


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
    month = settings.month or window.start.astimezone(ZoneInfo(settings.timezone)).strftime("%Y-%m")
    folder = Path(settings.outputs, month, *([environment] if environment else []))
    values = {"month": month, "timezone": settings.timezone, "url": url}
    files = {name: path if (path := params / f"{name}.yaml").exists() else None for name in settings.reports}
    jobs = []
    for name in settings.reports:
        if only and name not in only:
            continue
        jobs.append(prepare(open_notebook(name, notebooks), values, folder / name, files[name]))
    return Plan(settings, folder, tuple(jobs), files, values, environment)


def run_review(
    plan: Plan,
    *,
    workers: int = 2,
    resume: bool = False,
    summary: bool = True,
    told: Callable[[Status], object] = lambda _status: None,
) -> list[Status]:
    """Run every report of a plan, then the summary and the page; a failing report never stops the others.

    Args:
        plan: what `plan_review` checked.
        workers: how many notebooks run at once.
        resume: leave out what an earlier run has done.
        summary: run the notebook over all reports too; the page does not need it.
        told: called when a report ends.

    Raises:
        InputError: another run is at work in the same folder.
    """
    plan.folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(plan.folder / ".lock", timeout=0)
    try:
        with lock:
            return _run_locked(plan, workers, resume=resume, summary=summary, told=told)
    except Timeout:
        raise InputError(f"another review is at work in {plan.folder}; wait for it to end") from None


def _run_locked(
    plan: Plan, workers: int, *, resume: bool, summary: bool, told: Callable[[Status], object]
) -> list[Status]:
    slowest_first = sorted(plan.jobs, key=lambda job: -last_seconds(job.directory))  # none is left for the end
    done = [read_status(job.directory, job.notebook.name) for job in slowest_first if resume and is_done(job)]
    for status in done:
        told(status)
    names = {status.report for status in done}
    jobs = [job for job in slowest_first if job.notebook.name not in names]
    ended = done + _run(jobs, plan.parameter_files, told, workers)
    order = [job.notebook.name for job in plan.jobs]
    statuses = sorted(ended, key=lambda status: order.index(status.report))
    write_summary(plan.folder, plan.settings.reports)
    notebook = open_notebook(SUMMARY, plan.jobs[0].notebook.path.parent) if plan.jobs and summary else None
    if notebook:
        values = {"month": plan.values["month"], "folder": str(plan.folder)}
        job = Job(notebook, None, values, plan.folder / SUMMARY)
        statuses += _run([job], {}, told)
    write_page(plan.folder, plan.settings)
    write_environments(plan.folder, plan.settings)
    outputs = Path(plan.settings.outputs)
    write_archive(outputs, plan.settings.title)
    whole = all(read_status(plan.folder / name, name).state == "done" for name in plan.settings.reports)
    directory = Path(plan.settings.metrics_directory or outputs)
    write_metrics(directory, plan.folder, plan.environment, statuses, whole=whole)
    return statuses


def is_done(job: Job) -> bool:
    """Whether an earlier run has done exactly this."""
    earlier = read_status(job.directory, job.notebook.name)
    return earlier.state == "done" and earlier.fingerprint == fingerprint(job)


def run_alone(job: Job, parameter_file: Path | None) -> Status:
    """Run one prepared notebook in a process of its own."""
    [status] = _run([job], {job.notebook.name: parameter_file}, lambda _status: None)
    return status


def _run(
    jobs: Sequence[Job],
    parameter_files: Mapping[str, Path | None],
    told: Callable[[Status], object],
    at_once: int = 1,
) -> list[Status]:
    """Run jobs, and leave beside each how it ended."""
    by_name = {job.notebook.name: job for job in jobs}
    marks = {name: fingerprint(job) for name, job in by_name.items()}
    statuses: list[Status] = []

    def note(ended: Ended) -> None:
        lines = [line for line in ended.said.strip().splitlines() if line.strip()]
        reason = "" if ended.code == 0 else (lines[-1] if lines else f"ended with {ended.code}")
        state: State = "done" if ended.code == 0 else "failed"
        status = Status(ended.report, state, reason[:500], round(ended.seconds, 1), marks[ended.report])
        statuses.append(status)
        if ended.code != STOPPED:  # a run that was stopped has not ended: the next one does it again
            write_status(by_name[ended.report].directory, status)
            told(status)

    url = next((job.values["url"] for job in jobs if job.values.get("url")), "")
    run_tasks([task_of(job, parameter_files.get(job.notebook.name)) for job in jobs], url, note, at_once)
    return statuses


def remake_page(folder: Path, settings: MonthlyReviewSettings) -> Path:
    """Make the page again from the files; a report that something else ran counts as done where it left findings."""
    for name in settings.reports:
        where = folder / name
        if (where / "findings.json").exists() and not (where / "status.json").exists():
            write_status(where, Status(name, "done"))
            if (where / f"{name}.ipynb").exists():
                write_html(where / f"{name}.ipynb")
    write_summary(folder, settings.reports)
    path = write_page(folder, settings)
    write_environments(folder, settings)
    write_archive(Path(settings.outputs), settings.title)
    return path


def write_summary(folder: Path, reports: Sequence[str]) -> None:
    """``findings.json`` of the month: the documents of all reports that have one."""
    documents = []
    for name in reports:
        path = folder / name / "findings.json"
        if path.exists() and read_status(folder / name, name).state == "done":
            documents.append(json.loads(path.read_text(encoding="utf-8")))
    body = {"schema_version": SCHEMA_VERSION, "report": SUMMARY, "reports": documents}
    write_whole(folder / "findings.json", json.dumps(body, indent=1, ensure_ascii=False))
