"""At which rate alerts come, in what clusters, and how the rate moves: everything that past days leave possible.

A hidden Markov model (Rabiner 1989, "A tutorial on hidden Markov models") over blocks of days. Hidden is the rate,
on a grid; from block to block it wanders and follows a trend, how fast is one of several paces. The alerts of a
block are negative binomial, which is what clusters that come at random with sizes of a logarithmic law add up to
(Quenouille 1949, "A relation between the logarithmic, Poisson, and negative binomial series"). Nothing is
estimated: every rate, pace and size of clusters is weighed by how well it explains what was seen.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

BLOCK_DAYS = 3  # a cluster of alerts, an incident and its aftermath, is mostly over in that
MONTH_DAYS = 30
# What is believed before anything was seen, chosen on the seeds below 1 000 of benchmarks/prediction.py.
RATE_POWER = 0.4  # of the rate's prior: 0 believes in silence, 1 in noise; between Haldane's 0 and Jeffreys's 0.5
EXCESS_MEDIAN, EXCESS_SPREAD = 1.7, 1.7  # of the logarithm of variance over mean, less one: from lone alerts to storms
WANDERS = np.array([0.0, 0.15, 0.3, 0.6])  # standard deviation of the rate's logarithm from block to block
WANDERS_BELIEVED = np.array([0.35, 0.3, 0.2, 0.15])
TRENDS = np.array([-1.0, -0.6, -0.3, 0.0, 0.3, 0.6, 1.0])  # of the rate's logarithm in a month: up to three times
TREND_SPREAD = 0.3  # what is believed of them: a third more or less is nothing special
RATES = np.exp(np.linspace(-5, 4, 61))  # tried, in units of the rate that was seen
RATE_STEP = float(np.log(RATES[1] / RATES[0]))
EXCESSES = np.geomspace(0.1, 5_000, 16)  # tried; a single day can bring thousands
SEEN_NOTHING = 0.5  # alerts: the rates that are tried have to lie around something

_PACES = (len(WANDERS), len(TRENDS))


@dataclass(frozen=True)
class Rates:
    """Draws from what is believed as the past ends; each of shape (draws,).

    Attributes:
        logarithms: of the rate per day.
        excesses: variance over mean of the alerts of any stretch at a constant rate, less one.
        wanders: standard deviation of the rate's logarithm, after one day.
        trends: of the rate's logarithm in a day.
    """

    logarithms: NDArray[np.float64]
    excesses: NDArray[np.float64]
    wanders: NDArray[np.float64]
    trends: NDArray[np.float64]

    def wander(self, days: float, rng: np.random.Generator) -> NDArray[np.float64]:
        """How the rates' logarithms move in some days."""
        chance = rng.standard_normal(len(self.logarithms))
        return np.asarray(self.trends * days + self.wanders * np.sqrt(days) * chance)


def drawn_rates(counts: NDArray[np.float64], draws: int, rng: np.random.Generator) -> Rates:
    """What past days leave possible, as equally likely draws.

    Args:
        counts: alerts on each past day that had data, in order; shape (days,), not empty.
        draws: how many.
        rng: places the draws between the points of the grid.
    """
    tried = RATES * (counts.sum() + SEEN_NOTHING) / len(counts)
    weights = _weights(_blocks(counts), tried)
    reached = np.cumsum(weights)
    places = np.searchsorted(reached / reached[-1], (np.arange(draws) + 0.5) / draws)
    paces, rates, excesses = np.unravel_index(places, weights.shape)
    wanders, trends = np.unravel_index(paces, _PACES)
    trend = TRENDS[trends] / MONTH_DAYS
    now = np.log(tried[rates]) + rng.uniform(-0.5, 0.5, draws) * RATE_STEP + trend * BLOCK_DAYS / 2
    return Rates(now, EXCESSES[excesses], WANDERS[wanders] / np.sqrt(BLOCK_DAYS), trend)


def _blocks(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Alerts of blocks of days, the oldest days left out where they fill no block."""
    whole = len(counts) // BLOCK_DAYS * BLOCK_DAYS
    return counts[len(counts) - whole :].reshape(-1, BLOCK_DAYS).sum(axis=1)


def _weights(blocks: NDArray[np.float64], tried: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much each pace, rate in the last block, and excess is believed; the forward pass of the model."""
    weights, moves = _prior(), _moves()
    sizes = tried[:, np.newaxis] * BLOCK_DAYS / EXCESSES
    misses, hits = np.log1p(EXCESSES), np.log(EXCESSES)
    for place, seen in enumerate(blocks):
        likelihood = seen * (hits - misses) - sizes * misses
        if seen:
            likelihood += gammaln(seen + sizes) - gammaln(sizes)
        weights = (moves @ weights if place else weights) * np.exp(likelihood - likelihood.max())
        weights /= weights.sum()
    return weights


@cache
def _prior() -> NDArray[np.float64]:
    """Belief before anything was seen; shape (paces, rates, excesses)."""
    paces = np.outer(WANDERS_BELIEVED, np.exp(-0.5 * (TRENDS / TREND_SPREAD) ** 2)).ravel()
    excesses = np.exp(-0.5 * ((np.log(EXCESSES) - EXCESS_MEDIAN) / EXCESS_SPREAD) ** 2)
    prior = paces[:, np.newaxis, np.newaxis] * (RATES**RATE_POWER)[:, np.newaxis] * excesses
    return np.asarray(prior / prior.sum())


@cache
def _moves() -> NDArray[np.float64]:
    """Probability of each rate in a block (rows) after each in the block before (columns); shape (paces, rates, rates).

    A rate that only follows its trend moves by less than the grid's step, and is shared between two neighbours.
    """
    apart = np.subtract.outer(np.log(RATES), np.log(RATES))
    moves = np.empty((*_PACES, len(RATES), len(RATES)))
    for place, wander in enumerate(WANDERS):
        off = apart - (TRENDS * BLOCK_DAYS / MONTH_DAYS)[:, np.newaxis, np.newaxis]
        steps = np.maximum(0.0, 1 - np.abs(off) / RATE_STEP) if wander == 0 else np.exp(-0.5 * (off / wander) ** 2)
        moves[place] = steps / steps.sum(axis=1, keepdims=True)
    return moves.reshape(-1, len(RATES), len(RATES))
