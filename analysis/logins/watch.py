"""The tests that watch a login: residuals of counts, one at a time and summed up."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from analysis.series.sequential import cusum, run_starts

Array = NDArray[np.float64]
REFERENCE = 0.6  # half of the smallest shift looked for, in standard deviations of one step
POINT_MARGIN = 1.15  # residuals have heavier tails than the normal law that the threshold comes from
CUSUM_MARGIN = 1.9
EDGE = 2.0  # standard deviations at which an event is taken to begin and end
STRONGEST = 12.0  # standard deviations that one step may add to the sum: it must not take a day to forget an attack
BLOCK_STEPS = 24  # steps over which sums are compared: two hours of five-minute steps
MINIMUM_BLOCKS = 30  # fewer say nothing about their spread
QUIET_STEPS = 3  # steps in a row that do not stand out: a burst is over


@dataclass(frozen=True)
class Watch:
    """One test on one signal.

    Attributes:
        name: what is watched, for example ``failures reason=locked``.
        signal: ``failures``, ``successes`` or ``token_failures``.
        labels: which part of the signal.
        actual: counts per step.
        expected: expected counts per step.
        z: residuals in standard deviations, positive in the direction of the alarm.
        direction: 1 for rises, -1 for falls.
    """

    name: str
    signal: str
    actual: pd.Series
    expected: pd.Series
    z: pd.Series
    direction: int = 1
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Alarm:
    """One stretch that a test does not accept as chance (places of steps, inclusive)."""

    watch: Watch
    first: int
    last: int
    detected: int
    score: float


def residuals(actual: pd.Series, expected: pd.Series, dispersion: float, noise: float) -> pd.Series:
    """Counts against expectations, in standard deviations, after Anscombe's square root (1948)."""
    spread = np.sqrt(dispersion + noise**2 * expected)
    return 2 * (np.sqrt(actual + 0.375) - np.sqrt(expected + 0.375)) / spread


def thresholds(steps_per_month: float, watches: int, false_alarms_per_month: float) -> tuple[float, float]:
    """Limits of the point test and of the CUSUM that keep the promise over all watches.

    Half of the allowance goes to each test. The CUSUM's limit is Siegmund's approximation (1985)
    of the run length of independent normal residuals, solved for the limit.
    """
    share = false_alarms_per_month / 2 / max(1, watches)
    point = float(norm.isf(min(0.5, share / steps_per_month))) * POINT_MARGIN
    run_length = steps_per_month / share
    limit = np.log(2 * REFERENCE**2 * run_length + 1) / (2 * REFERENCE) - 1.166
    return point, float(limit) * CUSUM_MARGIN


def alarms(watch: Watch, point_limit: float, sum_limit: float) -> list[Alarm]:
    """Every stretch of a watch that either test does not accept, each test starting anew behind an alarm."""
    z = watch.z.to_numpy("float64")
    scaled = np.minimum(z, STRONGEST) / np.sqrt(memory(z))
    found, begin = [], 0
    while begin < len(z):
        statistic = cusum(scaled[begin:], REFERENCE)
        hot = (np.nan_to_num(z[begin:], nan=-np.inf) > point_limit) | (statistic > sum_limit)
        if not hot.any():
            break
        detected = int(np.argmax(hot))
        start = _first_edge(z[begin:], int(run_starts(statistic)[detected]), detected)
        end = _end(z[begin:], statistic, detected, sum_limit)
        score = np.fmax(z[begin:] / point_limit, statistic / sum_limit)[detected : end + 1]
        found.append(Alarm(watch, begin + start, begin + end, begin + detected, float(np.nanmax(score))))
        begin += end + 1
    return found


def memory(z: Array) -> float:
    """How much more sums of residuals scatter than sums of independent ones would, at least 1.

    Measured on sums over blocks, by medians, so that past attacks do not count.
    """
    blocks = len(z) // BLOCK_STEPS
    if blocks < MINIMUM_BLOCKS:
        return 1.0
    sums = np.nansum(z[: blocks * BLOCK_STEPS].reshape(blocks, BLOCK_STEPS), axis=1)
    spread = np.median(np.abs(sums - np.median(sums)))
    single = np.nanmedian(np.abs(z - np.nanmedian(z)))
    return float(max(1.0, spread**2 / (single**2 * BLOCK_STEPS))) if single > 0 else 1.0


def _first_edge(z: Array, low: int, detected: int) -> int:
    """The first step from `low` on that stands out by itself; the detection where none does."""
    standing_out = np.flatnonzero(z[low : detected + 1] > EDGE)
    return low + int(standing_out[0]) if len(standing_out) else detected


def _end(z: Array, statistic: Array, detected: int, sum_limit: float) -> int:
    """Where the sum stops growing: its peak before it has fallen by more than chance lets it fall."""
    rest = statistic[detected:]
    fallen = np.maximum.accumulate(rest) - rest > sum_limit / 2
    quiet = np.convolve(np.nan_to_num(z[detected:]) < EDGE, np.ones(QUIET_STEPS), "full")[: len(rest)] >= QUIET_STEPS
    over = np.flatnonzero(fallen | (quiet & (rest <= sum_limit)))
    stop = int(over[0]) if len(over) else len(rest) - 1
    standing_out = np.flatnonzero(z[detected : detected + stop + 1] > EDGE)
    peak = int(np.argmax(rest[: stop + 1]))
    return detected + max(peak if rest[peak] > sum_limit else 0, int(standing_out[-1]) if len(standing_out) else 0)
