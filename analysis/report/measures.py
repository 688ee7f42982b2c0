"""Numbers of a month that are compared: with other months, and with other members of a fleet."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from analysis.findings import TimeSpan


def alerts_per_week(documents: Mapping[str, Any]) -> float | None:
    """Alerts of all rules that could be replayed, per week of the month; None where none could."""
    document = documents.get("threshold_drift", {})
    counts = [row["held_out"]["alerts_current"] for row in document.get("recommendations", ()) if row.get("held_out")]
    known = [count for count in counts if count is not None]
    if not known:
        return None
    window = TimeSpan.model_validate(document["window"])
    return sum(known) * (timedelta(days=7) / (window.end - window.start))
