"""What is new, worse, the same and resolved against last month."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.decisions import Decision
from analysis.findings import SEVERITIES
from analysis.report.periods import period_before, period_of

ALARMS = ("critical", "high", "medium", "low")
EVENTS = ("login_anomalies",)  # every attack is new; they are counted per kind, not followed by their ids


@dataclass(frozen=True)
class Change:
    """Counts of one report against last month; ``kinds`` is ``(kind, now, before)`` where events are counted."""

    new: int
    worse: int
    same: int
    resolved: int
    kinds: tuple[tuple[str, int, int], ...] = ()


def compare(name: str, now: Mapping[str, Any] | None, earlier: Mapping[str, Any] | None) -> Change | None:
    """Compare two documents of one report; None where one of them is missing."""
    if now is None or earlier is None:
        return None
    mine, before = _alarms(now), _alarms(earlier)
    if name in EVENTS:
        kinds = sorted({f["kind"] for f in (*mine.values(), *before.values())})
        return Change(len(mine), 0, 0, 0, tuple((k, _count(mine, k), _count(before, k)) for k in kinds))
    both = mine.keys() & before.keys()
    worse = sum(_rank(mine[i]) < _rank(before[i]) for i in both)
    return Change(len(mine.keys() - before.keys()), worse, len(both) - worse, len(before.keys() - mine.keys()))


def mark(name: str, finding: Mapping[str, Any], earlier: Mapping[str, Any] | None) -> str:
    """``new``, ``worse``, ``same``; empty text where there is nothing to compare with, or for events."""
    if earlier is None or name in EVENTS or finding["severity"] not in ALARMS:
        return ""
    before = _alarms(earlier).get(finding["id"])
    if before is None:
        return "new"
    return "worse" if _rank(finding) < _rank(before) else "same"


def resolved(name: str, now: Mapping[str, Any] | None, earlier: Mapping[str, Any] | None) -> list[str]:
    """Titles of the standing conditions that last month had and this month has not."""
    if now is None or earlier is None or name in EVENTS:
        return []
    gone = _alarms(earlier).keys() - _alarms(now).keys()
    return [f["title"] for i, f in _alarms(earlier).items() if i in gone]


def open_alarms(findings: Iterable[Mapping[str, Any]], decided: Mapping[str, Decision]) -> list[Mapping[str, Any]]:
    """The alarms that nobody has muted, the gravest first."""
    muted = {name for name, decision in decided.items() if decision.decision == "muted"}
    return sorted((f for f in findings if f["severity"] in ALARMS and f["id"] not in muted), key=worst_first)


def worst_first(finding: Mapping[str, Any]) -> tuple[int, float]:
    """The order of findings on a page: by severity, then by score."""
    return _rank(finding), -(finding["score"] or 0)


def documents_of(folder: Path) -> dict[str, dict[str, Any]]:
    """The documents of a month's ``findings.json`` by report; empty where there is none."""
    try:
        body = json.loads((folder / "findings.json").read_text(encoding="utf-8"))
        return {document["report"]: document for document in body["reports"]}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def previous_folder(folder: Path) -> Path:
    """The same environment's folder of the month, week or day before."""
    parts = list(folder.parts)
    for place in reversed(range(len(parts))):
        if period_of(parts[place]):
            parts[place] = period_before(parts[place])
            return Path(*parts)
    return folder / "none"


def _alarms(document: Mapping[str, Any]) -> dict[str, Any]:
    return {f["id"]: f for f in document["findings"] if f["severity"] in ALARMS}


def _count(findings: Mapping[str, Any], kind: str) -> int:
    return sum(f["kind"] == kind for f in findings.values())


def _rank(finding: Mapping[str, Any]) -> int:
    return SEVERITIES.index(finding["severity"])
