"""The tests that watch a login, and the stretches that they do not accept as chance."""

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.series import scan

Array = NDArray[np.float64]
LEAST_EXCESS = 5.0  # events; fewer are no attack, whatever their probability
LEAST_SHARE = 0.1  # of what was expected: a smaller rise is significant in large counts, but means nothing
QUIET_MINUTES = 90.0  # an event has ended when nothing was added to its excess for so long
LEAST_DAYS = 3  # whose highest scores say what is usual
MOST_ALARMS = 200  # of one watch; a signal that is odd all the time is not told apart any further


@dataclass(frozen=True)
class Watch:
    """One test on one signal.

    Attributes:
        name: what is watched, for example ``failures reason=locked``.
        signal: ``failures``, ``successes``, ``token_failures``, ``tokens`` or ``sessions``.
        actual: counts per step, NaN where there is none.
        expected: expected counts per step.
        deviation: standard deviation of a count of one step.
        direction: 1 for rises, -1 for falls.
        labels: which part of the signal.
        least_share: smallest excess that means something, as a share of what was expected.
        by_hindsight: expected counts with what was learnt later, where that differs; None where not.
    """

    name: str
    signal: str
    actual: pd.Series
    expected: pd.Series
    deviation: pd.Series
    direction: int = 1
    labels: dict[str, str] = field(default_factory=dict)
    least_share: float = LEAST_SHARE
    by_hindsight: pd.Series | None = None

    @property
    def z(self) -> pd.Series:
        """Errors in standard deviations, positive in the direction of the alarm."""
        return self.direction * (self.actual - self.expected) / self.deviation


@dataclass(frozen=True)
class Alarm:
    """One stretch that a test does not accept as chance (places of steps, inclusive)."""

    watch: Watch
    first: int
    last: int
    detected: int
    score: float


@dataclass(frozen=True)
class Level:
    """What is needed to judge windows of one length, the arrays by day.

    Attributes:
        length: in steps.
        limit: minus the logarithm of the probability that an alarm must stay below.
        dispersion: variance over mean of small counts.
        noise: relative standard deviation of large counts.
        widened: by how much scores exceed, day by day, what the law fitted to the noise allows.
        heavy: by how much the tails of noisy counts are heavier than that law's.
    """

    length: int
    limit: float
    dispersion: Array
    noise: Array
    widened: Array
    heavy: float


def rises(watch: Watch, levels: list[Level], day: NDArray[np.int64], step_minutes: float) -> list[Alarm]:
    """Every stretch of a watch with more than chance would bring.

    What an alarm explains is taken out before the next one is looked for, so that an attack
    is not reported once more by every longer window that still holds it.

    Args:
        watch: counts and expectations.
        levels: one per window length.
        day: number of the day of each step.
        step_minutes: length of a step.
    """
    actual, expected = judged(watch)
    totals, least = running(actual, expected), watch.least_share
    tails = [level_tails(totals, day, level, least) for level in levels]
    levels = [widened(*tail, day, level, step_minutes) for level, tail in zip(levels, tails, strict=True)]
    quiet, longest = max(3, round(QUIET_MINUTES / step_minutes)), max(level.length for level in levels)
    found: list[Alarm] = []
    score, length = best_of(tails, len(actual), day, levels)
    begin = 0
    while len(found) < MOST_ALARMS:
        hot = np.flatnonzero(score[begin:] >= 1)
        if not len(hot):
            break
        detected = begin + int(hot[0])
        first, last = stretch(actual, expected, detected, int(length[detected]), quiet)
        found.append(
            Alarm(watch, first, last, detected, float(score[detected : last + 1].max(initial=score[detected])))
        )
        actual[first : last + 1], expected[first : last + 1] = 0.0, 0.0
        part = slice(max(0, first - longest), min(len(actual), last + 1 + longest))
        totals = running(actual[part], expected[part])
        tails = [level_tails(totals, day[part], level, least, part.start) for level in levels]
        score[part], length[part] = best_of(tails, part.stop - part.start, day[part], levels)
        begin = detected + 1
    return found


def judged(watch: Watch) -> tuple[Array, Array]:
    """Counts and expectations, both zero where one of them is missing."""
    actual, expected = watch.actual.to_numpy("float64").copy(), watch.expected.to_numpy("float64").copy()
    lost = ~(np.isfinite(actual) & np.isfinite(expected))
    actual[lost], expected[lost] = 0.0, 0.0
    return actual, expected


def widened(ends: NDArray[np.int64], tail: Array, day: NDArray[np.int64], level: Level, step_minutes: float) -> Level:
    """Compare the highest score of each past day with what independent windows would bring.

    A job that runs each hour, or noise with tails heavier than any law, shows in the median of the
    days; attacks on single days do not.

    Args:
        ends: last steps of the windows that show more than usual, increasing.
        tail: how improbable they are, from `level_tails`.
        day: number of the day of each step.
        level: of the windows.
        step_minutes: length of a step.
    """
    daily = np.zeros(len(level.widened))
    np.maximum.at(daily, day[ends], tail / level.limit)
    looks = 1440 / step_minutes / level.length * (scan.CLUSTERS if level.length > 1 else 1)
    usual = np.log10(max(2.0, looks) / np.log(2)) / level.limit
    past = scan.past_median(daily[:, None])[:, 0]
    past[:LEAST_DAYS] = 0.0
    return replace(level, widened=np.maximum(1.0, past / usual))


def running(actual: Array, expected: Array) -> tuple[Array, Array]:
    """Running sums, from which any window is one difference."""
    first, second = (np.concatenate([[0.0], np.cumsum(part)]) for part in (actual, expected))
    return first, second


def level_tails(
    totals: tuple[Array, Array], day: NDArray[np.int64], level: Level, least_share: float, offset: int = 0
) -> tuple[NDArray[np.int64], Array]:
    """Windows of one length with an excess that matters: where they end, and how improbable they are.

    Args:
        totals: running sums of counts and expectations.
        day: number of the day of each step.
        level: of the windows.
        least_share: smallest excess that means something, as a share of what was expected.
        offset: place of the first step in the whole series: windows end at the same steps in any part of it.
    """
    stride, size = scan.stride_of(level.length), len(day)
    ends = np.arange(stride - 1 - offset % stride, size, stride)
    starts = np.maximum(ends + 1 - level.length, 0)
    seen, usual = (total[ends + 1] - total[starts] for total in totals)
    matters = seen - usual >= np.maximum(LEAST_EXCESS, least_share * usual)
    ends, seen, usual = ends[matters], seen[matters], usual[matters]
    today = day[ends]
    law = level.dispersion[today], level.noise[today]
    return ends, scan.rise(seen, usual, *law) / scan.heaviness(usual, *law, level.heavy)


def best_of(
    tails: list[tuple[NDArray[np.int64], Array]], size: int, day: NDArray[np.int64], levels: list[Level]
) -> tuple[Array, NDArray[np.int64]]:
    """Highest score of the windows that end at each step, and the length of that window."""
    best, length = np.zeros(size), np.ones(size, dtype=np.int64)
    for (ends, tail), level in zip(tails, levels, strict=True):
        score = tail / level.limit / level.widened[day[ends]]
        better = score > best[ends]
        best[ends[better]], length[ends[better]] = score[better], level.length
    return best, length


def stretch(actual: Array, expected: Array, detected: int, length: int, quiet: int) -> tuple[int, int]:
    """Where the excess that a window showed begins and ends.

    The stretch that is most likely to have the window's rate: the largest sum of counts over
    the middle between the usual rate and that one. It ends where `quiet` steps add nothing.
    """
    window = slice(max(0, detected - length + 1), detected + 1)
    usual = expected[window].sum()
    ratio = actual[window].sum() / max(usual, 1e-6)
    between = (ratio - 1) / np.log(max(ratio, 1.0001)) if ratio > 1 else 1.0
    low = max(0, detected - 2 * length)
    ahead = _gain(actual, expected, slice(detected, None), between, quiet)
    last = detected + ahead
    back = np.cumsum((actual[low : detected + 1] - between * expected[low : detected + 1])[::-1])
    first = detected - int(np.argmax(back))
    return min(first, last), max(first, last)


def _gain(actual: Array, expected: Array, part: slice, between: float, quiet: int) -> int:
    """Place of the highest sum before `quiet` steps go by without a higher one."""
    chunk = 16 * quiet
    total, best, place, done = 0.0, -np.inf, 0, 0
    while part.start + done < len(actual):
        some = slice(part.start + done, part.start + done + chunk)
        sums = total + np.cumsum(actual[some] - between * expected[some])
        higher = sums > np.maximum.accumulate(np.append(best, sums))[:-1]
        new = np.flatnonzero(higher)
        places = np.maximum.accumulate(np.where(higher, np.arange(len(sums)) + done, place))
        over = np.flatnonzero(np.arange(len(sums)) + done - places >= quiet)
        if len(over):
            return int(places[over[0]])
        if len(new):
            best, place = float(sums[new[-1]]), int(new[-1]) + done
        total, done = float(sums[-1]), done + len(sums)
    return place
