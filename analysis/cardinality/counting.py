"""Series counted on the server at one instant, and each instant once."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

import pandas as pd

from analysis.cardinality import intervals
from analysis.cardinality.model import counts_series
from analysis.cardinality.selectors import alive, count_by
from analysis.prometheus import Prometheus
from analysis.window import unix_ms


def vector(prom: Prometheus, expr: str, at: datetime) -> list[dict[str, Any]]:
    """An instant query as plain rows: label sets too different from each other for one frame."""
    data = prom.get("query", {"query": expr, "time": unix_ms(at) / 1000})
    rows: list[dict[str, Any]] = data["result"]
    return rows


class Instants:
    """What is alive at instants; remembered, since to count a million series costs the server seconds.

    Args:
        prom: the server.
    """

    def __init__(self, prom: Prometheus) -> None:
        """Ask for the lookback, and for nothing yet of the series."""
        self.prom = prom
        self._back: timedelta = intervals.lookback(prom)
        self._slow: dict[datetime, dict[str, float]] = {}
        self._counts: dict[tuple[datetime, tuple[tuple[str, float], ...]], pd.Series] = {}

    def slow_jobs(self, at: datetime) -> dict[str, float]:
        """The jobs that are slow at an instant, with the seconds to look back for them."""
        if at not in self._slow:
            self._slow[at] = intervals.slow_jobs(self.prom, at, self._back)
        return self._slow[at]

    def counts(self, at: datetime, slow: Mapping[str, float]) -> pd.Series:
        """The number of series alive at an instant, by metric, job and instance.

        Args:
            at: the instant.
            slow: jobs to look back for, with the seconds.
        """
        key = (at, tuple(sorted(slow.items())))
        if key not in self._counts:
            self._counts[key] = _counts_at(self.prom, at, slow)
        return self._counts[key]

    def has_data(self, at: datetime, slow: Mapping[str, float]) -> bool:
        """Whether anything is alive at an instant; does not look at what."""
        return any(len(self.prom.instant(f"count({expr})", at)) for expr in alive(slow))


def _counts_at(prom: Prometheus, at: datetime, slow: Mapping[str, float]) -> pd.Series:
    parts = (vector(prom, count_by("__name__,job,instance", expr), at) for expr in alive(slow))
    keys = ("__name__", "job", "instance")
    return counts_series(
        ((m.get(keys[0], ""), m.get(keys[1], ""), m.get(keys[2], "")), int(row["value"][1]))
        for row in chain.from_iterable(parts)
        for m in (row["metric"],)
    )
