"""Clocks that change, and data that moves with another clock than the one that was named.

Twice a year people come an hour earlier or later than the baseline knows, unless their zone is the
configured one. Days after a change of any common clock are judged with an hour of tolerance, until
the rhythm of the data itself tells which clock it follows.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]
CLOCKS = ("Europe/Berlin", "America/New_York", "Australia/Sydney", "America/Santiago", "Asia/Jerusalem")
HOUR = pd.Timedelta(hours=1)
MOST_DAYS = 6  # after a change, in which the rhythm must have told its clock; the next change is a week away
BIN_MINUTES = 15.0  # of the profile that is compared
CLEARLY = 0.75  # a clock fits when its misfit is at most this share of the other's
LEAST_GAIN = 40.0  # and this much smaller, in squared standard deviations: less may be chance
MOVING = 2.0  # so much more is asked of a clock that is not the configured one
AGREEING_LOOKS = 3  # hours in a row that must tell the same
LARGEST_MISFIT = 25.0  # of one bin, in squared standard deviations: an attack must not set the clock
MOST_RATIO = 4.0  # of a bin's count over the usual one; nor may an attack set the level
ROUGHNESS = 0.1  # relative error of a profile, whatever it counts


@dataclass(frozen=True)
class ClockChange:
    """A change of some clock, and what the data made of it.

    Attributes:
        place: first step after the change.
        known: first step at which the clock of the data is known.
        hours: by how much the data came earlier than the configured zone says, from `place` on: -1, 0 or 1.
    """

    place: int
    known: int
    hours: int


def changes(index: pd.DatetimeIndex, timezone: str) -> list[int]:
    """Places at which a common clock, or that of the zone, moves."""
    days = pd.date_range(index[0].floor("D"), index[-1].ceil("D"), freq="h")
    plain = days.tz_localize(None)
    moved = set()
    for zone in {*CLOCKS, timezone}:
        offset = (days.tz_convert(zone).tz_localize(None) - plain).to_numpy()
        moved |= set(days[1:][offset[1:] != offset[:-1]])
    return sorted({int(np.searchsorted(index, at, side="right")) for at in moved if index[0] < at < index[-1]})


def clock_change(counts: Array, expected: Array, place: int, step_minutes: float) -> ClockChange:
    """Which clock the data follow after a change, decided each hour from what came before it.

    Args:
        counts: shape (steps, series), the totals that have a rhythm.
        expected: by the clock so far, same shape.
        place: first step after the change.
        step_minutes: length of a step.
    """
    last = min(len(counts), place + round(MOST_DAYS * 1440 / step_minutes))
    hour = max(1, round(60 / step_minutes))
    profiles = {h: _profiles(counts, moved(expected, h * hour), slice(place, last), step_minutes) for h in (-1, 0, 1)}
    size = _bin_steps(step_minutes)
    sure: list[int] = []
    for look in range(place + 2 * hour, last + 1, hour):
        # an hour is left out: what another clock expects of it lies beyond the data
        misfits = {h: _misfit(*(part[: (look - hour - place) // size] for part in profiles[h])) for h in profiles}
        best = min(misfits, key=lambda h: (misfits[h], abs(h)))
        others = [misfit for h, misfit in misfits.items() if h != best]
        gain = LEAST_GAIN if best == 0 else MOVING * LEAST_GAIN
        clear = all(misfits[best] <= min(CLEARLY * other, other - gain) for other in others)
        sure = [*sure, best] if clear and {*sure} <= {best} else []
        if len(sure) >= AGREEING_LOOKS:
            return ClockChange(place, look, best)
    return ClockChange(place, last, 0)


def moved(expected: Array, steps: int) -> Array:
    """What is expected when everything comes this many steps earlier."""
    result = np.roll(expected, -steps, axis=0)
    edge = slice(len(result) - steps, None) if steps > 0 else slice(0, -steps)
    if steps:
        result[edge] = expected[edge]
    return np.asarray(result)


def shifted(size: int, found: list[ClockChange]) -> Array:
    """Hours that each step is later in its day than the configured zone says."""
    hours = np.zeros(size)
    for change in found:
        hours[change.place :] += change.hours
    return hours


def _bin_steps(step_minutes: float) -> int:
    return max(1, round(BIN_MINUTES / step_minutes))


def _profiles(counts: Array, expected: Array, part: slice, step_minutes: float) -> tuple[Array, Array]:
    """Counts and expectations by bins, shape (bins, series) each, both zero where one of them is missing."""
    size = _bin_steps(step_minutes)
    whole = slice(part.start, part.start + (part.stop - part.start) // size * size)
    known = np.isfinite(counts[whole]) & np.isfinite(expected[whole])
    seen, usual = (
        np.where(known, side[whole], 0.0).reshape(-1, size, side.shape[1]).sum(axis=1) for side in (counts, expected)
    )
    return np.minimum(seen, MOST_RATIO * usual + MOST_RATIO), usual


def _misfit(seen: Array, usual: Array) -> float:
    """Squared distance of two profiles, each bin in standard deviations, the level left free."""
    usual = usual * (seen.sum(axis=0) / np.maximum(usual.sum(axis=0), 1e-9))
    away = (seen - usual) ** 2 / (usual + (ROUGHNESS * usual) ** 2 + 1)
    return float(np.minimum(away, LARGEST_MISFIT).sum())
