"""How many alerts next month: an expectation, and an interval that holds what it promises.

Alerts come in clusters, so their number varies more than a Poisson one; how much more is measured on
blocks of days. The number of a coming month is then negative binomial, its variance widened by what is
not known about the rate (Box, Jenkins: prediction error = noise + estimation error).
`benchmarks/prediction.py` measures how often the interval holds.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import nbinom

MONTH_DAYS = 30
BLOCK_DAYS = 5  # a cluster of alerts, an incident and its aftermath, is mostly over in that
PRIOR_ALERTS = 0.5  # seen nothing is not "never": the rate's prior mean (Jeffreys)
PRIOR_BLOCKS = 8.0  # blocks' worth of belief that alerts cluster as `PRIOR_DISPERSION` says
PRIOR_DISPERSION = 6.0
CAUTION = 1.5  # of the variance: clusters larger than any seen so far do come


@dataclass(frozen=True)
class Prediction:
    """Alerts of a coming month.

    Attributes:
        expected: their mean.
        low: lower end of the interval.
        high: upper end of it.
        level: how often the interval holds the number that comes.
    """

    expected: float
    low: int
    high: int
    level: float


def predict(daily: ArrayLike, level: float, days: int = MONTH_DAYS) -> Prediction:
    """Predict the number of the coming days from the numbers of past ones.

    Args:
        daily: alerts on each past day that had data; shape (days,).
        level: probability that the interval holds.
        days: length of what is predicted.
    """
    counts = np.asarray(daily, dtype="float64")
    mean = days * float(counts.mean())
    centre = days * (float(counts.sum()) + PRIOR_ALERTS) / len(counts)
    variance = max(CAUTION * _dispersion(counts) * centre * (1 + days / len(counts)), centre * 1.0001)
    low, high = nbinom.ppf([(1 - level) / 2, (1 + level) / 2], centre**2 / (variance - centre), centre / variance)
    return Prediction(mean, int(low), int(high), level)


def _dispersion(counts: np.ndarray) -> float:
    """Variance over mean of the numbers of blocks of days; at least that of independent alerts."""
    whole = len(counts) // BLOCK_DAYS * BLOCK_DAYS
    blocks = counts[len(counts) - whole :].reshape(-1, BLOCK_DAYS).sum(axis=1)
    if len(blocks) < 2 or blocks.sum() == 0:
        return PRIOR_DISPERSION
    seen = float(blocks.var(ddof=1) / blocks.mean())
    freedom = len(blocks) - 1
    return max(1.0, (seen * freedom + PRIOR_DISPERSION * PRIOR_BLOCKS) / (freedom + PRIOR_BLOCKS))
