"""Was last month's proposal applied, and did it save what it promised?"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from analysis.cardinality import relabel
from analysis.errors import InputError
from analysis.findings import FindingsDocument

REPORT = "cardinality_growth"


def previous_document(folder: Path, start: datetime, timezone: str, environment: str = "") -> FindingsDocument | None:
    """Last month's result from an outputs folder; None where there is none.

    Args:
        folder: of all months' results.
        start: of the present window.
        timezone: of the months.
        environment: whose results, where there are several.

    Raises:
        InputError: the file is there but damaged.
    """
    local = start.astimezone(ZoneInfo(timezone))
    year, month = (local.year, local.month - 1) if local.month > 1 else (local.year - 1, 12)
    path = folder / f"{year:04d}-{month:02d}" / environment / REPORT / "findings.json"
    if not path.is_file():
        return None
    try:
        return FindingsDocument.read(path)
    except (OSError, ValidationError, UnicodeDecodeError):
        raise InputError(f"{path} is not a findings document; write it again with: promreview review") from None


def outcomes(proposals: Iterable[Mapping[str, Any]], metrics: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What became of each proposal.

    Args:
        proposals: last month's ``proposals``.
        metrics: this month's ``metrics``.

    Returns:
        The proposal's metric, action and label; ``applied`` (None where it cannot be told);
        ``promised`` and ``saved`` in series, the latter None where it was not applied.
    """
    now = {row["name"]: row for row in metrics if row["series_end"]}
    jobs = frozenset(job for row in now.values() for job in row["jobs"])
    return [_outcome(proposal, now, jobs) for proposal in proposals]


def _outcome(proposal: Mapping[str, Any], now: Mapping[str, Mapping[str, Any]], jobs: frozenset[str]) -> dict[str, Any]:
    before, after = int(proposal["series_before"]), int(proposal["series_after"])
    row = now.get(proposal["metric"])
    left = int(row["series_end"]) if row else 0
    applied = _applied(proposal, now, jobs)
    return {
        "metric": proposal["metric"],
        "action": proposal["action"],
        "label": proposal["label"],
        "applied": applied,
        "promised": before - after,
        "saved": before - left if applied else None,
    }


def _applied(proposal: Mapping[str, Any], now: Mapping[str, Mapping[str, Any]], jobs: frozenset[str]) -> bool | None:
    action, metric, label, row = *(proposal[key] for key in ("action", "metric", "label")), now.get(proposal["metric"])
    if action == "aggregate" and relabel.is_recorded(metric, label, now):
        return True
    if row is None:  # it went, or all that scraped it did, for whatever reason
        return True if action == "drop_metric" and jobs & set(proposal.get("jobs") or jobs) else None
    if action == "drop_metric":
        return False
    if row["series_end"] > 1 and not row["labels"]:
        return None  # series without a label cannot be two: the labels were beyond the budget
    if action == "keep_values":
        return bool(row["series_end"] <= int(proposal["series_after"]))
    return not any(found["values_end"] for found in row["labels"] if found["name"] == label)
