"""From counts per step to what a scrape sees: counters with resets, histograms, gaps."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis.datasets.rhythm import Array
from analysis.datasets.truth import Benign

LATENCY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)  # seconds; +Inf is added


def regular_index(start_ms: int, end_ms: int, step_ms: int) -> pd.DatetimeIndex:
    """The stamps of the frame contract."""
    stamps = np.arange(start_ms, end_ms, step_ms, dtype="int64").astype("datetime64[ms]")
    return pd.DatetimeIndex(stamps, name="time").tz_localize("UTC")


def wide(index: pd.DatetimeIndex, columns: Mapping[Any, Array], names: Sequence[str]) -> pd.DataFrame:
    """Arrays by label values as a frame of the contract, columns sorted."""
    order = np.argsort(names)
    keys = [tuple(key[i] for i in order) for key in columns]
    frame = pd.DataFrame(np.column_stack(list(columns.values())), index=index, dtype="float64")
    frame.columns = pd.MultiIndex.from_tuples(keys, names=[names[i] for i in order])
    return frame.sort_index(axis=1)


def counters(counts: pd.DataFrame, benign: Iterable[Benign]) -> pd.DataFrame:
    """Counters from counts per step; a restart of an instance starts them again from zero."""
    totals = counts.cumsum()
    instances = counts.columns.get_level_values("instance")
    for event in benign:
        if event.kind != "reset":
            continue
        hit = instances == event.labels["instance"]
        row = int(totals.index.searchsorted(pd.Timestamp(event.window.start)))
        if 0 < row < len(totals):
            totals.loc[totals.index[row] :, hit] -= totals.loc[:, hit].iloc[row - 1]
    return totals


def with_gaps(frame: pd.DataFrame, benign: Iterable[Benign]) -> pd.DataFrame:
    """NaN where an instance was not scraped."""
    frame = frame.copy()
    instances = frame.columns.get_level_values("instance")
    for event in benign:
        if event.kind == "gap":
            rows = (frame.index >= event.window.start) & (frame.index < event.window.end)
            frame.loc[rows, instances == event.labels["instance"]] = np.nan
    return frame


def histogram(
    rng: np.random.Generator, requests: pd.DataFrame, median_seconds: Array, spread: float = 0.7
) -> dict[str, pd.DataFrame]:
    """Bucket, sum and count increments per step for log-normal durations.

    Args:
        rng: source of randomness.
        requests: requests per step, one column per label set.
        median_seconds: median duration at each step.
        spread: standard deviation of the logarithm of a duration.

    Returns:
        Frames by suffix ``_bucket`` (with a level ``le``, cumulative over it), ``_sum``, ``_count``.
    """
    from scipy.stats import norm

    edges = np.log(np.array(LATENCY_BUCKETS))
    below = norm.cdf((edges[None, :] - np.log(median_seconds)[:, None]) / spread)
    shares = np.diff(np.column_stack([np.zeros(len(below)), below, np.ones(len(below))]), axis=1)
    per_bucket = {key: rng.poisson(requests[key].to_numpy()[:, None] * shares) for key in requests.columns}
    bounds = [*(f"{edge:g}" for edge in LATENCY_BUCKETS), "+Inf"]
    names = [*requests.columns.names, "le"]
    buckets = {
        (*key, bound): parts[:, : place + 1].sum(axis=1).astype("float64")
        for key, parts in per_bucket.items()
        for place, bound in enumerate(bounds)
    }
    middles = np.append(np.exp(edges) * 0.7, LATENCY_BUCKETS[-1] * 1.5)
    sums = {key: parts @ middles for key, parts in per_bucket.items()}
    counts = {key: parts.sum(axis=1).astype("float64") for key, parts in per_bucket.items()}
    return {
        "_bucket": wide(requests.index, buckets, names),
        "_sum": wide(requests.index, sums, requests.columns.names),
        "_count": wide(requests.index, counts, requests.columns.names),
    }
