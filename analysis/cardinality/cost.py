"""What the review will ask the server, from counts alone."""

from datetime import datetime

import pandas as pd

from analysis.cardinality import history, server
from analysis.cardinality.between import between, momentary, names_of, slice_plan
from analysis.cardinality.collect import batched, plan
from analysis.cardinality.counting import Instants
from analysis.cardinality.selectors import OURS, alive
from analysis.prometheus.client import series_parameters
from analysis.prometheus.patterns import one_of
from analysis.prometheus.rehearsal import Rehearsal
from analysis.settings.cardinality import CardinalityGrowthSettings
from analysis.window import Window, unix_ms


def rehearse(prom: Rehearsal, settings: CardinalityGrowthSettings, window: Window) -> None:
    """Go through the review's questions; `prom` keeps what they cost.

    Args:
        prom: counts instead of pulling.
        settings: of the review.
        window: the month.
    """
    instants = Instants(prom)
    slow = {**instants.slow_jobs(window.start), **instants.slow_jobs(window.end)}
    trend = history.trend(instants, settings, window, slow)
    seen = history.edges_with_data(instants, window, trend, slow)
    if seen is None:
        return
    slow_jobs = [instants.slow_jobs(at) for at in seen]
    counts = [instants.counts(at, jobs) for at, jobs in zip(seen, slow_jobs, strict=True)]
    batches, _ = plan(counts[0], counts[1], settings.label_set_budget, settings.series_per_query)
    sizes = [side.groupby("metric").sum() for side in counts]
    asked = 0
    for batch in batches:
        for at, jobs, size in zip(seen, slow_jobs, sizes, strict=True):
            asked += _rehearse_edge(prom, at, alive(jobs, batch), int(size.reindex(batch).sum()))
    largest = pd.concat(sizes, axis=1).max(axis=1).astype(int).to_dict()
    brief = momentary(names_of(prom, window), counts, trend)
    batches += batched(brief, settings.series_per_query)
    _rehearse_between(prom, batches, {**largest, **brief.to_dict()}, settings.label_set_budget - asked, between(*seen))
    server.bytes_per_series(prom, seen[1])
    server.head_statistics(prom)
    prom.rules()
    prom.source()


def _rehearse_edge(prom: Rehearsal, at: datetime, selectors: list[str], size: int) -> int:
    """Label sets of one batch at one edge; returns how many there are."""
    for place, expr in enumerate(selectors):  # the slow jobs' part is small
        prom.would_ask("query", {"query": expr + OURS, "time": unix_ms(at) / 1000}, 0 if place else size)
    return size


def _rehearse_between(
    prom: Rehearsal, batches: list[list[str]], sizes: dict[str, int], budget: int, window: Window
) -> None:
    slices, _ = slice_plan(batches, sizes, budget, window)
    for batch, windows in slices:
        size = sum(sizes[name] for name in batch)
        for part in windows:
            prom.would_ask("series", series_parameters([f"{{__name__=~{one_of(batch)}}}"], part), size)
