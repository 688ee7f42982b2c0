"""Whether a server has what happened at some time, or was down then."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from analysis.window import format_duration

Get = Callable[[str, dict[str, Any]], Any]
"""Asks a page of the API; gives its data."""


def had_data(get: Get, first_ms: int, past_ms: int) -> bool:
    """Whether a server has any sample in ``[first, past)``, Unix milliseconds.

    By `up`, which each scrape writes. A server that knows no `up` is asked for labels, which it gives for whole
    blocks, and so also where it was down for hours.

    Args:
        get: asks the server.
        first_ms: Unix milliseconds.
        past_ms: the same.
    """
    span = format_duration(timedelta(milliseconds=past_ms - first_ms))
    if get("query", {"query": f"count(count_over_time(up[{span}]))", "time": (past_ms - 1) / 1000})["result"]:
        return True
    bounds = {"start": first_ms / 1000, "end": past_ms / 1000}
    return bool(get("labels", bounds)) and not get("labels", {"match[]": ["up"], **bounds})
