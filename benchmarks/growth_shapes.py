"""Histories of shapes that the forecast was neither made for nor tuned on: growth that bends, saws, settles."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.datasets.growth import FUTURE_DAYS, GrowthHistory

SHAPES = ("exponential", "saturating", "releases", "drops", "walk", "regimes", "weekly", "flat")


def make_shape(shape: str, seed: int) -> GrowthHistory:
    """One history of 30 to 180 days, and what came of it.

    Args:
        shape: one of `SHAPES`.
        seed: the same seed gives the same history.
    """
    rng = np.random.default_rng([seed, SHAPES.index(shape)])
    days = int(rng.integers(30, 181))
    total = days + FUTURE_DAYS
    noise = rng.normal(0, 10 ** rng.uniform(-3.2, -1.8), total)
    values = np.round(10 ** rng.uniform(3, 6) * (_level(shape, rng, total) + noise)).clip(1)
    limit = float(values[days - 1] * (1 + 10 ** rng.uniform(-1.5, 0)))
    over = np.flatnonzero(values[days:] >= limit)
    index = pd.date_range("2024-01-01", periods=days, freq="D", tz="UTC", name="time")
    return GrowthHistory(pd.Series(values[:days], index=index), limit, float(over[0] + 1) if len(over) else np.inf)


def _level(shape: str, rng: np.random.Generator, total: int) -> NDArray[np.float64]:  # noqa: PLR0911 - one per shape
    time, slope = np.arange(total, dtype="float64"), 10 ** rng.uniform(-3.3, -2.2)
    happens = rng.random(total) < 1 / rng.uniform(20, 120)
    if shape == "exponential":
        return np.exp(0.6 * slope * time)
    if shape == "saturating":
        return 1 + rng.uniform(0.5, 3) / (
            1 + np.exp(-(time - rng.uniform(0, total / 2)) * 10 ** rng.uniform(-2.2, -1.4))
        )
    if shape == "releases":
        return 1 + np.cumsum(happens * np.abs(rng.normal(0.05, 0.05, total)))
    if shape == "drops":
        return 1 + slope * time - np.cumsum(happens * rng.uniform(0.02, 0.1, total))
    if shape == "walk":
        return 1 + np.cumsum(rng.normal(0.3 * slope, 10 ** rng.uniform(-3, -2), total))
    if shape == "regimes":
        return 1 + np.cumsum(slope * rng.choice([0.0, 0.5, 1.0, 2.0], total)[np.cumsum(happens)])
    if shape == "weekly":
        return 1 + slope * time - rng.uniform(0.01, 0.08) * (time % 7 >= 5)
    return np.ones(total)
