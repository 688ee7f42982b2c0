"""The page of a month above the pages of its environments: the verdict and the state of each."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from analysis import __version__
from analysis.decisions import current, read_decisions
from analysis.findings import SEVERITIES
from analysis.report.compare import ALARMS, compare, documents_of, open_alarms, previous_folder
from analysis.report.files import write_whole
from analysis.report.notebook_html import environment
from analysis.report.periods import period_of, shown_period
from analysis.report.shown import shown_share, shown_time
from analysis.report.status import read_status
from analysis.report.verdict import titled, verdict
from analysis.settings.environments import environments
from analysis.settings.review import MonthlyReviewSettings


def write_environments(folder: Path, settings: MonthlyReviewSettings) -> Path | None:
    """Write the page above the environments of a month, from their files.

    Args:
        folder: of one environment, ``outputs/YYYY-MM/ENVIRONMENT``.
        settings: of the review.

    Returns:
        The page; None where the folder is that of a whole month.
    """
    month = folder.parent
    if not period_of(month.name):
        return None
    folders = environment_folders(month)
    without = sorted(set(environments()) - {path.name for path in folders})
    rows = [_row(path, settings) for path in folders]
    html = (
        environment()
        .get_template("environments.html")
        .render(
            title=settings.title,
            month=shown_period(month.name),
            rows=sorted(rows, key=lambda row: [-row["counts"][s] for s in ALARMS]),
            without=without,
            severities=SEVERITIES,
            version=__version__,
            generated_at=shown_time(datetime.now(UTC), ZoneInfo(settings.timezone)),
        )
    )
    path = month / overview_name(month)
    write_whole(path, html)
    return path


def environment_folders(month: Path) -> list[Path]:
    """The folders of a month that are an environment's: they have a page of their own."""
    inside = (path for path in month.iterdir() if path.is_dir() and (path / "findings.json").exists())
    return sorted(path for path in inside if (path / "index.html").exists())


def overview_name(month: Path) -> str:
    """Name of the page above; another one where the month was reviewed without an environment, too."""
    return "environments.html" if (month / "findings.json").exists() else "index.html"


def _row(folder: Path, settings: MonthlyReviewSettings) -> dict[str, Any]:
    documents, earlier = documents_of(folder), documents_of(previous_folder(folder))
    findings = [finding for document in documents.values() for finding in document["findings"]]
    states = [_state(folder, name, documents.get(name)) for name in settings.reports]
    changes = [c for name, document in documents.items() if (c := compare(name, document, earlier.get(name)))]
    shares = [state["share"] for state in states if state["share"] is not None]
    return {
        "name": folder.name,
        "link": f"{folder.name}/index.html",
        "verdict": verdict(states, open_alarms(findings, current(read_decisions(), datetime.now(UTC).date()))),
        "counts": {s: sum(f["severity"] == s for f in findings) for s in SEVERITIES},
        "covered": shown_share(min(shares, default=None)),
        "new": sum(change.new + change.worse for change in changes) if changes else None,
        "resolved": sum(change.resolved for change in changes) if changes else None,
    }


def _state(folder: Path, name: str, document: dict[str, Any] | None) -> dict[str, Any]:
    state = read_status(folder / name, name).state if document else "failed"
    return {"title": titled(name), "state": state, "share": document["coverage"]["share"] if document else None}
