"""What the review asks the server, planned so that a million series are a normal case.

Counting happens on the server; label sets are read in batches and within a budget, the
metrics that changed first. What the budget leaves out is said.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from analysis.cardinality import history, server
from analysis.cardinality.between import between, created, momentary, names_of, slice_plan
from analysis.cardinality.counting import Instants, vector
from analysis.cardinality.model import Collected, Edges, Group, Reader
from analysis.cardinality.selectors import OURS, alive
from analysis.errors import LACKING
from analysis.findings import Gap
from analysis.prometheus import Prometheus
from analysis.prometheus.spread import spread
from analysis.settings.cardinality import CardinalityGrowthSettings
from analysis.window import Window


def collect(prom: Prometheus, settings: CardinalityGrowthSettings, window: Window) -> Collected | None:
    """Ask for everything; None where the window has no data at all."""
    instants = Instants(prom)
    slow = {**instants.slow_jobs(window.start), **instants.slow_jobs(window.end)}
    trend = history.trend(instants, settings, window, slow)
    seen = history.edges_with_data(instants, window, trend, slow)
    if seen is None:
        return None
    start, end = seen
    slow_start, slow_end = instants.slow_jobs(start), instants.slow_jobs(end)
    counts = [instants.counts(start, slow_start), instants.counts(end, slow_end)]
    batches, left_out = plan(counts[0], counts[1], settings.label_set_budget, settings.series_per_query)
    edges = _edges(prom, batches, (start, slow_start), (end, slow_end))
    budget = settings.label_set_budget - sum(len(e.start) + len(e.end) for e in edges.values())
    brief = momentary(names_of(prom, window), counts, trend)
    batches += batched(brief, settings.series_per_query)
    slices, not_sliced = slice_plan(batches, {**brief.to_dict(), **_sizes(edges)}, budget, between(start, end))
    try:
        (seen_between, not_read), unlisted = created(prom, slices, edges, budget), ""
    except LACKING as error:
        seen_between, not_read, unlisted = {}, [], str(error)
    return Collected(
        start=start,
        end=end,
        counts_start=counts[0],
        counts_end=counts[1],
        edges=edges,
        created=seen_between,
        trend=trend,
        slow_jobs={**slow_start, **slow_end},
        coverage=history.coverage(trend, window),
        gaps=(
            *history.gaps(trend, window, seen),
            *_budget_gaps(left_out, [*not_sliced, *not_read], window),
            *_unlisted(unlisted, window),
        ),
        bytes_per_series=server.bytes_per_series(prom, end),
        head=server.head_statistics(prom),
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
    return list(batched(largest, per_query)), sorted(map(str, sizes.index[~inside]))


def batched(sizes: pd.Series, per_query: int) -> Iterator[list[str]]:
    """Names of metrics in batches of at most so many series.

    Args:
        sizes: series by metric.
        per_query: series that one answer may hold; a larger metric stands alone.
    """
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


@dataclass(frozen=True)
class _Batch:
    """Reads the label sets of some metrics at both edges."""

    sides: tuple[tuple[datetime, Mapping[str, float]], tuple[datetime, Mapping[str, float]]]

    def __call__(self, prom: Prometheus, names: list[str]) -> dict[Group, Edges]:
        reader, found = Reader(), dict[Group, Edges]()
        for side, (at, slow) in zip(("start", "end"), self.sides, strict=True):
            for expr in alive(slow, names):
                for row in vector(prom, expr + OURS, at):
                    group, labels = reader.read(row["metric"])
                    getattr(found.setdefault(group, Edges()), side).add(reader.share(labels))
        return found


def _edges(
    prom: Prometheus,
    batches: Sequence[list[str]],
    start: tuple[datetime, Mapping[str, float]],
    end: tuple[datetime, Mapping[str, float]],
) -> dict[Group, Edges]:
    """Label sets at both edges, a batch of metrics a block; no metric is in two of them."""
    return {group: sides for part in spread(prom, _Batch((start, end)), batches) for group, sides in part.items()}


def _sizes(edges: Mapping[Group, Edges]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for group, sides in edges.items():
        sizes[group.metric] = sizes.get(group.metric, 0) + max(len(sides.start), len(sides.end))
    return sizes


def _unlisted(why: str, window: Window) -> Iterator[Gap]:
    """What is not known where a server lists no series: counts at the edges do not need it."""
    if why:
        yield Gap(start=window.start, end=window.end, scope="series that came and went", reason=why)


def _budget_gaps(left_out: list[str], not_sliced: list[str], window: Window) -> Iterator[Gap]:
    for names, what in ((left_out, "labels and churn"), (not_sliced, "churn")):
        if names:
            shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
            reason = f"{what} not looked at: beyond label_set_budget; raise it to include them"
            yield Gap(start=window.start, end=window.end, scope=shown, reason=reason)
