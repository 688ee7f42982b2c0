"""What the review asks the server, planned so that a million series are a normal case.

Counting happens on the server; label sets are read in batches and within a budget, the
metrics that changed first. What the budget leaves out is said.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

import pandas as pd

from analysis.cardinality import history, intervals, server
from analysis.cardinality.model import Collected, Created, Edges, Group, Labels, Reader, counts_series
from analysis.cardinality.selectors import OURS, alive, count_by
from analysis.findings import Gap
from analysis.prometheus import Prometheus
from analysis.prometheus.patterns import one_of
from analysis.prometheus.provenance import QueryRecord
from analysis.settings.cardinality import CardinalityGrowthSettings
from analysis.window import Window, unix_ms

MOST_SLICES = 30  # a slice a day for a month
SETS_BETWEEN = 600_000  # label sets read between the edges; more slices of a large server find little more
SAMPLE_OF_CREATED = 2_000  # label sets kept per group to explain what came and went


def collect(prom: Prometheus, settings: CardinalityGrowthSettings, window: Window) -> Collected | None:
    """Ask for everything; None where the window has no data at all."""
    back = intervals.lookback(prom)
    slow = slow_at_edges(prom, window, back)
    trend = history.trend(prom, settings, window, slow)
    seen = history.edges_with_data(prom, window, trend, slow)
    if seen is None:
        return None
    start, end = seen
    slow_start, slow_end = intervals.slow_jobs(prom, start, back), intervals.slow_jobs(prom, end, back)
    counts = [counts_at(prom, start, slow_start), counts_at(prom, end, slow_end)]
    reader = Reader()
    batches, left_out = plan(counts[0], counts[1], settings.label_set_budget, settings.series_per_query)
    edges = _edges(prom, reader, batches, (start, slow_start), (end, slow_end))
    budget = settings.label_set_budget - sum(len(e.start) + len(e.end) for e in edges.values())
    slices, not_sliced = slice_plan(batches, _sizes(edges), budget, between(start, end))
    created = _created(prom, reader, slices, edges)
    return Collected(
        start=start,
        end=end,
        counts_start=counts[0],
        counts_end=counts[1],
        edges=edges,
        created=created,
        trend=trend,
        slow_jobs={**slow_start, **slow_end},
        coverage=history.coverage(trend, window),
        gaps=(*history.gaps(trend, window, seen), *_budget_gaps(left_out, not_sliced, window)),
        bytes_per_series=server.bytes_per_series(prom, end),
        head=server.head_statistics(prom),
        ingested=frozenset(prom.label_values("__name__", window=window)),
    )


def slow_at_edges(prom: Prometheus, window: Window, back: timedelta) -> dict[str, float]:
    """The jobs that are slow at either edge of a window, with the seconds to look back for them."""
    return {**intervals.slow_jobs(prom, window.start, back), **intervals.slow_jobs(prom, window.end, back)}


def vector(prom: Prometheus, expr: str, at: datetime) -> list[dict[str, Any]]:
    """An instant query as plain rows: label sets too different from each other for one frame."""
    data = prom.get("query", {"query": expr, "time": unix_ms(at) / 1000})
    rows: list[dict[str, Any]] = data["result"]
    prom.queries.append(QueryRecord(expr=expr, step="", series=len(rows), samples=len(rows)))
    return rows


def counts_at(prom: Prometheus, at: datetime, slow: Mapping[str, float]) -> pd.Series:
    """The number of series alive at an instant, by metric, job and instance."""
    parts = (vector(prom, count_by("__name__,job,instance", expr), at) for expr in alive(slow))
    keys = ("__name__", "job", "instance")
    return counts_series(
        ((m.get(keys[0], ""), m.get(keys[1], ""), m.get(keys[2], "")), int(row["value"][1]))
        for row in chain.from_iterable(parts)
        for m in (row["metric"],)
    )


def plan(start: pd.Series, end: pd.Series, budget: int, per_query: int) -> tuple[list[list[str]], list[str]]:
    """Which metrics' label sets are read, in batches, and which are left out.

    Metrics whose number changed come first, then small ones; a metric counts with both its edges
    and once more for what lies between them.

    Returns:
        Batches of metric names, and the names beyond the budget.
    """
    sizes = pd.DataFrame({"start": start.groupby("metric").sum(), "end": end.groupby("metric").sum()}).fillna(0)
    sizes["changed"] = (sizes["end"] - sizes["start"]).abs()
    sizes["cost"] = 2 * (sizes["start"] + sizes["end"])
    sizes = sizes.sort_values(["changed", "cost"], ascending=[False, True])
    inside = sizes["cost"].cumsum() <= budget
    chosen = sizes[inside].sort_index()
    largest = chosen[["start", "end"]].max(axis=1)
    return list(_batches(largest, per_query)), sorted(map(str, sizes.index[~inside]))


def _batches(sizes: pd.Series, per_query: int) -> Iterator[list[str]]:
    batch: list[str] = []
    total = 0.0
    for name, size in sizes.items():
        if batch and (total + size > per_query or len(batch) >= 300):  # 300 names keep a request short
            yield batch
            batch, total = [], 0.0
        batch.append(str(name))
        total += size
    if batch:
        yield batch


def _edges(
    prom: Prometheus,
    reader: Reader,
    batches: Iterable[list[str]],
    start: tuple[datetime, Mapping[str, float]],
    end: tuple[datetime, Mapping[str, float]],
) -> dict[Group, Edges]:
    found: dict[Group, Edges] = {}
    for batch in batches:
        for side, (at, slow) in (("start", start), ("end", end)):
            for expr in alive(slow, batch):
                for row in vector(prom, expr + OURS, at):
                    group, labels = reader.read(row["metric"])
                    getattr(found.setdefault(group, Edges()), side).add(labels)
    return found


Slices = list[tuple[list[str], list[Window]]]


def between(start: datetime, end: datetime) -> Window:
    """What lies between the edges; a second at least."""
    return Window(start, max(end, start + timedelta(seconds=1)))


def _sizes(edges: Mapping[Group, Edges]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for group, sides in edges.items():
        sizes[group.metric] = sizes.get(group.metric, 0) + max(len(sides.start), len(sides.end))
    return sizes


def slice_plan(
    batches: list[list[str]], sizes: Mapping[str, int], budget: int, window: Window
) -> tuple[Slices, list[str]]:
    """Slices of time for each batch, as many as the budget allows; batches that no slice is left for.

    Args:
        batches: names of metrics that are asked for together.
        sizes: series of each metric.
        budget: label sets that may be read.
        window: what is sliced.
    """
    costs = [max(1, sum(sizes.get(name, 0) for name in batch)) for batch in batches]
    count = int(min(MOST_SLICES, max(2, min(budget, SETS_BETWEEN) // max(1, sum(costs)))))
    slices: Slices = []
    left_out: list[str] = []
    for batch, cost in zip(batches, costs, strict=True):
        if cost * 2 > budget:
            left_out += batch
            continue
        budget -= cost * min(count, budget // cost)
        slices.append((batch, window.split(window.duration / count)))
    return slices, left_out


def _created(prom: Prometheus, reader: Reader, slices: Slices, edges: Mapping[Group, Edges]) -> dict[Group, Created]:
    found: dict[Group, Created] = {}
    for batch, windows in slices:
        seen: dict[Group, set[Labels]] = {}
        for part in windows:
            for row in prom.series([f"{{__name__=~{one_of(batch)}}}"], part):
                group, labels = reader.read(row)
                sides = edges.get(group)
                if sides is None or (labels not in sides.start and labels not in sides.end):
                    seen.setdefault(group, set()).add(labels)
        for group, labels_seen in seen.items():
            found[group] = Created(len(labels_seen), sorted(labels_seen)[:SAMPLE_OF_CREATED])
    return found


def _budget_gaps(left_out: list[str], not_sliced: list[str], window: Window) -> Iterator[Gap]:
    for names, what in ((left_out, "labels and churn"), (not_sliced, "churn")):
        if names:
            shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
            reason = f"{what} not looked at: beyond label_set_budget; raise it to include them"
            yield Gap(start=window.start, end=window.end, scope=shown, reason=reason)
