"""The page of the month, rendered from the result files alone."""

import base64
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from analysis import __version__
from analysis.decisions import Decision
from analysis.errors import ParameterError
from analysis.findings import SEVERITIES, FindingsDocument
from analysis.report.compare import compare, documents_of, mark, open_alarms, previous_folder, resolved, worst_first
from analysis.report.decisions import decided_in
from analysis.report.files import write_whole
from analysis.report.finding_card import card
from analysis.report.notebook_html import environment
from analysis.report.periods import period_of, period_part, shown_period
from analysis.report.scorecard import end_of, scorecard
from analysis.report.shown import shown_length, shown_share, shown_span, shown_time
from analysis.report.status import read_status
from analysis.report.verdict import titled, verdict
from analysis.settings.base import read_yaml
from analysis.settings.review import MonthlyReviewSettings

PAGE_BYTES = 3_000_000  # mail servers and phones take it; figures beyond it are linked instead
GAPS_SHOWN, QUERIES_SHOWN = 20, 30


def write_page(folder: Path, settings: MonthlyReviewSettings) -> Path:
    """Write ``index.html`` of a month's, week's or day's folder, from the files in it and in the folder before it."""
    zone, name = ZoneInfo(settings.timezone), settings.month or period_part(folder)
    earlier = documents_of(previous_folder(folder))
    budget = [int(PAGE_BYTES * 0.8)]  # the rest is text
    decided = decided_in(folder)
    reports = [_report(folder, name, earlier.get(name), settings, zone, budget, decided) for name in settings.reports]
    findings = sorted((f for r in reports for f in r["findings"]), key=worst_first)
    alarms = open_alarms(findings, decided)
    documents = {report["name"]: report["document"] for report in reports}
    changes = [report["change"] for report in reports if report["change"]]
    html = (
        environment()
        .get_template("index.html")
        .render(
            title=settings.title,
            month=shown_period(name),
            period=period_of(name) or "period",
            timezone=settings.timezone,
            verdict=verdict(reports, [f for r in reports for f in r["alarms"]], period_of(name) or "period"),
            top=[f for f in alarms if f["mark"] != "same"][:3] or alarms[:3],
            reports=reports,
            groups=[(s, [f for f in findings if f["severity"] == s]) for s in SEVERITIES],
            scorecard=scorecard(decided.values(), documents, end_of(documents, settings)),
            severities=[(s, sum(r["counts"][s] for r in reports)) for s in SEVERITIES],
            change={k: sum(getattr(c, k) for c in changes) for k in ("new", "worse", "same", "resolved")}
            if changes
            else None,
            archive="../index.html" if period_of(folder.name) else "../../index.html",
            above=_above(folder),
            environment=folder.name,
            version=__version__,
            generated_at=shown_time(datetime.now(UTC), zone),
        )
    )
    path = folder / "index.html"
    write_whole(path, html)
    return path


def _above(folder: Path) -> str:
    """The page above the environments; empty where the folder is a month's."""
    if period_of(folder.name):
        return ""
    return "../environments.html" if (folder.parent / "findings.json").exists() else "../index.html"


def _report(
    folder: Path,
    name: str,
    earlier: dict[str, Any] | None,
    settings: MonthlyReviewSettings,
    zone: ZoneInfo,
    budget: list[int],
    decided: Mapping[str, Decision],
) -> dict[str, Any]:
    """Everything the templates show of one report."""
    status, document, problem = read_status(folder / name, name), None, ""
    if status.state == "done":
        document, problem = _document(folder / name / "findings.json")
    body = document.model_dump() if document else None
    every = sorted(body["findings"], key=worst_first) if body else []
    report = {
        **asdict(status),
        "name": name,
        "document": document,
        "title": titled(name),
        "state": "failed" if problem else status.state,
        "reason": problem or status.reason,
        "counts": {s: sum(f["severity"] == s for f in every) for s in SEVERITIES},
        "total": len(every),
        "alarms": open_alarms(every, decided),
        "findings": [
            card(f, zone, decided.get(f["id"]), settings.owners.get(name, ""))
            | {"mark": mark(name, f, earlier), "of": titled(name)}
            for f in every[: settings.findings_shown]
        ],
        "hidden": max(0, len(every) - settings.findings_shown),
        "change": compare(name, body, earlier),
        "resolved": resolved(name, body, earlier),
        "share": None,
        "covered": "unknown",
        "took": shown_length(status.seconds),
        "notebook": f"{name}/{name}.html" if (folder / name / f"{name}.html").exists() else "",
    }
    return report | (_provenance(document, folder / name, zone, budget) if document else {})


def _document(path: Path) -> tuple[FindingsDocument | None, str]:
    try:
        return FindingsDocument.read(path), ""
    except OSError:
        return None, "the notebook ran but wrote no findings.json"
    except ValueError:
        return None, "its findings.json does not follow the schema"


def _provenance(document: FindingsDocument, folder: Path, zone: ZoneInfo, budget: list[int]) -> dict[str, Any]:
    gaps, queries = document.coverage.gaps, document.queries
    return {
        "share": document.coverage.share,
        "covered": shown_share(document.coverage.share),
        "gaps": [_gap(gap.model_dump(), zone) for gap in gaps[:GAPS_SHOWN]],
        "gap_count": len(gaps),
        **_figures(folder / "figures", budget),
        "source": document.source,
        "window": shown_span(document.window.start, document.window.end, zone),
        "queries": queries[:QUERIES_SHOWN],
        "query_count": len(queries),
        "samples": sum(query.samples for query in queries),
        "parameters": _parameters(folder / "parameters.yaml"),
    }


def _parameters(path: Path) -> dict[str, str]:
    try:
        return {str(key): str(value) for key, value in read_yaml(path).items()}
    except ParameterError:
        return {}


def _gap(gap: dict[str, Any], zone: ZoneInfo) -> dict[str, str]:
    return {"when": shown_span(gap["start"], gap["end"], zone), "scope": gap["scope"], "reason": gap["reason"]}


def _figures(folder: Path, budget: list[int]) -> dict[str, list[dict[str, str]]]:
    """The report's figures as images: inside an image no script of an SVG runs.

    What would make the page larger than `PAGE_BYTES` is linked instead. Numbered figures show
    one thing each, the others all of them: those come first, and the numbered ones are folded.
    """
    paths = sorted(folder.glob("*.svg"))
    overviews = [path for path in paths if not path.stem[-1:].isdigit()]
    numbered = [path for path in paths if path not in overviews]
    return {"figures": _images(overviews, budget), "single_figures": _images(numbered, budget)}


def _images(paths: Iterable[Path], budget: list[int]) -> list[dict[str, str]]:
    shown = []
    for path in paths:
        text = path.read_text(encoding="utf-8")
        title = re.search(r"<dc:title>(.*?)</dc:title>", text, re.DOTALL)
        alternative = unescape(title[1]) if title and title[1].strip() else path.stem.replace("_", " ")
        body = base64.b64encode(text.encode()).decode()
        budget[0] -= len(body)
        source = f"data:image/svg+xml;base64,{body}" if budget[0] > 0 else ""
        shown.append({"source": source, "text": alternative, "file": "/".join(path.parts[-3:])})
    return shown
