"""Predictions that know the whole series, and what they usually err by."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from analysis.series.past_errors import (
    COARSEST,
    DAY,
    DAYS_BACK,
    LEAST_ERROR,
    MAD_TO_SIGMA,
    NEAR,
    NINETY_TO_SIGMA,
    ROUGH,
    STRANGEST,
    WEEKS_BACK,
    median_of,
    roughness,
)
from analysis.series.period import last_cycles

Array = NDArray[np.float64]
BLOCKS = 48  # of the series, whose largest errors say what is usual: a prediction that fails at every beat says nothing
SHORTEST_BLOCK = 8  # samples
USUAL_BLOCK = 0.6  # quantile over the blocks; what is strange may lie in up to the rest of them


def whole_errors(values: Array, times: NDArray[np.datetime64]) -> list[Array]:
    """Errors against what the whole series shows: its surroundings, its days, its own rhythm, its long run.

    Args:
        values: shape (n,), without NaN.
        times: UTC, increasing, shape (n,).
    """
    far = values - np.median(values)
    errors = [_sudden(values), far, _around(far), roughness(values)]
    rhythms = [_any_day(values, times, (*lags, *(-days for days in lags))) for lags in (DAYS_BACK, WEEKS_BACK)]
    for seasonal in (*rhythms, last_cycles(values, ahead=True)):
        if np.isfinite(seasonal).any():
            left = values - seasonal
            errors += [left, _around(left), _sudden(left)]
    return errors


def _sudden(values: Array) -> Array:
    """What stands out of its surroundings: the level, a trend and other rhythms are gone."""
    return values - pd.Series(values).rolling(2 * NEAR + 1, center=True, min_periods=1).median().to_numpy()


def _around(errors: Array) -> Array:
    """What the errors before and after have in common: large where something lasts."""
    return pd.Series(errors).rolling(2 * ROUGH + 1, center=True, min_periods=1).median().to_numpy()


def _any_day(values: Array, times: NDArray[np.datetime64], lags: tuple[int, ...]) -> Array:
    """Median of the samples at the same time of the days around."""
    step = np.median(np.diff(times).astype("int64")).astype("timedelta64[ns]") if len(times) > 1 else DAY
    if step > COARSEST or times[-1] - times[0] < 2 * lags[0] * DAY:
        return np.full(len(values), np.nan)
    found = []
    for days in lags:
        wanted = times - days * DAY
        place = (np.searchsorted(times, wanted, side="right") - 1).clip(0)
        close = np.abs((wanted - times[place]).astype("int64")) < step.astype("int64")
        found.append(np.where(close, values[place], np.nan))
    return median_of(np.array(found))


def in_whole_errors(errors: Array) -> Array:
    """Errors in units of the usual error of the whole series, and of the largest one that is usual within a block."""
    size = np.abs(errors)
    known = size[np.isfinite(size)]
    if not len(known):
        return np.zeros(len(size))
    scale = max(MAD_TO_SIGMA * float(np.median(known)), NINETY_TO_SIGMA * float(np.quantile(known, 0.9)))
    scale = max(scale, _largest_usual(known), 0.05 * float(known.mean()), LEAST_ERROR)
    return np.asarray(np.minimum(size / scale, STRANGEST))


def _largest_usual(size: Array) -> float:
    """The largest error of a usual block, in units of what a normal one of its length would have."""
    length = max(SHORTEST_BLOCK, len(size) // BLOCKS)
    whole = len(size) // length * length
    if not whole:
        return 0.0
    largest = np.quantile(size[:whole].reshape(-1, length).max(axis=1), USUAL_BLOCK)
    return float(largest / norm.isf((1 - 0.5 ** (1 / length)) / 2))
