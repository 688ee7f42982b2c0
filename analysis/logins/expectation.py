"""What each watched count should have been: baseline, load, clock, and the share of the service in view."""

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d, minimum_filter1d

from analysis.logins.exposure import Exposure
from analysis.logins.load import lifted
from analysis.logins.signals import Part
from analysis.logins.watch import Watch
from analysis.series.baseline import Calendar, expected_counts
from analysis.series.daylight import changes, clock_change, moved, shifted
from analysis.settings.logins import LoginAnomaliesSettings

Array = NDArray[np.float64]
EDGE_MINUTES = 15.0  # how sharply a baseline of quarters of an hour knows when a batch job begins
STEEP = 2.0  # ratio of the expectations within that time from which on it is a step, not a slope
UNSEEN = 0.4  # days that a guess for a weekday without a past is worth
WHOLE_DAY = 0.5  # share of a day that must have been seen for it to count


def watches_of(
    found_parts: list[Part], shown: Exposure, flagged: NDArray[np.bool_], settings: LoginAnomaliesSettings
) -> tuple[list[Watch], Array]:
    """Every part with its expectation, and how many days each day's baseline rests upon.

    Args:
        found_parts: what is watched.
        shown: how much of the service each step shows.
        flagged: steps that must not feed the baseline.
        settings: zone and holidays.
    """
    index = shown.share.index
    share, ok = shown.share.to_numpy(), shown.judged.to_numpy()
    counts = np.column_stack([part.counts for part in found_parts])
    whole = np.where(ok[:, None], counts / np.maximum(share, 1e-9)[:, None], np.nan)
    calendar = Calendar.of(index, settings.timezone, settings.holidays)
    tolerant, plain, busiest = _by_its_clock(found_parts, whole, (ok & ~flagged)[:, None], index, settings)
    step_minutes = (index[1] - index[0]) / pd.Timedelta(minutes=1)
    scale = lifted(found_parts, whole, busiest, calendar.day, ok & ~flagged, step_minutes) * share[:, None]
    expected, usual = (_highest_near(part, found_parts, step_minutes) * scale for part in (tolerant, plain))
    days = days_known(calendar, ok)
    watches = [_watch(p, counts[:, i], expected[:, i], ok, index) for i, p in enumerate(found_parts)]
    if plain is not tolerant:
        known = [ok & part.when for part in found_parts]
        usuals = [pd.Series(np.where(known[i], usual[:, i], np.nan), index=index) for i in range(len(watches))]
        watches = [replace(watch, by_hindsight=usual) for watch, usual in zip(watches, usuals, strict=True)]
    return watches, days


def _by_its_clock(
    found_parts: list[Part],
    whole: Array,
    good: NDArray[np.bool_],
    index: pd.DatetimeIndex,
    settings: LoginAnomaliesSettings,
) -> tuple[Array, Array, Array]:
    """Expectations by the clock that the data follow.

    Returns:
        Tolerant while nobody knows the clock; by what was learnt later; and tolerant with the highest for falls too.
    """
    calendar = Calendar.of(index, settings.timezone, settings.holidays)
    step_minutes = (index[1] - index[0]) / pd.Timedelta(minutes=1)
    totals = [place for place, part in enumerate(found_parts) if not part.labels and part.when.all()]
    rising = np.array([part.direction > 0 for part in found_parts])
    plain = expected_counts(whole, calendar, good)
    telling = np.where(good, whole[:, totals], np.nan)  # neither an attack nor a day off shows a clock
    result, settled, busiest, found, opened = plain.copy(), plain.copy(), plain.copy(), [], False
    for place in changes(index, settings.timezone):
        change = clock_change(telling, plain[:, totals], place, step_minutes)
        open_, opened = slice(change.place, change.known), True
        result[open_] = _tolerant(plain, rising, max(1, round(60 / step_minutes)), open_)
        busiest[open_] = _tolerant(plain, np.ones_like(rising), max(1, round(60 / step_minutes)), open_)
        if change.hours:
            found.append(change)
            other = Calendar.of(index, settings.timezone, settings.holidays, shifted(len(index), found))
            plain = expected_counts(whole, other, good)
            result[change.known :] = busiest[change.known :] = plain[change.known :]
            settled[change.place :] = plain[change.place :]
    return (result, settled, busiest) if opened else (plain, plain, plain)


def _tolerant(expected: Array, rising: NDArray[np.bool_], hour: int, part: slice) -> Array:
    """The expectation that raises fewest alarms, whether people come an hour earlier, later, or as before."""
    clocks = np.array([moved(expected, steps)[part] for steps in (-hour, 0, hour)])
    return np.asarray(np.where(rising, clocks.max(axis=0), clocks.min(axis=0)))


def _highest_near(expected: Array, found_parts: list[Part], step_minutes: float) -> Array:
    """The highest expectation around each step, where nobody knows the minute at which a step in it comes."""
    steps = 2 * max(1, round(EDGE_MINUTES / step_minutes)) + 1
    filled = np.nan_to_num(expected)
    high = maximum_filter1d(filled, steps, axis=0)
    steep = high > STEEP * minimum_filter1d(filled, steps, axis=0)
    rising = np.array([part.direction > 0 for part in found_parts])
    result = np.where(steep & rising & np.isfinite(expected), high, expected)
    for place, part in enumerate(found_parts):
        if part.edge_minutes:
            steps = 2 * max(1, round(part.edge_minutes / step_minutes)) + 1
            table = pd.Series(expected[:, place])
            result[:, place] = table.rolling(steps, center=True, min_periods=1).max().to_numpy()
    return result


def _watch(part: Part, counts: Array, expected: Array, ok: NDArray[np.bool_], index: pd.DatetimeIndex) -> Watch:
    known = ok & part.when
    actual = pd.Series(np.where(known, counts, np.nan), index=index)
    usual = pd.Series(np.where(known, expected, np.nan), index=index)
    deviation = np.sqrt(usual + (0.1 * usual) ** 2 + 0.25)
    return Watch(part.name, part.signal, actual, usual, deviation, part.direction, part.labels, part.least_share)


def days_known(calendar: Calendar, ok: NDArray[np.bool_]) -> Array:
    """How many days the baseline of each day rests upon: a weekday that was never seen is a guess."""
    weekday = calendar.weekday
    steps = np.maximum(np.bincount(calendar.day, minlength=len(weekday)), 1)
    whole = np.bincount(calendar.day, ok, len(weekday)) / steps >= WHOLE_DAY
    seen = np.array([(whole[:day] & (weekday[:day] == number)).sum() for day, number in enumerate(weekday)])
    before = np.concatenate([[0], np.cumsum(whole)[:-1]])
    return np.where(seen > 0, np.minimum(7.0 * seen, before), UNSEEN)
