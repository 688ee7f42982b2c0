"""Histories of the number of series of a server, with their future, for the forecast's backtest."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

FUTURE_DAYS = 730
# How the number of series moves without noise and steps, and how often.
KINDS = {
    "none": 0.15,
    "steady": 0.35,
    "shrinking": 0.1,
    "growing in proportion": 0.1,
    "levelling off": 0.1,
    "bending": 0.2,
}
_START = pd.Timestamp("2024-01-01", tz="UTC")


@dataclass(frozen=True)
class GrowthHistory:
    """What a server had, and what came of it.

    Attributes:
        history: daily series up to the origin.
        limit: the limit.
        reached_days: days from the origin to the first day at or above the limit; infinite for
            "not within two years".
    """

    history: pd.Series
    limit: float
    reached_days: float


def make_growth_history(seed: int) -> GrowthHistory:
    """One history: slow or fast growth or none, noise, a wandering level, weekly rhythm, releases as steps.

    Args:
        seed: the same seed gives the same history.
    """
    rng = np.random.default_rng([seed, 6])
    days = int(rng.integers(30, 151))
    total = days + FUTURE_DAYS
    base = 10 ** rng.uniform(3, 6)
    values = base * (1 + _trend(rng, total) + _noise(rng, total) + _steps(rng, total))
    values = np.maximum(np.round(values), 1.0)
    now = float(values[days - 1])
    limit = now * (1 + 10 ** rng.uniform(-1.5, 0.0))
    over = np.flatnonzero(values[days:] >= limit)
    reached = float(over[0] + 1) if len(over) else float("inf")
    index = pd.date_range(_START, periods=days, freq="D", name="time")
    return GrowthHistory(pd.Series(values[:days], index=index), limit, reached)


def _trend(rng: np.random.Generator, total: int) -> NDArray[np.float64]:
    """No growth, growth that is steady or is not, or shrinking, as a share of the base."""
    kind = str(rng.choice(list(KINDS), p=list(KINDS.values())))
    slope, day = 10 ** rng.uniform(-3.5, -2), np.arange(total, dtype="float64")
    if kind == "growing in proportion":
        return np.asarray(np.expm1(slope / 3 * day), dtype="float64")
    if kind == "levelling off":
        return -slope * (days := rng.uniform(30, 400)) * np.expm1(-day / days)
    if kind == "bending":
        bends = rng.random(total) < 1 / rng.uniform(30, 200)
        factors = rng.gamma(1.0, 1.0, total) * (rng.random(total) < 0.8)
        return np.cumsum(slope * factors[np.cumsum(bends)])
    return {"none": 0.0, "steady": 1.0, "shrinking": -0.3}[kind] * slope * day


def _noise(rng: np.random.Generator, total: int) -> NDArray[np.float64]:
    """Noise from day to day, in part carried over, a level that wanders, and weekends."""
    shock = rng.normal(0, 10 ** rng.uniform(-3, -1.7), total)
    carried = rng.uniform(0, 0.8)
    noise = np.zeros(total)
    for day in range(1, total):
        noise[day] = carried * noise[day - 1] + shock[day]
    wander = np.cumsum(rng.normal(0, rng.choice([0.0, 1e-3, 3e-3], p=[0.5, 0.3, 0.2]), total))
    weekend = rng.choice([0.0, 0.01]) * (np.arange(total) % 7 >= 5)
    return np.asarray(noise + wander - weekend, dtype="float64")


def _steps(rng: np.random.Generator, total: int) -> NDArray[np.float64]:
    """Releases that add or remove series, at the same rate before and after the origin."""
    rate = rng.choice([0.0, 1 / 120, 1 / 40], p=[0.4, 0.4, 0.2])
    jumps = np.where(rng.random(total) < rate, rng.normal(0, 0.05, total), 0.0)
    return np.cumsum(jumps)
