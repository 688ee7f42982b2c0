"""How much of the service each step shows: counts come with the share of the instances that can be trusted."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.series.validity import present, trusted

Array = NDArray[np.float64]
AWAY = pd.Timedelta(days=1)  # an instance that is silent for a day has left the service
LEAST_SHARE = 0.4  # of the service; with less of it in view a step is not judged
SHARE_DAYS = 7  # an instance's share of the load is that of the last week
HEALTH = ("samples", "resets")
COUNTERS = ("failures", "successes", "token_failures", "tokens")


@dataclass(frozen=True)
class Exposure:
    """What can be seen of the service.

    Attributes:
        instances: per step and instance, whether its counts can be trusted (or it is not part of the service).
        seen: per step and instance, whether its counts are used.
        share: share of the service's load that the instances in use carry, per step.
    """

    instances: pd.DataFrame
    seen: pd.DataFrame
    share: pd.Series

    @property
    def judged(self) -> pd.Series:
        """Whether enough of the service is seen, per step."""
        return self.share >= LEAST_SHARE


def exposure(frames: Mapping[str, pd.DataFrame], index: pd.DatetimeIndex, label: str = "instance") -> Exposure:
    """Which instances can be trusted at each step, and how much of the service they are.

    Args:
        frames: counts of the signals; ``samples`` and ``resets`` per instance where there are any.
        index: the stamps.
        label: what tells instances apart.
    """
    counted = _per_instance(frames, index, label)
    if counted is None:
        any_seen = [f.reindex(index).notna().any(axis=1) for n, f in frames.items() if n not in HEALTH]
        alive = pd.concat(any_seen, axis=1).any(axis=1)
        empty = pd.DataFrame(index=index)
        return Exposure(empty, empty, alive.astype("float64"))
    counted.columns.name = label
    good, here = _trust(frames, index, counted, label)
    here &= here.any(axis=1).to_numpy()[:, None]
    seen = good & here
    seen.columns.name = label
    weights = _weights(counted.where(good), here)
    whole = weights.where(here, 0.0).sum(axis=1)
    share = (weights.where(seen, 0.0).sum(axis=1) / whole.where(whole > 0)).fillna(0.0)
    return Exposure(good | ~here, seen, share)


def _per_instance(frames: Mapping[str, pd.DataFrame], index: pd.DatetimeIndex, label: str) -> pd.DataFrame | None:
    """Counts of all signals per instance, NaN where an instance shows nothing at all; None without instances."""
    parts = [
        frames[name].reindex(index).T.groupby(level=label).sum(min_count=1).T
        for name in COUNTERS
        if name in frames and label in frames[name].columns.names
    ]
    if not parts:
        return None
    return pd.concat(parts, axis=1).T.groupby(level=0).sum(min_count=1).T


def _trust(
    frames: Mapping[str, pd.DataFrame], index: pd.DatetimeIndex, counted: pd.DataFrame, label: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    if "samples" not in frames:
        return counted.notna(), present(counted, AWAY)
    samples = _by_instance(frames["samples"], index, label)
    resets = _by_instance(frames["resets"], index, label) if "resets" in frames else samples * 0
    whole = frames["samples"].attrs.get("expected_samples")
    if whole is None:
        known = samples.to_numpy()[np.isfinite(samples.to_numpy())]
        whole = float(np.median(known)) if len(known) else 1.0
    good = trusted(samples, resets.reindex(columns=samples.columns), float(whole))
    return (
        good.reindex(columns=counted.columns, fill_value=True) & counted.notna(),
        present(samples, AWAY).reindex(columns=counted.columns, fill_value=True),
    )


def _by_instance(frame: pd.DataFrame, index: pd.DatetimeIndex, label: str) -> pd.DataFrame:
    return frame.reindex(index).T.groupby(level=label).max().T


def _weights(counted: pd.DataFrame, here: pd.DataFrame) -> pd.DataFrame:
    """Mean count of each instance over the last week, known before the day begins."""
    daily = counted.resample("1D").mean()
    past = daily.rolling(SHARE_DAYS, min_periods=1).mean().shift(1)
    even = past.mean(axis=1).fillna(1.0)
    past = past.apply(lambda column: column.fillna(even)).clip(lower=1e-9)
    past.loc[past.sum(axis=1) <= 1e-6] = 1.0
    return past.reindex(here.index.floor("1D")).set_axis(here.index)


def sums(frame: pd.DataFrame, seen: pd.DataFrame, groups: Mapping[str, NDArray[np.bool_]]) -> pd.DataFrame:
    """Counts per step of groups of columns, over the instances in use.

    Args:
        frame: counts, columns one level per label.
        seen: per step and instance, whether it is used; no columns where there are no instances.
        groups: columns of each group, as masks.
    """
    values = np.nan_to_num(frame.to_numpy("float64", copy=True), copy=False)
    if len(seen.columns) and seen.columns.name in frame.columns.names:
        of = frame.columns.get_level_values(seen.columns.name)
        for instance in seen.columns:
            lost = np.flatnonzero(~seen[instance].to_numpy())
            values[np.ix_(lost, np.flatnonzero(of == instance))] = 0.0
    chosen = np.array(list(groups.values()), dtype="float64").T
    return pd.DataFrame(values @ chosen, index=frame.index, columns=list(groups))
