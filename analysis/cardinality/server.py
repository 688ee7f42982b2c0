"""What the server says about itself; never taken for the number of series alive."""

from datetime import datetime

from analysis.errors import PromreviewError
from analysis.prometheus import Prometheus


def bytes_per_series(prom: Prometheus, at: datetime) -> float | None:
    """Resident memory by series in the head; None where the server does not scrape itself.

    The head holds series idle for up to an hour too: they cost memory like all others.
    """
    expr = "max(process_resident_memory_bytes / on (instance, job) prometheus_tsdb_head_series > 0)"
    try:
        values = prom.instant(expr, at)
    except PromreviewError:
        return None
    return float(values.iloc[0]) if len(values) and 0 < values.iloc[0] < float("inf") else None


def head_statistics(prom: Prometheus) -> dict[str, float]:
    """Series and chunks in the head as of now, idle series included; empty where there are none."""
    try:
        head = prom.status("tsdb").get("headStats") or {}
    except PromreviewError:
        return {}
    return {str(key): float(value) for key, value in head.items() if isinstance(value, int | float)}
