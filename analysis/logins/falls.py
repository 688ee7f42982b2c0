"""Sudden falls: an outage of the login, told from a quiet day and from a lost scrape.

A fall must be sudden: against the load of the two hours before it, and against what was really
counted in the hour before it. A holiday morning is quiet, but no hour of it falls.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.logins.watch import Alarm, Watch, judged
from analysis.series import scan
from analysis.series.baseline import Calendar

Array = NDArray[np.float64]
LENGTHS_MINUTES = (1, 2, 4, 8, 15, 30, 60, 120)
LEFT_OVER = 0.5  # a fall in which more than this is left is no outage
LEFT_OVER_AT_MIDNIGHT = 0.25  # a holiday begins at midnight, and has less of everything
MIDNIGHT_HOURS = (23.5, 3.0)  # local time of day between which it sets in
RECENT_MINUTES = 120.0  # the load before a fall
LONGER_MINUTES = 360.0  # and where that holds few counts
JUST_BEFORE_MINUTES = 60.0  # what was really counted before a fall
PRIOR_COUNTS = 10.0  # weight of the longer stretch's load, in counts
LOADS = (0.1, 1.5)  # a fall after a peak is measured from little more than the usual
LEAST_NOISE = 0.15  # relative error of an expectation that is drawn from two hours
MOST_NOISE = 0.4  # the hours just before are known, however little is known of last week
BACK = 0.7  # share of what was usual from which on an outage is over
QUIET_MINUTES = 20.0  # this long
EDGE_MINUTES = 20.0  # how sharply a baseline knows when a batch job ends
MOST = 50  # outages of one watch


def falls(
    watch: Watch, tests: int, false_alarms_per_month: float, noise: Array, calendar: Calendar, step_minutes: float
) -> list[Alarm]:
    """Every sudden fall of a watch.

    Args:
        watch: counts and expectations.
        tests: how many tests share the promise.
        false_alarms_per_month: the promise.
        noise: relative noise of an hour's count by day.
        calendar: of the steps.
        step_minutes: length of a step.
    """
    actual, expected = judged(watch)
    known = expected > 0
    spread = np.clip(noise, LEAST_NOISE, MOST_NOISE)[calendar.day]
    evening, morning = MIDNIGHT_HOURS
    midnight = (calendar.hour >= evening) | (calendar.hour < morning)
    left_over = np.where(midnight, LEFT_OVER_AT_MIDNIGHT, LEFT_OVER)
    expected_low = lowest_near(expected, step_minutes)
    lengths = sorted({max(1, round(minutes / step_minutes)) for minutes in LENGTHS_MINUTES})
    month = 30 * 1440 / step_minutes
    limits = {
        n: scan.limit(n, month, tests, false_alarms_per_month) * scan.heavy_tail(n, step_minutes) for n in lengths
    }
    found: list[Alarm] = []
    begin = 0
    while len(found) < MOST:
        score, length, load = _scores(actual, expected, expected_low, known, spread, left_over, limits, step_minutes)
        hot = np.flatnonzero(score[begin:] >= 1)
        if not len(hot):
            break
        detected = begin + int(hot[0])
        usual = expected_low * load[detected]
        first, last = _stretch(actual, usual, detected, int(length[detected]), step_minutes)
        found.append(Alarm(watch, first, last, detected, float(score[detected : last + 1].max())))
        for part in (actual, expected, expected_low):
            part[first : last + 1] = 0.0
        known[first : last + 1] = False
        begin = last + 1
    return found


def _scores(
    actual: Array,
    expected: Array,
    expected_low: Array,
    known: NDArray[np.bool_],
    spread: Array,
    left_over: Array,
    limits: dict[int, float],
    step_minutes: float,
) -> tuple[Array, NDArray[np.int64], Array]:
    """Highest score at each step, the length of its window, and the load before it."""
    size = len(actual)
    best, length, load = np.zeros(size), np.ones(size, dtype=np.int64), np.ones(size)
    ratio, level = _before(actual, expected, known, step_minutes)
    seen_steps = known.astype("float64")
    for n, limit in limits.items():
        before = np.maximum(np.arange(size) - n, 0)
        seen, usual, steps = (scan.windows(part[:, None], n)[:, 0] for part in (actual, expected_low, seen_steps))
        base = np.minimum(usual * ratio[before], level[before] * steps)
        odd = np.flatnonzero((seen < left_over[before] * base) & (np.arange(size) >= n))
        tail = scan.fall(seen[odd], base[odd], np.ones(len(odd)), spread[odd])
        better = odd[tail / limit > best[odd]]
        best[better], length[better] = (tail / limit)[tail / limit > best[odd]], n
        load[better] = ratio[before[better]]
    return best, length, load


def lowest_near(expected: Array, step_minutes: float) -> Array:
    """The lowest expectation within some minutes: at a sharp edge nobody knows the minute."""
    steps = max(1, round(EDGE_MINUTES / step_minutes))
    table = pd.Series(np.where(expected > 0, expected, np.inf))
    low = table.rolling(2 * steps + 1, center=True, min_periods=1).min().to_numpy()
    return np.where(expected > 0, low, 0.0)


def _before(actual: Array, expected: Array, known: NDArray[np.bool_], step_minutes: float) -> tuple[Array, Array]:
    """Load and counts per step of the hours up to each step."""

    def over(part: Array, minutes: float) -> Array:
        return scan.windows(part[:, None], max(1, round(minutes / step_minutes)))[:, 0]

    slow = (over(actual, LONGER_MINUTES) + 1) / (over(expected, LONGER_MINUTES) + 1)
    ratio = (over(actual, RECENT_MINUTES) + PRIOR_COUNTS * slow) / (over(expected, RECENT_MINUTES) + PRIOR_COUNTS)
    steps = over(known.astype("float64"), JUST_BEFORE_MINUTES)
    level = over(actual, JUST_BEFORE_MINUTES) / np.maximum(steps, 1)
    return np.clip(ratio, *LOADS), np.where(steps > 0, level, 0.0)


def _stretch(actual: Array, usual: Array, detected: int, length: int, step_minutes: float) -> tuple[int, int]:
    """From the first step of the fall to the last one before most of the load is back."""
    low = max(0, detected - length + 1)
    lacking = BACK * usual - actual
    first = detected - int(np.argmax(np.cumsum(lacking[low : detected + 1][::-1])))
    quiet = max(2, round(QUIET_MINUTES / step_minutes))
    total = np.cumsum(lacking[detected:])
    places = np.arange(len(total))
    higher = total > np.maximum.accumulate(np.append(-np.inf, total))[:-1]
    peak = np.maximum.accumulate(np.where(higher, places, 0))
    over = np.flatnonzero(places - peak >= quiet)
    return first, detected + int(peak[over[0]] if len(over) else peak[-1])
