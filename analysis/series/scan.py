"""A scan over windows of many lengths: bursts, and what is small but lasts, by one score.

For windows of a step up to some hours that end at each step, the count is compared with what was
expected, by the exact tail of a negative-binomial law whose variance is measured for that length:
slow noise matters little in a minute and much in an hour. This is the windowed likelihood-ratio
test of Lai (1995); unlike one CUSUM it needs no guess at how large the shift will be.
The score is the logarithm of the tail's probability, in units of the limit that keeps the promise.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, gammainc, gammaincc

from analysis.series.rhythm import middle_of

Array = NDArray[np.float64]
LENGTHS_MINUTES = (1, 2, 4, 8, 15, 30, 60, 120, 240, 360)
STRIDE = 16  # a window moves by a sixteenth of its length: what it would see in between it has nearly seen
CLUSTERS = 4.0  # independent looks for each length of a window: neighbouring windows share most of what they hold
CHI_SQUARE_MEDIAN = 0.4549  # of a squared standard normal
MEMORY_DAYS = 28  # days from which the scatter is measured
LEAST_EXPECTED = 3.0  # counts below which a median of squares tells nothing about scatter
CANDIDATE = 2.5  # standard deviations below which the exact tail need not be known
NOISE_FLOOR = 0.008  # relative error that a baseline has at best
NEW_BASELINE = 0.4  # relative error of a baseline from one day; it falls with the days that it has seen
WEEK = 7.0  # days, after which it falls faster: every weekday has been seen
NEW_COUNTS = 7.0  # where counts are too few to measure: a baseline errs as they do; in days that a slot's mean has seen
CUT_AT = 4.0  # squares beyond this multiple of the usual one are cut off
CUT_MEAN = 0.9205  # of squared standard normals that are cut off there
YOUNG = 0.25  # of today's days: what erred by a baseline that knew less is forgotten
GROWN_DAYS = 14.0  # of a baseline, which may always be learnt from
MOST_OF_DAY = 3.0  # times the usual, that one day's mean may be
STUDENT = 7.0  # (z^2 + 1) / 4 at the five deviations of a limit: Student's quantile against the normal one
LEAST_RATIO = 0.5  # of a squared error over the mean; medians of small counts can be nothing
FEWEST_WINDOWS = 4  # from which a scatter is measured
MOST_DISPERSION = 50.0
HEAVY_TAIL = 1.12  # limits are widened by this: real noise has heavier tails than any law fitted to it
BURSTY_TAIL = 1.2  # and by this for windows of some minutes: bursts of counts are the rule, and attacks stand out there
BURSTY_MINUTES = 10.0
NOISY = 0.25  # share of a count's variance that is noise, from which on they are so heavy; Poisson's tail is exact
LARGEST_NOISE = 3.0
MINUTES_PER_MONTH = 30 * 1440


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
    return float(-np.log10(false_alarms_per_month / max(1, tests) / looks))


def heavy_tail(length: int, step_minutes: float) -> float:
    """By how much the limit of windows is widened where counts are noisy."""
    return BURSTY_TAIL if length * step_minutes <= BURSTY_MINUTES else HEAVY_TAIL


def heaviness(expected: Array, dispersion: Array, noise: Array, most: float) -> Array:
    """By how much the tail of a count is heavier than the law says, 1 to `most`: as far as its variance is noise.

    Args:
        expected: expected counts, any shape.
        dispersion: variance over mean of small counts.
        noise: relative standard deviation of large counts.
        most: where much of the variance is noise.
    """
    extra = dispersion - 1 + noise**2 * expected
    share = np.where(expected < LEAST_EXPECTED, 1.0, extra / (1 + extra))  # nobody measured the noise of few counts
    return np.asarray(1 + (most - 1) * np.minimum(share / NOISY, 1.0))


def windows(counts: Array, length: int, stride: int = 1) -> Array:
    """Sums over the `length` steps that end at each place 0, stride, 2 stride …; fewer at the beginning.

    Args:
        counts: shape (n, series).
        length: in steps.
        stride: distance of two windows.
    """
    return differences(running(counts), length, stride)


def running(counts: Array) -> Array:
    """Running sums, from nothing on: shape (n + 1, series)."""
    return np.concatenate([np.zeros((1, counts.shape[1])), np.cumsum(counts, axis=0)])


def differences(total: Array, length: int, stride: int = 1) -> Array:
    """What `windows` gives, out of running sums."""
    ends = np.arange(stride - 1, len(total) - 1, stride) + 1
    return np.asarray(total[ends] - total[np.maximum(ends - length, 0)])


def stride_of(length: int) -> int:
    """How far apart windows of a length are looked at."""
    return max(1, length // STRIDE)


def scatter(actual: Array, expected: Array, day: NDArray[np.int64], days_known: Array, overlap: float = 1.0) -> Scatter:
    """Measure from squared errors of windows how they scatter, each day from the days before it.

    Small counts say how much more than Poisson's they scatter, large ones what noise adds to that: the
    quieter and the busier half of the days tell them apart.

    Args:
        actual: sums over windows, shape (n, series).
        expected: what was expected of them.
        day: number of the day of each window, increasing, shape (n,).
        days_known: how many days the baseline of each day rests upon, shape (days,).
        overlap: how many windows share a step.
    """
    ratio, mean, count = _by_level(actual, expected, day, days_known)
    low, high = ratio[:, 0], ratio[:, 1]
    few, many = past_median(mean[:, 0]), past_median(mean[:, 1])
    apart = np.where(many > 2 * few, many - few, np.inf)
    slope = np.where(np.isfinite(apart), (high - low) / apart, (high - 1) / np.maximum(many, 1))
    square = np.clip(np.nan_to_num(slope), 0, LARGEST_NOISE**2)
    guess = 1 + NEW_COUNTS / (days_known[:, None] + 7)
    measured = np.clip(low - square * few, 1.0, MOST_DISPERSION)
    new = NEW_BASELINE / days_known * np.minimum(1.0, WEEK / days_known) ** 0.25
    extra = NOISE_FLOOR**2 + new[:, None] ** 2
    unsure = (1 + STUDENT / np.maximum(count.sum(axis=1) / overlap, 1.0)) ** 2
    spread = np.where(np.isfinite(measured), 1 + (measured - 1) * unsure, guess)
    return Scatter(np.minimum(spread, MOST_DISPERSION), np.minimum(np.sqrt(square * unsure + extra), LARGEST_NOISE))


def _by_level(actual: Array, expected: Array, day: NDArray[np.int64], days_known: Array) -> tuple[Array, Array, Array]:
    """Squared error over the mean as of each day, the mean, and the windows, in the quieter and busier half of days.

    An M-estimate of scale in one step (Huber 1981): squares are cut off at a multiple of their past median, so that
    attacks weigh little, and nearly everything that usual windows tell is used.
    """
    usable = np.isfinite(expected) & (expected >= LEAST_EXPECTED)
    squares = np.where(usable, (actual - expected) ** 2 / np.where(usable, expected, 1), np.nan)
    level = np.where(usable, expected, np.nan)
    days = len(days_known)
    edges = np.searchsorted(day, np.arange(days + 1))
    shape = (days, 2, actual.shape[1])
    middle, mean, cut, count = np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(shape), np.zeros(shape)
    halves = []
    for number, part in enumerate(slice(a, b) for a, b in pairwise(edges)):
        between = middle_of(level[part], axis=0) if part.stop > part.start else np.nan
        halves.append((part, (level[part] <= between, level[part] >= between)))
        for half, inside in enumerate(halves[-1][1] if part.stop > part.start else ()):
            middle[number, half] = middle_of(np.where(inside, squares[part], np.nan), axis=0) / CHI_SQUARE_MEDIAN
            mean[number, half] = middle_of(np.where(inside, level[part], np.nan), axis=0)
    rough = np.array([past_median(middle[:, half]) for half in (0, 1)]).swapaxes(0, 1)
    rough = np.fmax(np.where(np.isfinite(rough), rough, middle), LEAST_RATIO)
    for number, (part, pair) in enumerate(halves):
        for half, chosen in enumerate(pair):
            most = CUT_AT * rough[number, half]
            cut[number, half] = np.nan_to_num(np.where(chosen, np.minimum(squares[part], most), 0.0)).sum(axis=0)
            count[number, half] = chosen.sum(axis=0)
    grown = _past(days_known) >= np.minimum(days_known * YOUNG, GROWN_DAYS)[:, None]
    weight = _past(count) * grown[:, None, None, :]
    # days of a young baseline, and of attacks, are cut off by what is usual as of today
    daily = np.minimum(_past(cut / np.maximum(count, 1)), MOST_OF_DAY * rough[..., None])
    total = weight.sum(axis=-1)
    found = (daily * weight).sum(axis=-1) / np.maximum(total, 1) / CUT_MEAN
    return np.where(total >= FEWEST_WINDOWS, found, np.nan), mean, total


def _past(daily: Array) -> Array:
    """The values of the days before each day, on a new last axis; zero before the first."""
    padded = np.concatenate([np.zeros((MEMORY_DAYS, *daily.shape[1:])), daily[:-1]])
    return np.lib.stride_tricks.sliding_window_view(padded, MEMORY_DAYS, axis=0)


def past_median(daily: Array) -> Array:
    """Median of the days before each day, shape (days, series); NaN on the first."""
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
