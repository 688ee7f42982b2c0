"""Differences beside which a target left service discovery: a known limit of asking afterwards.

Prometheus waits for a scrape interval and a tenth of one before it ends the series of a target that left, and dates
the end back to the beginning of that time: rules saw the last samples meanwhile, who asks afterwards does not.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from analysis.errors import PromreviewError, UnreachableError
from analysis.prometheus import Prometheus

LEFT = (
    "a target left service discovery just before: its series are ended about one scrape interval back in time, so "
    "the last samples that the rule saw are not found afterwards"
)
LATEST_SCRAPES = 2.2  # scrape intervals from the last scrape to where the series are ended at last
MOST_ASKED = 50  # queries; differences at more slots than that have another cause
OFTEN = "quantile(0.1, count_over_time(up[10m]))"  # scrapes of the targets that are scraped least often
UNKNOWN_SCRAPE = timedelta(minutes=1)


def name_leavers(prom: Prometheus, differing: Sequence[dict[str, Any]], memory: Mapping[str, timedelta]) -> None:
    """Give differences the reason that a target had left.

    Args:
        prom: the server that recorded.
        differing: of the agreement's document; each is changed in place.
        memory: by the name of alerts, for how long a rule remembers what it saw, and one interval.
    """
    told: dict[tuple[float, timedelta], bool] = {}
    for difference in differing:
        key = (difference["at"], memory[difference["alert"]])
        if key not in told:
            told[key] = len(told) < MOST_ASKED and _has_left(prom, *key)
        if told[key]:
            difference["reason"] = LEFT


def _has_left(prom: Prometheus, at: float, memory: timedelta) -> bool:
    """Whether a target was scraped shortly before a slot whose series have an end at it."""
    counts = _asked(prom, OFTEN, at)
    scrape = timedelta(minutes=10) / counts[0] if counts and counts[0] >= 1 else UNKNOWN_SCRAPE
    lately = round((LATEST_SCRAPES * scrape + memory) / timedelta(milliseconds=1))
    return bool(_asked(prom, f"count(last_over_time(up[{lately}ms]) unless up)", at))


def _asked(prom: Prometheus, expr: str, at: float) -> list[float]:
    try:
        found = prom.get("query", {"query": expr, "time": at})["result"]
    except UnreachableError:
        raise
    except PromreviewError:
        return []
    return [float(series["value"][1]) for series in found]
