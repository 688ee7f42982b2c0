"""How a report's run ended, as a small file beside its results."""

import hashlib
import json
import math
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from analysis.report.files import write_whole
from analysis.report.runner import Job
from analysis.settings.base import ReportSettings

State = Literal["done", "failed", "skipped"]


@dataclass(frozen=True)
class Status:
    """How one report's run ended.

    Attributes:
        report: name of the report.
        state: ``skipped`` where it has not run.
        reason: why it failed, in one line.
        seconds: how long it took.
        fingerprint: of the notebook and its effective parameters; another one is another run.
    """

    report: str
    state: State
    reason: str = ""
    seconds: float = 0.0
    fingerprint: str = ""


def read_status(directory: Path, name: str) -> Status:
    """How a report's last run ended; ``skipped`` where it has not run."""
    try:
        return Status(**json.loads((directory / "status.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return Status(name, "skipped", "has not run")


def last_seconds(directory: Path) -> float:
    """How long a report took when it last ended: in its folder, else in a month beside it; infinity if it never did.

    Args:
        directory: of the report, such as ``outputs/2026-10/login_anomalies``.
    """
    name = directory.name
    earlier = sorted(directory.parent.parent.glob(f"*/{name}/status.json"), reverse=True)
    for folder in (directory, *(path.parent for path in earlier)):
        status = read_status(folder, name)
        if status.state != "skipped":
            return status.seconds
    return math.inf


def write_status(directory: Path, status: Status) -> None:
    """Write it whole; this is the last file of a run, so what it says is complete."""
    write_whole(directory / "status.json", json.dumps(asdict(status)))


def fingerprint(job: Job, now: datetime | None = None) -> str:
    """What a job would do: its notebook and its effective parameters, without the server's address.

    Where its window is not over yet, today's date too, so that a later run does not take half a month for the whole.
    """
    settings = job.settings.model_dump_json() if job.settings else ""
    values = {key: value for key, value in job.values.items() if key != "url"}
    notebook = job.notebook.path.read_text(encoding="utf-8")
    parts = [notebook, settings, json.dumps(values, sort_keys=True), _unfinished_day(job, now)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _unfinished_day(job: Job, now: datetime | None) -> str:
    """The date up to which there is data, empty where the window is over."""
    if not isinstance(job.settings, ReportSettings):
        return ""
    now = (now or datetime.now(UTC)).replace(microsecond=0)
    return "" if job.settings.window(now).end < now else f"{now:%Y-%m-%d}"
