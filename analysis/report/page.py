"""The page of the month, rendered from the result files alone."""

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from analysis import __version__
from analysis.findings import SEVERITIES, FindingsDocument
from analysis.report.notebook_html import environment
from analysis.report.save import write_whole
from analysis.settings.review import MonthlyReviewSettings

ALARMS = ("critical", "high", "medium", "low")
STANDING = ("cardinality_growth", "threshold_drift")  # their findings are the same thing from month to month
TITLES = {
    "login_anomalies": "Login anomalies",
    "cardinality_growth": "Cardinality growth",
    "threshold_drift": "Threshold drift",
}


@dataclass(frozen=True)
class Change:
    """What is new, worse, the same and resolved against last month, in one report."""

    new: int
    worse: int
    same: int
    resolved: int


def write_page(folder: Path, settings: MonthlyReviewSettings) -> Path:
    """Write ``index.html`` of a month's folder, and the archive page over all months above it."""
    month = settings.month or folder.name
    zone = ZoneInfo(settings.timezone)
    earlier = _documents(previous_folder(folder))
    reports = [_report(folder, name, earlier.get(name), settings, zone) for name in settings.reports]
    findings = sorted(
        (f for report in reports for f in report["findings"]),
        key=lambda f: (SEVERITIES.index(f["severity"]), -(f["score"] or 0)),
    )
    alarms = [f for f in findings if f["severity"] in ALARMS]
    html = (
        environment()
        .get_template("index.html")
        .render(
            title=settings.title,
            month=datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC).strftime("%B %Y")
            if _is_month(month)
            else month,
            timezone=settings.timezone,
            verdict=verdict(reports, alarms),
            top=alarms[:3],
            reports=reports,
            severities=[(s, sum(f["severity"] == s for f in findings)) for s in SEVERITIES],
            version=__version__,
            generated_at=_shown_time(datetime.now(UTC), zone),
        )
    )
    path = folder / "index.html"
    write_whole(path, html)
    return path


def _is_month(text: str) -> bool:
    return len(text) == 7 and text[4] == "-"


def previous_folder(folder: Path) -> Path:
    """The same environment's folder of the month before."""
    parts = list(folder.parts)
    for place, part in enumerate(parts):
        if _is_month(part):
            first = datetime.strptime(part, "%Y-%m").replace(tzinfo=UTC)
            parts[place] = (first - timedelta(days=1)).strftime("%Y-%m")
            return Path(*parts)
    return folder / "none"


def _documents(folder: Path) -> dict[str, dict[str, Any]]:
    try:
        body = json.loads((folder / "findings.json").read_text(encoding="utf-8"))
        return {document["report"]: document for document in body["reports"]}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def verdict(reports: list[dict[str, Any]], alarms: list[dict[str, Any]]) -> str:
    """One sentence that a meeting can start with; it never says more than the data does."""
    failed = [report["title"] for report in reports if report["state"] != "done"]
    grave = sum(f["severity"] in ("critical", "high") for f in alarms)
    text = f"{grave} of {len(alarms)} findings need a decision" if alarms else "Nothing needs a decision"
    short = [report for report in reports if report["share"] is not None and report["share"] < 0.9]
    if short:
        lowest = min(report["share"] for report in short)
        text += f", as far as the data goes: {lowest:.0%} of the month is covered"
    if failed:
        text += f"; not judged: {', '.join(failed)}"
    return text + "."


def _report(
    folder: Path, name: str, earlier: dict[str, Any] | None, settings: MonthlyReviewSettings, zone: ZoneInfo
) -> dict[str, Any]:
    from analysis.report.review import read_status

    status = read_status(folder / name, name)
    path = folder / name / "findings.json"
    document = FindingsDocument.read(path) if status.state == "done" and path.exists() else None
    findings = [_finding(f.model_dump(), zone) for f in document.findings] if document else []
    coverage = document.coverage if document else None
    return {
        "name": name,
        "title": TITLES.get(name, name.replace("_", " ").capitalize()),
        "state": status.state if document or status.state != "done" else "failed",
        "reason": status.reason,
        "seconds": status.seconds,
        "share": coverage.share if coverage else None,
        "gaps": [_gap(gap.model_dump(), zone) for gap in coverage.gaps[:20]] if coverage else [],
        "gap_count": len(coverage.gaps) if coverage else 0,
        "findings": findings[: settings.findings_shown],
        "hidden": max(0, len(findings) - settings.findings_shown),
        "figures": _figures(folder / name / "figures"),
        "notebook": f"{name}/{name}.html",
        "change": compare(name, document.model_dump() if document else None, earlier),
        "document": document,
        "asked": len(document.queries) if document else 0,
    }


def compare(name: str, now: dict[str, Any] | None, earlier: dict[str, Any] | None) -> Change | None:
    """Against last month: standing conditions by their id; events are counted, since each one is new."""
    if now is None or earlier is None:
        return None
    mine = {f["id"]: f for f in now["findings"] if f["severity"] in ALARMS}
    before = {f["id"]: f for f in earlier["findings"] if f["severity"] in ALARMS}
    if name not in STANDING:
        return Change(new=len(mine), worse=0, same=0, resolved=len(before))
    both = mine.keys() & before.keys()
    worse = sum(SEVERITIES.index(mine[i]["severity"]) < SEVERITIES.index(before[i]["severity"]) for i in both)
    return Change(len(mine.keys() - before.keys()), worse, len(both) - worse, len(before.keys() - mine.keys()))


def _finding(finding: dict[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    evidence = {key: value for key, value in finding["evidence"].items() if not isinstance(value, list | dict)}
    return finding | {
        "when": _span(finding["start"], finding["end"], zone),
        "evidence": {key.replace("_", " "): _number(value) for key, value in evidence.items() if value is not None},
        "links": {
            name: link for name, link in finding["links"].items() if str(link).startswith(("http://", "https://"))
        },
    }


def _gap(gap: dict[str, Any], zone: ZoneInfo) -> dict[str, str]:
    return {"when": _span(gap["start"], gap["end"], zone), "scope": gap["scope"], "reason": gap["reason"]}


def _span(start: datetime, end: datetime | None, zone: ZoneInfo) -> str:
    if end is None:
        return f"since {_shown_time(start, zone)}"
    local = end.astimezone(zone)
    same_day = start.astimezone(zone).date() == local.date()
    return (
        f"{_shown_time(start, zone)} – {local:%H:%M}"
        if same_day
        else f"{_shown_time(start, zone)} – {_shown_time(end, zone)}"
    )


def _shown_time(instant: datetime, zone: ZoneInfo) -> str:
    return f"{instant.astimezone(zone):%a %d %b %Y %H:%M}"


def _number(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.3g}"


def _figures(folder: Path) -> list[dict[str, str]]:
    """The report's figures as images: inside an image no script of an SVG runs."""
    import re

    shown = []
    for path in sorted(folder.glob("*.svg")):
        text = path.read_text(encoding="utf-8")
        title = re.search(r"<dc:title>(.*?)</dc:title>", text, re.DOTALL)
        body = base64.b64encode(text.encode()).decode()
        alternative = title[1] if title else path.stem.replace("_", " ")
        shown.append({"source": f"data:image/svg+xml;base64,{body}", "text": alternative})
    return shown
