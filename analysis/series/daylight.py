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


def clock_change(
    counts: Array, expected: Array, place: int, nights: NDArray[np.int64], step_minutes: float
) -> ClockChange:
    """Which clock the data follow after a change, decided each midnight from what came before it.

    Args:
        counts: shape (steps, series), the totals that have a rhythm.
        expected: by the clock so far, same shape.
        place: first step after the change.
        nights: first steps of the local days.
        step_minutes: length of a step.
    """
    last = min(len(counts), place + round(MOST_DAYS * 1440 / step_minutes))
    hour = max(1, round(60 / step_minutes))
    for night in [int(n) for n in nights if place < n <= last]:
        part = slice(place, night)
        misfits = {h: _misfit(counts[part], moved(expected, h * hour)[part], step_minutes) for h in (-1, 0, 1)}
        best = min(misfits, key=lambda h: (misfits[h], abs(h)))
        others = [misfit for h, misfit in misfits.items() if h != best]
        if all(misfits[best] <= min(CLEARLY * other, other - LEAST_GAIN) for other in others):
            return ClockChange(place, night, best)
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


def _misfit(counts: Array, expected: Array, step_minutes: float) -> float:
    """Squared distance of two profiles, each bin in standard deviations, the level left free."""
    size = max(1, round(BIN_MINUTES / step_minutes))
    whole = len(counts) // size * size
    known = np.isfinite(counts[:whole]) & np.isfinite(expected[:whole])
    seen, usual = (
        np.where(known, part[:whole], 0.0).reshape(-1, size, part.shape[1]).sum(axis=1) for part in (counts, expected)
    )
    seen = np.minimum(seen, MOST_RATIO * usual + MOST_RATIO)
    usual = usual * (seen.sum(axis=0) / np.maximum(usual.sum(axis=0), 1e-9))
    away = (seen - usual) ** 2 / (usual + (ROUGHNESS * usual) ** 2 + 1)
    return float(np.minimum(away, LARGEST_MISFIT).sum())
