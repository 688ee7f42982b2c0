"""The page of a month above the pages of its environments: what is true of all, the verdict and the state of each."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from analysis import __version__
from analysis.decisions import Decision
from analysis.errors import ParameterError
from analysis.findings import SEVERITIES, FindingsDocument
from analysis.report.compare import (
    ALARMS,
    compare,
    documents_of,
    mark,
    open_alarms,
    previous_folder,
    resolved,
    worst_first,
)
from analysis.report.decisions import decided_in
from analysis.report.files import write_whole
from analysis.report.finding_card import card
from analysis.report.fleet.document import FILE, UNREACHABLE
from analysis.report.fleet.fleet_finding import REPORT
from analysis.report.notebook_html import environment
from analysis.report.periods import period_of, shown_period
from analysis.report.shown import shown_number, shown_share, shown_time
from analysis.report.status import read_status
from analysis.report.verdict import titled, verdict
from analysis.settings.environments import environments, fleet_label
from analysis.settings.review import MonthlyReviewSettings


def write_environments(folder: Path, settings: MonthlyReviewSettings) -> Path | None:
    """Write the page above the environments of a month, from their files.

    Args:
        folder: of one environment, ``outputs/YYYY-MM/ENVIRONMENT``.
        settings: of the review.

    Returns:
        The page; None where the folder is that of a whole month.
    """
    return write_fleet_page(folder.parent, settings) if period_of(folder.parent.name) else None


def write_fleet_page(month: Path, settings: MonthlyReviewSettings) -> Path:
    """Write the page above, from ``fleet.json`` and the files of every environment in the folder of a month."""
    folders = environment_folders(month)
    fleet, earlier = read_fleet(month), read_fleet(previous_folder(month))
    decided = decided_in(month)
    about: dict[str, dict[str, Any]] = {row["folder"]: row for row in fleet["members"]} if fleet else {}
    rows = [_row(path, about.get(path.name, {"name": path.name}), settings, decided_in(path)) for path in folders]
    zone = ZoneInfo(settings.timezone)
    html = (
        environment()
        .get_template("environments.html")
        .render(
            title=settings.title,
            month=shown_period(month.name),
            rows=sorted(rows, key=lambda row: [-row["counts"][s] for s in ALARMS]),
            without=_without({path.name for path in folders}, about),
            fleet=_fleet(fleet, earlier, zone, settings, decided) if fleet else None,
            severities=SEVERITIES,
            version=__version__,
            generated_at=shown_time(datetime.now(UTC), zone),
        )
    )
    path = month / overview_name(month)
    write_whole(path, html)
    return path


def read_fleet(month: Path) -> dict[str, Any] | None:
    """The document of a month's fleet as it stands now; None where there is none.

    A server that did not answer then, and whose review was made since, is no finding any more.
    """
    path = month / FILE
    try:
        document = FindingsDocument.read(path)
    except (OSError, ValueError):
        return None
    body = document.model_dump()
    folders = {row["name"]: month / row["folder"] for row in body["members"]}

    def answered(finding: Mapping[str, Any]) -> bool:
        if finding["kind"] != UNREACHABLE:
            return False
        files = [folders[name] / "findings.json" for name in finding["evidence"]["members"]]
        return all(file.exists() and file.stat().st_mtime > path.stat().st_mtime for file in files)

    body["findings"] = [finding for finding in body["findings"] if not answered(finding)]
    return body


def environment_folders(month: Path) -> list[Path]:
    """The folders of a month that are an environment's: they have a page of their own."""
    inside = (path for path in month.iterdir() if path.is_dir() and (path / "findings.json").exists())
    return sorted(path for path in inside if (path / "index.html").exists())


def overview_name(month: Path) -> str:
    """Name of the page above; another one where the month was reviewed without an environment, too."""
    return "environments.html" if (month / "findings.json").exists() else "index.html"


def _fleet(
    fleet: Mapping[str, Any],
    earlier: Mapping[str, Any] | None,
    zone: ZoneInfo,
    settings: MonthlyReviewSettings,
    decided: Mapping[str, Decision],
) -> dict[str, Any]:
    """What the page shows of all members together."""
    owner = settings.owners.get(REPORT, "")
    return {
        "findings": [
            card(f, zone, decided.get(f["id"]), owner) | {"mark": mark(REPORT, f, earlier), "of": titled(REPORT)}
            for f in sorted(fleet["findings"], key=worst_first)
        ],
        "change": compare(REPORT, fleet, earlier),
        "resolved": resolved(REPORT, fleet, earlier),
        "covered": shown_share(fleet["coverage"]["share"]),
        "gaps": fleet["coverage"]["gaps"],
    }


def _without(folders: AbstractSet[str], about: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Names of those who should have a page and have none."""
    known = {*(name for name in environments() if not _is_view(name)), *about}
    return sorted(about[folder]["name"] if folder in about else folder for folder in known - folders)


def _is_view(name: str) -> bool:
    """Whether an environment stands for the clusters behind it; they are reviewed instead of it."""
    with suppress(ParameterError):  # said by its own review
        return bool(fleet_label(name))
    return False


def _row(
    folder: Path, about: Mapping[str, Any], settings: MonthlyReviewSettings, decided: Mapping[str, Decision]
) -> dict[str, Any]:
    documents, earlier = documents_of(folder), documents_of(previous_folder(folder))
    findings = [finding for document in documents.values() for finding in document["findings"]]
    states = [_state(folder, name, documents.get(name)) for name in settings.reports]
    changes = [c for name, document in documents.items() if (c := compare(name, document, earlier.get(name)))]
    shares = [state["share"] for state in states if state["share"] is not None]
    return {
        "name": about["name"],
        "series": shown_number(about.get("series")),
        "growth": _growth(about.get("series_growth")),
        "alerts": shown_number(about.get("alerts_per_week")),
        "link": f"{quote(folder.name, safe='')}/index.html",
        "verdict": verdict(states, open_alarms(findings, decided)),
        "counts": {s: sum(f["severity"] == s for f in findings) for s in SEVERITIES},
        "covered": shown_share(min(shares, default=None)),
        "new": sum(change.new + change.worse for change in changes) if changes else None,
        "resolved": sum(change.resolved for change in changes) if changes else None,
    }


def _growth(factor: float | None) -> str:
    """A factor as a change in percent."""
    return "unknown" if factor is None else f"{(factor - 1) * 100:+.3g}%"


def _state(folder: Path, name: str, document: dict[str, Any] | None) -> dict[str, Any]:
    state = read_status(folder / name, name).state if document else "failed"
    return {"title": titled(name), "state": state, "share": document["coverage"]["share"] if document else None}
