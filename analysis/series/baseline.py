"""What this hour of the week usually brings: a baseline for counts that knows the past alone.

Expected count = level of the last week x shape of the weekday, each from the days before, so that
a count is judged by what was known when it came. Medians over weeks keep past attacks out; what an
earlier pass flagged is left out altogether. A day's shape is taken relative to the level of the week
before it, so that steady growth is part of it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.series.rhythm import mean_known, middle_of, typical_day

Array = NDArray[np.float64]
SLOTS = (96, 48, 24)  # parts of a day, the finest that has enough counts
ENOUGH = 20.0  # counts in a slot from which on its median says something
LEVEL_DAYS = 7  # a whole week, so that every weekday is in it
LEVEL_WEEKS = 4  # of the same weekday, from which a lost part of a day is filled
LEAST_OF_DAY = 0.5  # share of a day that must be known for it to count
MEMORY_DAYS = 42  # six of each weekday; older ones tell of another season
SIMILAR = 0.75  # weekdays below this share of the busiest one are days of rest
SPARSE = 5.0  # counts in a slot below which a median is too coarse
LEAST_DAYS = 2  # before, there is nothing to compare with
DAY = pd.Timedelta(days=1)


@dataclass(frozen=True)
class Calendar:
    """Local days and times of day of regular stamps.

    Attributes:
        day: number of the local day of each stamp, from 0, shape (n,).
        hour: local time of day in hours, shape (n,).
        weekday: weekday of each day, 0 for Monday, 6 for holidays too, shape (days,).
        holiday: whether each day is a holiday, shape (days,).
    """

    day: NDArray[np.int64]
    hour: Array
    weekday: NDArray[np.int64]
    holiday: NDArray[np.bool_]

    @classmethod
    def of(
        cls, index: pd.DatetimeIndex, timezone: str, holidays: Collection[date] = (), hours: Array | None = None
    ) -> "Calendar":
        """The calendar of stamps in a zone; a stamp belongs to the step that ends at it.

        Args:
            index: the stamps.
            timezone: name of the zone.
            holidays: local days that are like Sundays.
            hours: by how much each stamp is later in its day than the zone says; None for not at all.
        """
        half = (index[1] - index[0]) / 2 if len(index) > 1 else pd.Timedelta(0)
        local = (index - half).tz_convert(timezone).tz_localize(None)
        if hours is not None:
            local = local + pd.to_timedelta(hours, unit="h")
        midnight = local.normalize()
        days = pd.date_range(midnight[0], midnight[-1], freq="D")
        off = np.asarray(days.isin(pd.DatetimeIndex(list(holidays))))
        weekday = np.where(off, 6, days.day_of_week.to_numpy())
        day = ((midnight - days[0]) // DAY).to_numpy("int64")
        return cls(day, ((local - midnight) / pd.Timedelta(hours=1)).to_numpy("float64"), weekday, off)


def expected_counts(counts: Array, calendar: Calendar, good: NDArray[np.bool_]) -> Array:
    """Expected counts of many series, each day from the days before it.

    Args:
        counts: shape (n, series), per step.
        calendar: of the n stamps.
        good: shape (n, series) or (n, 1); False where a count must not feed the baseline.

    Returns:
        Shape (n, series); NaN on the first days, which have no past.
    """
    result = np.full(counts.shape, np.nan)
    per_day = _counts_per_day(counts, calendar, good)
    parts = [_slots(total) for total in per_day]
    for slots in sorted(set(parts)):
        mine = np.flatnonzero(np.array(parts) == slots)
        some = good[:, mine] if good.shape[1] > 1 else good
        result[:, mine] = _expected(counts[:, mine], calendar, some, slots)
    return result


def _counts_per_day(counts: Array, calendar: Calendar, good: NDArray[np.bool_]) -> Array:
    return np.where(good, np.nan_to_num(counts), 0.0).sum(axis=0) / max(1, len(calendar.weekday))


def _slots(per_day: float) -> int:
    return next((slots for slots in SLOTS if per_day / slots >= ENOUGH), SLOTS[-1])


def _expected(counts: Array, calendar: Calendar, good: NDArray[np.bool_], slots: int) -> Array:
    table, steps = _slot_means(counts, calendar, good, slots)
    level = _levels(table, calendar.holiday, steps * slots)
    shapes = _shapes(table, level, calendar, steps)
    before = np.concatenate([np.full((1, level.shape[1]), np.nan), level[:-1]])
    return _between_slots(shapes * before[:, None, :], calendar, slots)


def _slot_means(counts: Array, calendar: Calendar, good: NDArray[np.bool_], slots: int) -> tuple[Array, float]:
    """Mean count per step by day and slot, shape (days, slots, series), and the steps in a slot."""
    days = len(calendar.weekday)
    place = calendar.day * slots + np.minimum((calendar.hour * slots / 24).astype(int), slots - 1)
    known = good & np.isfinite(counts)
    sums, seen = np.zeros((days * slots, counts.shape[1])), np.zeros((days * slots, counts.shape[1]))
    starts = np.flatnonzero(np.diff(place, prepend=-1))
    np.add.at(sums, place[starts], np.add.reduceat(np.where(known, counts, 0.0), starts, axis=0))
    np.add.at(seen, place[starts], np.add.reduceat(known.astype("float64"), starts, axis=0))
    whole = float(np.median(np.diff(np.append(starts, len(place)))))
    means = np.where(seen >= whole / 3, sums / np.maximum(seen, 1), np.nan)
    return means.reshape(days, slots, -1), whole


def _levels(table: Array, holiday: NDArray[np.bool_], steps_per_day: float) -> Array:
    """Level after each day: the mean of the last week without what stands out, shape (days, series)."""
    daily = _daily_means(table)
    daily[holiday] = np.nan
    daily = _lost_days_filled(daily)
    padded = np.concatenate([np.full((LEVEL_DAYS - 1, daily.shape[1]), np.nan), daily])
    weeks = np.lib.stride_tricks.sliding_window_view(padded, LEVEL_DAYS, axis=0)
    middle = middle_of(weeks, axis=2)[:, :, None]
    clipped = np.clip(weeks, middle / 2, 2 * middle + 3 / steps_per_day)
    known = np.isfinite(clipped)
    level = np.nan_to_num(clipped).sum(axis=2) / np.maximum(known.sum(axis=2), 1)
    level = pd.DataFrame(np.where(known.any(axis=2), level, np.nan)).ffill().to_numpy()
    return np.asarray(np.maximum(level, 0.3 / (steps_per_day * LEVEL_DAYS)))


def _lost_days_filled(daily: Array) -> Array:
    """A lost day is what the same weekday was before, in proportion: a week without a Monday is no quiet week."""
    padded = np.concatenate([np.full((7 * LEVEL_WEEKS, daily.shape[1]), np.nan), daily])
    like = mean_known(np.array([padded[7 * w : 7 * w + len(daily)] for w in range(LEVEL_WEEKS)]), axis=0)
    both = np.isfinite(daily) & np.isfinite(like)
    now, before = (pd.DataFrame(np.where(both, side, 0.0)).rolling(LEVEL_DAYS, 1).sum() for side in (daily, like))
    share = np.where(before > 0, now / before.where(before > 0, 1.0), 1.0)
    return np.where(np.isfinite(daily), daily, share * like)


def _daily_means(table: Array) -> Array:
    """Mean of each day, NaN where most of it is lost, shape (days, series).

    What is lost is taken from the same weekday before, in proportion: a day that lost its busy hours was no quiet day.
    """
    known = np.isfinite(table)
    before = np.full((7 * LEVEL_WEEKS, *table.shape[1:]), np.nan)
    padded = np.concatenate([before, table])
    like = mean_known(np.array([padded[7 * w : 7 * w + len(table)] for w in range(LEVEL_WEEKS)]), axis=0)
    both = known & np.isfinite(like)
    share = np.where(both, table, 0.0).sum(axis=1) / np.maximum(np.where(both, like, 0.0).sum(axis=1), 1e-12)
    filled = np.where(known, table, np.where(both.any(axis=1), share, np.nan)[:, None] * like)
    return np.where(known.mean(axis=1) >= LEAST_OF_DAY, mean_known(filled, axis=1), np.nan)


def _shapes(table: Array, level: Array, calendar: Calendar, steps: float) -> Array:
    """Shape of each day relative to the level before it, from the days before, (days, slots, series)."""
    reference = np.maximum(np.arange(len(table)) - 1, LEVEL_DAYS - 1)
    shapes = np.full(table.shape, np.nan)
    sparse = mean_known(table, axis=(0, 1)) * steps < SPARSE
    for day in range(LEAST_DAYS, len(table)):
        first = max(0, day - MEMORY_DAYS)
        # the first days are measured by the first whole week, as soon as there is one
        base = level[np.minimum(reference[first:day], day - 1), None, :]
        past, weekday = table[first:day] / base, calendar.weekday[first:day]
        alike = np.isin(weekday, _alike(past, weekday, int(calendar.weekday[day])))
        alike = alike if alike.any() else np.ones(len(past), dtype=bool)
        one = 1 / (np.nan_to_num(mean_known(base, axis=0), nan=1.0) * steps)  # what a single count weighs
        shapes[day] = typical_day(past[alike], weekday[alike] == calendar.weekday[day], one, sparse)
    return shapes


def _alike(past: Array, weekday: NDArray[np.int64], today: int) -> list[int]:
    """Weekdays that are as busy as today's, working days or days of rest as the data have them."""
    sizes = {}
    for number in np.unique(weekday):
        seen = past[weekday == number]
        sizes[int(number)] = float(np.nansum(seen) / max(1, np.isfinite(seen).sum()))
    busy = {number: size >= SIMILAR * max(sizes.values()) for number, size in sizes.items()}
    kind = busy.get(today, today < 5)
    return [number for number, other in busy.items() if other == kind] or list(busy)


def _between_slots(per_day: Array, calendar: Calendar, slots: int) -> Array:
    """From slot means to any instant of the same day: straight lines through the middles of the slots."""
    at = calendar.hour * slots / 24 - 0.5
    low = np.clip(np.floor(at).astype(int), 0, slots - 2)
    weight = (at - low)[:, None]
    left, right = per_day[calendar.day, low], per_day[calendar.day, low + 1]
    left, right = np.where(np.isfinite(left), left, right), np.where(np.isfinite(right), right, left)
    # before the first middle and after the last one the line goes on, as far as a day's edge may be trusted
    return np.asarray(
        np.clip((1 - weight) * left + weight * right, np.minimum(left, right) / 2, 2 * np.fmax(left, right))
    )
