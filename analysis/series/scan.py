"""A scan over windows of many lengths: bursts, and what is small but lasts, by one score.

For windows of a step up to some hours that end at each step, the count is compared with what was
expected, by the exact tail of a negative-binomial law whose variance is measured for that length:
slow noise matters little in a minute and much in an hour. This is the windowed likelihood-ratio
test of Lai (1995); unlike one CUSUM it needs no guess at how large the shift will be.
The score is the logarithm of the tail's probability, in units of the limit that keeps the promise.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, gammainc, gammaincc

from analysis.series.baseline import middle_of

Array = NDArray[np.float64]
LENGTHS_MINUTES = (1, 2, 4, 8, 15, 30, 60, 120, 240, 360)
STRIDE = 16  # a window moves by a sixteenth of its length: what it would see in between it has nearly seen
CLUSTERS = 4.0  # independent looks for each length of a window: neighbouring windows share most of what they hold
CHI_SQUARE_MEDIAN = 0.4549  # of a squared standard normal
MEMORY_DAYS = 28  # days from which the scatter is measured
LEAST_EXPECTED = 3.0  # counts below which a median of squares tells nothing about scatter
CANDIDATE = 2.5  # standard deviations below which the exact tail need not be known
NOISE_FLOOR = 0.015  # relative error that a baseline has at best
NEW_BASELINE = 0.4  # relative error of a baseline from one day; it falls with the days that it has seen
NEW_COUNTS = 7.0  # a baseline of few counts errs as they do; in days of data that one slot's mean is drawn from
MOST_DISPERSION = 50.0
HEAVY_TAIL = 1.2  # limits are widened by this: real noise has heavier tails than any law fitted to it
LARGEST_NOISE = 3.0


@dataclass(frozen=True)
class Scatter:
    """How counts in windows of one length scatter, by day and series.

    Attributes:
        dispersion: variance over mean of small counts, shape (days, series).
        noise: relative standard deviation of large counts, shape (days, series).
    """

    dispersion: Array
    noise: Array


def lengths(step_minutes: float) -> list[int]:
    """Window lengths in steps, each once."""
    return sorted({max(1, round(minutes / step_minutes)) for minutes in LENGTHS_MINUTES})


def limit(length: int, steps_per_month: float, tests: int, false_alarms_per_month: float) -> float:
    """Logarithm (to base 10, positive) of the tail probability that an alarm must stay below.

    Args:
        length: of the window, in steps.
        steps_per_month: how often it is looked at.
        tests: how many series and window lengths share the promise.
        false_alarms_per_month: the promise.
    """
    looks = steps_per_month / length * (CLUSTERS if length > 1 else 1.0)
    return float(-np.log10(false_alarms_per_month / max(1, tests) / looks)) * HEAVY_TAIL


def windows(counts: Array, length: int, stride: int = 1) -> Array:
    """Sums over the `length` steps that end at each place 0, stride, 2 stride …; fewer at the beginning.

    Args:
        counts: shape (n, series).
        length: in steps.
        stride: distance of two windows.
    """
    total = np.concatenate([np.zeros((1, counts.shape[1])), np.cumsum(counts, axis=0)])
    ends = np.arange(stride - 1, len(counts), stride) + 1
    return np.asarray(total[ends] - total[np.maximum(ends - length, 0)])


def stride_of(length: int) -> int:
    """How far apart windows of a length are looked at."""
    return max(1, length // STRIDE)


def scatter(actual: Array, expected: Array, day: NDArray[np.int64], days_known: Array) -> Scatter:
    """Measure from squared errors of windows how they scatter, each day from the days before it.

    Args:
        actual: sums over windows, shape (n, series).
        expected: what was expected of them.
        day: number of the day of each window, increasing, shape (n,).
        days_known: how many days the baseline of each day rests upon, shape (days,).
    """
    days = len(days_known)
    ratio, mean = _by_level(actual, expected, day, days)
    low, high = _past(ratio[:, 0]), _past(ratio[:, 1])
    few, many = _past(mean[:, 0]), _past(mean[:, 1])
    apart = np.where(many > 2 * few, many - few, np.inf)
    slope = np.where(np.isfinite(apart), (high - low) / apart, (high - 1) / np.maximum(many, 1))
    square = np.clip(np.nan_to_num(slope), 0, LARGEST_NOISE**2)
    least = 1 + NEW_COUNTS / (days_known[:, None] + 7)
    dispersion = np.clip(np.nan_to_num(low - square * few, nan=1.0), least, MOST_DISPERSION)
    extra = NOISE_FLOOR**2 + (NEW_BASELINE / days_known[:, None]) ** 2
    return Scatter(dispersion, np.sqrt(square + extra))


def _by_level(actual: Array, expected: Array, day: NDArray[np.int64], days: int) -> tuple[Array, Array]:
    """Median squared error over the mean, in the quieter and the busier half of each day."""
    ratio, mean = np.full((days, 2, actual.shape[1]), np.nan), np.full((days, 2, actual.shape[1]), np.nan)
    usable = np.isfinite(expected) & (expected >= LEAST_EXPECTED)
    squares = np.where(usable, (actual - expected) ** 2 / np.where(usable, expected, 1), np.nan)
    level = np.where(usable, expected, np.nan)
    edges = np.searchsorted(day, np.arange(days + 1))
    for number in range(days):
        part = slice(edges[number], edges[number + 1])
        if part.start == part.stop:
            continue
        middle = middle_of(level[part], axis=0)
        for half, inside in enumerate((level[part] <= middle, level[part] >= middle)):
            ratio[number, half] = middle_of(np.where(inside, squares[part], np.nan), axis=0) / CHI_SQUARE_MEDIAN
            mean[number, half] = middle_of(np.where(inside, level[part], np.nan), axis=0)
    return ratio, mean


def _past(daily: Array) -> Array:
    """Median of the days before each day."""
    padded = np.concatenate([np.full((MEMORY_DAYS, daily.shape[1]), np.nan), daily[:-1]])
    return middle_of(np.lib.stride_tricks.sliding_window_view(padded, MEMORY_DAYS, axis=0), axis=2)


def rise(actual: Array, expected: Array, dispersion: Array, noise: Array) -> Array:
    """Minus the logarithm of the probability of at least this count; 0 where it is nothing special.

    Args:
        actual: counts, any shape.
        expected: expected counts, same shape.
        dispersion: variance over mean of small counts.
        noise: relative standard deviation of large counts.
    """
    return _tail(actual, expected, dispersion, noise, upper=True)


def fall(actual: Array, expected: Array, dispersion: Array, noise: Array) -> Array:
    """Minus the logarithm of the probability of at most this count; see `rise`."""
    return _tail(actual, expected, dispersion, noise, upper=False)


def _tail(actual: Array, expected: Array, dispersion: Array, noise: Array, *, upper: bool) -> Array:
    mean = np.maximum(np.nan_to_num(expected), 1e-9)
    extra = np.maximum((dispersion - 1) * mean + (noise * mean) ** 2, 0.0)
    away = (actual - mean) * (1 if upper else -1)
    result = np.zeros(np.shape(actual))
    odd = np.isfinite(expected) & (away > CANDIDATE * np.sqrt(mean + extra) * (1 if upper else 0.4))
    x, m, v = np.asarray(actual)[odd], mean[odd], extra[odd]
    size = m**2 / np.maximum(v, 1e-12 * m)
    poisson = size > 1e7
    share = m / (m + np.where(poisson, 1.0, size))
    if upper:
        tail = np.where(poisson, gammainc(np.maximum(x, 1e-9), m), betainc(np.maximum(x, 1e-9), size, share))
    else:
        tail = np.where(poisson, gammaincc(x + 1, m), betainc(size, x + 1, 1 - share))
    result[odd] = -np.log10(np.maximum(tail, 1e-300))
    return result
