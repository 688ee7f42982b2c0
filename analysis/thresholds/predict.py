"""How many alerts next month: an expectation, and an interval that holds what it promises.

Alerts come in clusters, at rates that wander, and a month or two shows too little of either to know them. So the
coming month is simulated with everything that the past days leave possible, as `analysis.thresholds.rates` weighs
it. What no past can show stays unknown: how large the first storm will be where none was seen yet, which
`Prediction.limits` says. `benchmarks/prediction.py` measures how often the interval holds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.errors import InputError
from analysis.thresholds.rates import MONTH_DAYS, drawn_rates

LENGTHS_DAYS = (7, 14, 21, 28, 35)  # for which an interval is kept, so that a part of a month can be judged by it
FUTURES = 4_000  # simulated; the interval's ends then lie within half a percent of their quantiles
SEED = 20240229  # the same past has the same prediction
MOST_PER_DAY = 1e6  # alerts; beyond it nothing means anything, and numbers would overflow
FEWEST_TO_SIZE = 2  # days with alerts, from which on something is known of how many come together


@dataclass(frozen=True)
class Prediction:
    """Alerts of a coming month of 30 days.

    Attributes:
        expected: their mean.
        low: lower end of the interval.
        high: upper end of it.
        level: how often the interval holds the number that comes.
        by_days: the interval of shorter and longer stretches, by their days.
        limits: what the interval cannot know, in words; None where it rests on what was seen.
    """

    expected: float
    low: int
    high: int
    level: float
    by_days: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    limits: str | None = None


def predict(daily: ArrayLike, level: float, days: int = MONTH_DAYS) -> Prediction:
    """Predict the number of the coming days from the numbers of past ones.

    Args:
        daily: alerts on each past day that had data, in order; shape (days,).
        level: probability that the interval holds.
        days: length of what is predicted.

    Raises:
        InputError: there is no past day.
    """
    counts = np.asarray(daily, dtype="float64")
    if not len(counts):
        raise InputError("no day with data to predict from")
    futures = _futures(counts, sorted({*LENGTHS_DAYS, days}))
    low, high = _interval(futures[days], level)
    by_days = {length: _interval(futures[length], level) for length in LENGTHS_DAYS}
    return Prediction(days * float(counts.mean()), low, high, level, by_days, _limits(counts))


def interval_of(by_days: Mapping[int, tuple[int, int]], days: float) -> tuple[int, int] | None:
    """The interval of any stretch between the shortest and the longest that were kept, rounded outwards.

    Args:
        by_days: as `Prediction` has it.
        days: length of the stretch.
    """
    for (short, (low, high)), (long, (low_then, high_then)) in pairwise(sorted(by_days.items())):
        if short <= days <= long:
            share = (days - short) / (long - short)
            return int(np.floor(low + share * (low_then - low))), int(np.ceil(high + share * (high_then - high)))
    return None


def _futures(counts: NDArray[np.float64], lengths: list[int]) -> dict[int, NDArray[np.int64]]:
    """Alerts of simulated futures up to each length in days; between two lengths a rate is that of their middle."""
    rng = np.random.default_rng(SEED)
    rates = drawn_rates(counts, FUTURES, rng)
    logarithms, alerts = rates.logarithms, np.zeros(FUTURES, dtype="int64")
    futures = {}
    for begin, end in pairwise([0, *lengths]):
        logarithms = logarithms + rates.wander((end - begin) / 2, rng)
        expected = np.minimum(np.exp(logarithms), MOST_PER_DAY) * (end - begin)
        clustered = rng.gamma(expected / rates.excesses, rates.excesses)
        alerts = alerts + rng.poisson(np.minimum(clustered, MOST_PER_DAY * (end - begin)))
        logarithms = logarithms + rates.wander((end - begin) / 2, rng)
        futures[end] = alerts
    return futures


def _interval(alerts: NDArray[np.int64], level: float) -> tuple[int, int]:
    low, high = np.quantile(alerts, [(1 - level) / 2, (1 + level) / 2], method="inverted_cdf")
    return int(low), int(high)


def _limits(counts: NDArray[np.float64]) -> str | None:
    noisy = int((counts > 0).sum())
    if noisy >= FEWEST_TO_SIZE:
        return None
    seen = "on one day alone" if noisy else "on no day"
    return f"alerts were seen {seen} of {len(counts)}, so how many may come at once is taken from rules in general"
