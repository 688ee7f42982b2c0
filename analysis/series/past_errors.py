"""Predictions that know only what lies before each sample, and what they usually err by."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.series.period import last_cycles

Array = NDArray[np.float64]
DAY = np.timedelta64(86_400_000_000_000, "ns")  # in nanoseconds: parts of it are wanted
COARSEST = DAY // 4  # a step beyond which there is no time of day
DAYS_BACK = (1, 2, 3, 4, 5, 6, 7)  # enough for a median that one odd day does not move
WEEKS_BACK = (7, 14, 21, 28)  # days
NEAR = 12  # samples just before, for the fast prediction
LONG = 1024  # samples of the slow prediction: a day of two-minute data, two weeks of twenty-minute data
ROUGH = 16  # samples over which roughness is measured
BLOCK = 32  # samples between two updates of what is usual: a quantile each sample would cost more than it tells
BLOCKS_BACK = 64  # blocks that say what is usual
WARM_SAMPLES = 24.0  # a prediction that was checked less often than this is believed in part
STRANGEST = 60.0  # usual errors; beyond it nothing becomes stranger
LEAST_ERROR = 1e-14  # in units of the first value: what floating-point numbers themselves err by
MAD_TO_SIGMA = 1.4826  # normal distribution
NINETY_TO_SIGMA = 1 / 1.645  # normal distribution, two-sided


def past_errors(values: Array, times: NDArray[np.datetime64]) -> list[Array]:
    """Errors of predictions that know only what lies before each sample."""
    table = pd.Series(values)
    near = table.shift(1).rolling(NEAR, min_periods=1).median().to_numpy()
    last = table.shift(1).rolling(3, min_periods=1).median().to_numpy()
    far = values - _long_run(values)
    errors = [values - near, values - last, far, _lasting(far), roughness(values)]
    for lags in (DAYS_BACK, WEEKS_BACK):
        left = pd.Series(values - _same_time(values, times, lags))
        level = left.shift(1).ewm(halflife=NEAR).mean().to_numpy()
        errors += [left.to_numpy(), left.to_numpy() - level, _lasting(left.to_numpy())]
    rhythm = values - last_cycles(values)
    return [*errors, rhythm, _lasting(rhythm)]


def _long_run(values: Array) -> Array:
    """Median of the past, by the medians of blocks, as known at each sample."""
    whole = len(values) // BLOCK * BLOCK
    middles = pd.Series(np.median(values[:whole].reshape(-1, BLOCK), axis=1))
    known = middles.rolling(LONG // BLOCK, min_periods=1).median()
    steps = np.repeat(np.append(np.nan, known), BLOCK)[: len(values)]
    early = pd.Series(values[: 2 * BLOCK]).shift(1).expanding().median().to_numpy()
    steps[: len(early)] = early
    return np.asarray(steps)


def _lasting(errors: Array) -> Array:
    """What the last errors have in common: large where something lasts, small after one odd sample."""
    return pd.Series(errors).rolling(ROUGH, min_periods=ROUGH // 2).median().to_numpy()


def _same_time(values: Array, times: NDArray[np.datetime64], lags: tuple[int, ...]) -> Array:
    """Median of the samples at the same time of earlier days; NaN where there is none."""
    smooth = pd.Series(values).rolling(3, center=True, min_periods=1).median().to_numpy()
    found = []
    for days in lags:
        wanted = times - days * DAY
        place = np.searchsorted(times, wanted, side="right") - 1
        left = place.clip(min=0)
        # the neighbours lie close together, so that both lie before the sample
        close = (place >= 0) & (times[(left + 1) % len(times)] - times[left] <= COARSEST)
        found.append(np.where(close, smooth[left], np.nan))
    return median_of(np.array(found))


def median_of(rows: Array) -> Array:
    """Median over the first axis of what is known; NaN where nothing is."""
    ordered = np.sort(rows, axis=0)
    count = np.isfinite(ordered).sum(axis=0)
    columns = np.arange(rows.shape[1])
    low, high = ordered[(count - 1).clip(min=0) // 2, columns], ordered[count // 2 % len(rows), columns]
    return np.where(count > 0, (low + np.where(count == len(rows), ordered[len(rows) // 2], high)) / 2, np.nan)


def roughness(values: Array) -> Array:
    """How much rougher or smoother the last samples are than usual, on a logarithmic scale."""
    moves = pd.Series(values).diff().abs()
    floor = moves.where(moves > 0).expanding().median().ffill().fillna(1.0) * 0.1
    rough = np.log(moves.rolling(ROUGH, min_periods=ROUGH // 2).median() + floor)
    return (rough - rough.shift(1).rolling(LONG, min_periods=ROUGH).mean()).to_numpy()


def in_usual_errors(errors: Array) -> Array:
    """Errors in units of what this prediction erred by before, as known at each sample."""
    size = np.abs(errors)
    whole = len(size) // BLOCK * BLOCK
    blocks = np.sort(size[:whole].reshape(-1, BLOCK), axis=1)
    spread = np.fmax(MAD_TO_SIGMA * blocks[:, BLOCK // 2 - 1], NINETY_TO_SIGMA * blocks[:, int(BLOCK * 0.9)])
    recent = pd.Series(spread).rolling(BLOCKS_BACK, min_periods=1)
    usual = np.fmax(recent.median(), 0.5 * recent.quantile(0.9)).to_numpy()
    scale = np.repeat(np.append(np.nan, usual), BLOCK)[: len(size)]
    scale = np.append(scale, np.full(len(size) - len(scale), np.nan))
    early = pd.Series(size).shift(1).expanding(min_periods=1).mean().to_numpy() * 1.25
    scale = np.where(np.isfinite(scale), scale, early)
    floor = 0.2 * early + LEAST_ERROR
    checked = np.cumsum(np.isfinite(errors))
    trust = (checked - 1) / (checked + WARM_SAMPLES)
    return np.asarray(np.minimum(size / np.fmax(scale, floor), STRANGEST) * trust)
