"""What is there at the edges of a month, and which counters rose in it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.prometheus import Prometheus
from analysis.prometheus.patterns import one_of
from analysis.window import Window

MOMENT = timedelta(milliseconds=1)
LOOKS = 30  # stamps in a short window at which counters are read
DAILY_FROM = timedelta(days=10)  # windows from here on are read once a day: whole days are what the archive holds
BATCH_SERIES = 2_000  # series of one query, whose labels become levels of one frame
EARLIER = "1d"  # a metric that was there on the day before the window is not new


@dataclass(frozen=True)
class Inventory:
    """What is there.

    Attributes:
        series: number of series at the window's end by metric and job.
        started: metrics that were not there at the window's start; None where nothing was, so that nobody can tell.
    """

    series: Mapping[tuple[str, str], int]
    started: frozenset[str] | None

    @property
    def jobs(self) -> dict[str, set[str]]:
        """Jobs of each metric; the empty text where a series has none."""
        found: dict[str, set[str]] = {}
        for metric, job in self.series:
            found.setdefault(metric, set()).add(job)
        return found


def take_inventory(prom: Prometheus, window: Window) -> Inventory:
    """Count the series at the end of the window, and find the metrics that began in it."""
    series = _counts(prom, '{__name__!=""}', window.end - MOMENT)
    before = {name for name, _ in _counts(prom, '{__name__!=""}', window.start)}
    if not before:
        return Inventory(series, None)
    fresh = sorted({name for name, _ in series} - before)
    seen: set[str] = set()
    for at in range(0, len(fresh), 200):  # 200 names keep a request short
        expr = f"last_over_time({{__name__=~{one_of(fresh[at : at + 200])}}}[{EARLIER}])"
        seen |= {name for name, _ in _counts(prom, expr, window.start)}
    return Inventory(series, frozenset(set(fresh) - seen))


def _counts(prom: Prometheus, expr: str, at: datetime) -> dict[tuple[str, str], int]:
    counted = prom.instant(f"count by (__name__, job) ({expr})", at)
    rows = counted.reset_index().to_dict("records")
    return {(str(row.get("__name__", "")), str(row.get("job", ""))): int(row[0]) for row in rows}


def rises(
    prom: Prometheus, series: Mapping[tuple[str, str], int], names: Iterable[str], window: Window, budget: int
) -> tuple[dict[tuple[str, str], float], list[str]]:
    """By how much counters rose, at least: what a restart wiped out between two looks is not seen.

    Args:
        prom: the server.
        series: number of series by metric and job.
        names: the counters.
        window: when.
        budget: series that are read at most; counters with few series come first.

    Returns:
        Rise by metric and job, and the counters that the budget left out.
    """
    sizes = pd.Series(dict.fromkeys(names, 0), dtype="int64")
    for (name, _), count in series.items():
        if name in sizes.index:
            sizes[name] += count
    sizes = sizes.sort_values(kind="stable")
    inside = sizes.cumsum() <= budget
    found: dict[tuple[str, str], float] = {}
    for batch in _batches(sizes[inside]):
        found |= _rises_of(prom, batch, window)
    return found, sorted(map(str, sizes.index[~inside]))


def _batches(sizes: pd.Series) -> list[list[str]]:
    batches: list[list[str]] = []
    total = BATCH_SERIES + 1
    for name, size in sizes.items():
        total += int(size)
        if total > BATCH_SERIES or len(batches[-1]) >= 200:
            batches.append([])
            total = int(size)
        batches[-1].append(str(name))
    return batches


def _rises_of(prom: Prometheus, names: list[str], window: Window) -> dict[tuple[str, str], float]:
    selector = f"{{__name__=~{one_of(names)}}}"
    looks = prom.range(selector, window.start, window.end, _step(window))
    last = prom.instant(selector, window.end - MOMENT)
    values = pd.DataFrame(dict(zip(_labels(looks.columns), looks.to_numpy().T, strict=True)), index=looks.index)
    now = pd.DataFrame([dict(zip(_labels(last.index), last, strict=True))], index=[pd.Timestamp(window.end)])
    counters = pd.concat([values, now])
    pairs = [(dict(labels).get("__name__", ""), dict(labels).get("job", "")) for labels in counters.columns]
    rise = increases(counters, [job for _, job in pairs])
    found: dict[tuple[str, str], float] = {}
    for pair, amount in zip(pairs, rise, strict=True):
        found[pair] = found.get(pair, 0.0) + float(amount)
    return found


def _labels(index: pd.Index) -> list[frozenset[tuple[str, str]]]:
    """The labels of each series, without those that it lacks."""
    rows = index.to_frame(index=False).to_dict("records")
    return [frozenset((str(name), str(value)) for name, value in row.items() if value) for row in rows]


def _step(window: Window) -> timedelta:
    if window.duration >= DAILY_FROM:
        return timedelta(days=1)
    return timedelta(seconds=max(1, int(window.duration.total_seconds() / LOOKS)))


def increases(frame: pd.DataFrame, jobs: Sequence[str]) -> list[float]:
    """How much each column, a counter, rose: over restarts, and from zero where it began after others of its job.

    What a job had counted when it was first seen is no rise.

    Args:
        frame: samples of counters, NaN = no sample.
        jobs: the job of each column.

    Returns:
        One number of at least 0 per column.
    """
    began: dict[str, int] = {}
    samples = frame.to_numpy(dtype="float64")
    for place, job in enumerate(jobs):
        rows = np.flatnonzero(~np.isnan(samples[:, place]))
        if len(rows):
            began[job] = min(began.get(job, len(samples)), int(rows[0]))
    return [_increase(samples[:, place], began.get(job, 0)) for place, job in enumerate(jobs)]


def _increase(samples: NDArray[np.float64], began: int) -> float:
    seen = samples[~np.isnan(samples)]
    if not len(seen):
        return 0.0
    steps = np.diff(seen)
    late = seen[0] if np.isnan(samples[began]) else 0.0
    return float(steps[steps > 0].sum() + seen[1:][steps < 0].sum() + late)
