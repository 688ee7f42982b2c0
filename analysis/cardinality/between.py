"""Series that came and went between the edges, from ``/api/v1/series`` in slices of time."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

import pandas as pd

from analysis.cardinality.model import Created, Edges, Group, Labels, Reader
from analysis.errors import LACKING
from analysis.prometheus import Prometheus
from analysis.prometheus.patterns import one_of
from analysis.prometheus.spread import spread
from analysis.window import Window

MOST_SLICES = 30  # a slice a day for a month
SETS_BETWEEN = 600_000  # label sets read between the edges; more slices of a large server find little more
SAMPLE_OF_CREATED = 2_000  # label sets kept per group to explain what came and went
AT_ONCE = 4  # batches between two looks at the budget, wherever they are read: so that the same ones are

Slices = list[tuple[list[str], list[Window]]]


def between(start: datetime, end: datetime) -> Window:
    """What lies between the edges; a second at least."""
    return Window(start, max(end, start + timedelta(seconds=1)))


def names_of(prom: Prometheus, window: Window) -> list[str]:
    """Names of all metrics of a window; none beyond those at its edges where the server lists no values."""
    try:
        return prom.label_values("__name__", window=window)
    except LACKING:
        return []


def momentary(names: Iterable[str], counts: Iterable[pd.Series], trend: pd.DataFrame) -> pd.Series:
    """Metrics that were there in the window and at neither edge, with the most series they were seen with.

    Args:
        names: of all metrics of the window.
        counts: series at the edges, by metric.
        trend: series by metric over time.
    """
    at_edges = {str(name) for side in counts for name in side.index.get_level_values("metric")}
    absent = sorted(set(names) - at_edges)
    return trend.reindex(columns=absent).max().fillna(1).astype("int64")


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


class _Slices(NamedTuple):
    """One batch of metrics, slice by slice, and what is known of it."""

    names: list[str]
    windows: list[Window]
    edges: dict[Group, Edges]


def created(
    prom: Prometheus, slices: Slices, edges: Mapping[Group, Edges], budget: int
) -> tuple[dict[Group, Created], list[str]]:
    """What came and went, by group, and the metrics that were not asked for since the budget was spent.

    A rollout has no bound that counts at the edges could know of, so what was really read is counted too.

    Args:
        prom: the server.
        slices: what is asked, a batch a block.
        edges: label sets that are known.
        budget: label sets that may be read.
    """
    known: dict[str, dict[Group, Edges]] = {}
    for group, sides in edges.items():
        known.setdefault(group.metric, {})[group] = sides
    found: dict[Group, Created] = {}
    for place in range(0, len(slices), AT_ONCE):
        if budget <= 0:
            return found, [name for names, _ in slices[place:] for name in names]
        batches = [
            _Slices(names, windows, {group: sides for name in names for group, sides in known.get(name, {}).items()})
            for names, windows in slices[place : place + AT_ONCE]
        ]
        for part, read in spread(prom, _created, batches):
            found |= part
            budget -= read
    return found, []


def _created(prom: Prometheus, batch: _Slices) -> tuple[dict[Group, Created], int]:
    """What came and went of one batch, and the number of label sets that were read for it."""
    reader, seen, read = Reader(), dict[Group, set[Labels]](), 0
    for part in batch.windows:
        rows = prom.series([f"{{__name__=~{one_of(batch.names)}}}"], part)
        read += len(rows)
        for group, labels in map(reader.read, rows):
            sides = batch.edges.get(group)
            if sides is None or (labels not in sides.start and labels not in sides.end):
                seen.setdefault(group, set()).add(reader.share(labels))
    return {group: Created(len(sets), sorted(sets)[:SAMPLE_OF_CREATED]) for group, sets in seen.items()}, read
