"""Was last month's proposal applied, and did it save what it promised?"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from analysis.errors import InputError
from analysis.findings import FindingsDocument

REPORT = "cardinality_growth"


def previous_document(folder: Path, start: datetime, timezone: str) -> FindingsDocument | None:
    """Last month's result from an outputs folder; None where there is none.

    Raises:
        InputError: the file is there but damaged.
    """
    local = start.astimezone(ZoneInfo(timezone))
    year, month = (local.year, local.month - 1) if local.month > 1 else (local.year - 1, 12)
    path = folder / f"{year:04d}-{month:02d}" / REPORT / "findings.json"
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
    now = {row["name"]: row for row in metrics}
    return [_outcome(proposal, now) for proposal in proposals]


def _outcome(proposal: Mapping[str, Any], now: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    before, after = int(proposal["series_before"]), int(proposal["series_after"])
    row = now.get(proposal["metric"])
    left = int(row["series_end"]) if row else 0
    applied = _applied(proposal, row, left)
    return {
        "metric": proposal["metric"],
        "action": proposal["action"],
        "label": proposal["label"],
        "applied": applied,
        "promised": before - after,
        "saved": before - left if applied else None,
    }


def _applied(proposal: Mapping[str, Any], row: Mapping[str, Any] | None, left: int) -> bool | None:
    if proposal["action"] == "drop_metric":
        return left == 0
    if not row or not left:
        return None  # the whole metric went, for whatever reason
    values = next((label["values_end"] for label in row["labels"] if label["name"] == proposal["label"]), 0)
    if proposal["action"] in ("drop_label", "aggregate"):
        return values == 0
    return left <= int(proposal["series_after"])
