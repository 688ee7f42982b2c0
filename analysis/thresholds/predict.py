"""How many alerts next month: an expectation, and an interval that holds what it promises.

Alerts come in clusters, and a month or two shows too few of them to know how large clusters are. So
every rate and every cluster size is weighed by how well it explains what was seen, and the coming month
is predicted by all of them together: the alerts of a stretch are negative binomial, which is what
clusters that come at random with sizes of a logarithmic law add up to, at any length of the stretch
(Quenouille 1949, "A relation between the logarithmic, Poisson, and negative binomial series").
A rate may also have a trend, which goes on: a month of a service that grows is not like the month before.
`benchmarks/prediction.py` measures how often the interval holds.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, gammaln

from analysis.errors import InputError

MONTH_DAYS = 30
BLOCK_DAYS = 3  # a cluster of alerts, an incident and its aftermath, is mostly over in that
LENGTHS_DAYS = (7, 14, 21, 28, 35)  # for which an interval is kept, so that a part of a month can be judged by it
# What is believed before anything was seen, chosen on the seeds from 20 000 on of the benchmark.
RATE_POWER = 0.4  # of the rate's prior: 0 believes in silence, 1 in noise; between Haldane's 0 and Jeffreys's 0.5
EXCESS_MEDIAN, EXCESS_SPREAD = 2.6, 1.2  # of the logarithm of variance over mean, less one: clusters of seven or so
TREND_SPREAD = 0.35  # of the logarithm by which the rate changes in a month: by half either way is believed
TRENDS = np.linspace(-1.4, 1.4, 9)  # tried: up to four times as many a month later, or as few
RATES = np.exp(np.linspace(-5, 4, 46))  # tried, in units of the rate that was seen
EXCESSES = np.geomspace(0.1, 10_000, 28)  # tried; a single day can bring thousands
NEGLIGIBLE = 1e-4  # share of the belief that is not worth computing
SEEN_NOTHING = 0.5  # alerts: the rates that are tried have to lie around something


@dataclass(frozen=True)
class Prediction:
    """Alerts of a coming month of 30 days.

    Attributes:
        expected: their mean.
        low: lower end of the interval.
        high: upper end of it.
        level: how often the interval holds the number that comes.
        by_days: the interval of shorter and longer stretches, by their days.
    """

    expected: float
    low: int
    high: int
    level: float
    by_days: Mapping[int, tuple[int, int]] = field(default_factory=dict)


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
    beliefs = _beliefs(counts)
    low, high = _interval(beliefs, level, days)
    by_days = {length: _interval(beliefs, level, length) for length in LENGTHS_DAYS}
    return Prediction(days * float(counts.mean()), low, high, level, by_days)


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


@dataclass(frozen=True)
class _Beliefs:
    """Rates per day as the past ends, trends, excess variances, and how much each is believed; shape (beliefs,)."""

    rates: NDArray[np.float64]
    trends: NDArray[np.float64]
    excesses: NDArray[np.float64]
    weights: NDArray[np.float64]

    def expected(self, days: int) -> NDArray[np.float64]:
        """Alerts of the coming days."""
        ahead = self.trends * days / MONTH_DAYS
        return self.rates * days * np.where(ahead, np.expm1(ahead) / np.where(ahead, ahead, 1), 1)


def _beliefs(counts: NDArray[np.float64]) -> _Beliefs:
    """Every rate, trend and excess weighed by what was seen in blocks of days."""
    blocks = _blocks(counts)
    tried = RATES * (counts.sum() + SEEN_NOTHING) / len(counts)
    grids = np.meshgrid(tried, TRENDS, EXCESSES, indexing="ij")
    rates, trends, excesses = (grid.ravel() for grid in grids)
    weights = RATE_POWER * np.log(rates) - 0.5 * (trends / TREND_SPREAD) ** 2
    weights -= 0.5 * ((np.log(excesses) - EXCESS_MEDIAN) / EXCESS_SPREAD) ** 2
    misses, hits = np.log1p(excesses), np.log(excesses)
    sizes = rates * BLOCK_DAYS / excesses
    for ago, seen in enumerate(blocks[::-1]):
        then = sizes * np.exp(-trends * BLOCK_DAYS * (ago + 0.5) / MONTH_DAYS)
        weights += seen * (hits - misses) - then * misses
        if seen:
            weights += gammaln(seen + then) - gammaln(then)
    weights = np.exp(weights - weights.max())
    kept = weights > NEGLIGIBLE * weights.sum()
    return _Beliefs(rates[kept], trends[kept], excesses[kept], weights[kept] / weights[kept].sum())


def _blocks(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Alerts of blocks of days, the oldest days left out where they fill no block; all days where none does."""
    whole = len(counts) // BLOCK_DAYS * BLOCK_DAYS
    return counts[len(counts) - whole :].reshape(-1, BLOCK_DAYS).sum(axis=1)


def _interval(beliefs: _Beliefs, level: float, days: int) -> tuple[int, int]:
    sizes, odds = beliefs.expected(days) / beliefs.excesses, 1 / (1 + beliefs.excesses)
    reached = partial(_reached, beliefs.weights, sizes, odds)
    return _smallest(reached, (1 - level) / 2), _smallest(reached, (1 + level) / 2)


def _reached(weights: NDArray[np.float64], sizes: NDArray[np.float64], odds: NDArray[np.float64], most: int) -> float:
    """Probability of at most so many alerts."""
    return float(weights @ betainc(sizes, most + 1, odds))


def _smallest(reached: Callable[[int], float], quantile: float) -> int:
    """The smallest number of alerts that reaches a quantile, found by halving."""
    low, high = -1, 1
    while reached(high) < quantile:
        high *= 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) >= quantile else (middle, high)
    return high
