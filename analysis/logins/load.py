"""How busy it is: what follows the load of the service is judged against it.

A sale or a new campaign brings more of everything; an attack brings more of one thing. How closely a
signal follows small moves of the load is learnt from its own past: the noise that both share cancels,
and the noise of the load alone is not carried over. A rise of the load beyond its own noise is
believed whole, although nothing like it was seen before; a fall beyond it is not, since failures by
machines do not take a day off.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from analysis.logins.signals import Part
from analysis.series import scan
from analysis.series.baseline import Calendar, expected_counts
from analysis.series.rhythm import middle_of

Array = NDArray[np.float64]
MOST_LOAD = 10.0  # more than this is no busy day, less than its inverse no quiet one
# Stretches over which load is measured, from the slowest, and the weight of the next slower one
# in counts: with many counts ten minutes tell the load, with few it takes hours.
STRETCHES = ((360.0, 30.0), (60.0, 60.0), (10.0, 250.0), (1.0, 250.0))
PAST_DAYS = 28  # from which coupling and noise are learnt
LEARNT_FROM = 0.3  # largest moves that count, on a logarithmic scale: one sale or attack must not teach everything
BELIEVED = (1.5, 3.0)  # standard deviations of the load's own noise from which on more load is believed, and wholly
LEAST_NOISE = 0.01  # of a load
BLOCKS = 4  # stretches of a day that are told to be odd one by one
ODD = (0.12, 3.5)  # a stretch's load is odd this far off on a logarithmic scale, and so many standard deviations
ODD_DAYS = 3  # what is odd for more days in a row is what is usual now
ROUNDS = 2  # what the first one found odd draws no expectation of the second
MAD_TO_SIGMA = 1.4826  # normal distribution


def load(actual: Array, expected: Array, step_minutes: float) -> Array:
    """Counts against expectations over the last minutes to hours, shape (steps,)."""
    known = np.isfinite(actual) & np.isfinite(expected)
    seen, usual = np.where(known, actual, 0.0)[:, None], np.where(known, expected, 0.0)[:, None]
    ratio = np.ones(len(actual))
    for minutes, weight in STRETCHES:
        n = max(1, round(minutes / step_minutes))
        ratio = (scan.windows(seen, n)[:, 0] + weight * ratio) / (scan.windows(usual, n)[:, 0] + weight)
    return np.clip(ratio, 1 / MOST_LOAD, MOST_LOAD)


def lifted(
    parts: list[Part],
    counts: Array,
    expected: Array,
    day: NDArray[np.int64],
    good: NDArray[np.bool_],
    step_minutes: float,
) -> Array:
    """By what each part's expectation is multiplied, shape (steps, parts).

    Args:
        parts: each names the part whose load it follows, or the whole of which it is a part.
        counts: shape (steps, parts).
        expected: without load, same shape.
        day: number of the day of each step, shape (steps,).
        good: steps from which may be learnt, shape (steps,).
        step_minutes: length of a step.
    """
    place = {part.name: number for number, part in enumerate(parts)}
    lift = np.ones(counts.shape)
    known: dict[str, tuple[Array, Array]] = {}
    for number, part in enumerate(parts):
        if part.follows in place:
            whole = place[part.follows]
            if part.follows not in known:
                known[part.follows] = _moves(counts[:, whole], expected[:, whole], day, step_minutes)
            moves, noise = known[part.follows]
        elif part.against in place:
            whole = place[part.against]
            others, usual = counts[:, whole] - counts[:, number], expected[:, whole] - expected[:, number]
            moves, noise = _moves(others, np.maximum(usual, 1e-6), day, step_minutes)
        else:
            continue
        share = _coupling(moves, counts[:, number], expected[:, number], day, good, step_minutes)[day]
        lift[:, number] = _followed(moves, noise, share)
    return lift


def _moves(actual: Array, expected: Array, day: NDArray[np.int64], step_minutes: float) -> tuple[Array, Array]:
    """Moves of a load on a logarithmic scale, and their usual size as of each step."""
    moves = np.log(load(actual, expected, step_minutes))
    return moves, np.fmax(_noise(moves, day, int(day[-1]) + 1), LEAST_NOISE)[day]


def _followed(moves: Array, noise: Array, share: Array) -> Array:
    """What a part makes of the load's moves: its learnt share of small ones, and large rises whole."""
    low, high = BELIEVED
    beyond = np.clip((np.abs(moves) / noise - low) / (high - low), 0.0, 1.0)
    part = np.where(moves > 0, share + (1 - share) * beyond, share * (1 - beyond))
    return np.exp(moves * part)


def _noise(moves: Array, day: NDArray[np.int64], days: int) -> Array:
    """Usual size of the load's moves, each day from the days before it; 0 where nothing is known."""
    edges = np.searchsorted(day, np.arange(days + 1))
    size = np.abs(moves)
    daily = np.array([np.median(size[a:b]) if b > a else np.nan for a, b in pairwise(edges)])
    return MAD_TO_SIGMA * np.nan_to_num(middle_of(_past_days(daily), axis=1))


def _coupling(
    moves: Array, actual: Array, expected: Array, day: NDArray[np.int64], good: NDArray[np.bool_], step_minutes: float
) -> Array:
    """Share of the load's small moves that a part goes along with, each day from the days before it.

    The slope of hourly errors on the load, through the origin and with large moves cut off.
    """
    hour = max(1, round(60 / step_minutes))
    known = np.isfinite(actual) & np.isfinite(expected) & good
    seen, usual = (scan.windows(np.where(known, side, 0.0)[:, None], hour, hour)[:, 0] for side in (actual, expected))
    at = slice(hour - 1, None, hour)
    left = np.clip(np.log((seen + 0.5) / (usual + 0.5)), -LEARNT_FROM, LEARNT_FROM)
    along = np.where(usual > 0, np.clip(moves[at], -LEARNT_FROM, LEARNT_FROM), 0.0)
    days = int(day[-1]) + 1
    both, square = (
        np.bincount(day[at], weights=part, minlength=days).astype("float64") for part in (left * along, along * along)
    )
    both, square = (np.nansum(_past_days(part), axis=1) for part in (both, square))
    return np.clip(both / np.maximum(square, 1e-9), 0.0, 1.0)


def _past_days(daily: Array) -> Array:
    """The values of the days before each day, shape (days, PAST_DAYS); NaN before the first."""
    padded = np.concatenate([np.full(PAST_DAYS, np.nan), daily[:-1]])
    return np.lib.stride_tricks.sliding_window_view(padded, PAST_DAYS)


def odd_load(counts: Array, calendar: Calendar) -> NDArray[np.bool_]:
    """Steps whose load tells nothing about usual days: an unnamed holiday, a sale, an outage.

    None of them is an alarm, but a week that holds one would draw every expectation of the next.

    Args:
        counts: of the whole service, shape (steps,), NaN where it cannot be seen.
        calendar: of the steps.
    """
    odd = np.zeros(len(counts), dtype=bool)
    for _ in range(ROUNDS):
        odd = _odd(counts, expected_counts(counts[:, None], calendar, ~odd[:, None])[:, 0], calendar)
    return odd


def _odd(counts: Array, expected: Array, calendar: Calendar) -> NDArray[np.bool_]:
    days = len(calendar.weekday)
    block = calendar.day * BLOCKS + (calendar.hour * BLOCKS / 24).astype(int)
    known = np.isfinite(counts) & np.isfinite(expected)
    seen, usual = (
        np.bincount(block, np.where(known, side, 0.0), days * BLOCKS).reshape(days, BLOCKS)
        for side in (counts, expected)
    )
    move = np.where(usual > 0, np.log((seen + 1) / (usual + 1)), np.nan)
    middles = [middle_of(_past_days(np.abs(column)), axis=1) for column in move.T]
    spread = np.hypot(MAD_TO_SIGMA * np.nan_to_num(np.column_stack(middles)), 1 / np.sqrt(usual + 1))
    odd = np.abs(np.nan_to_num(move)) > ODD[0] + ODD[1] * spread
    return np.asarray(_short(odd).reshape(-1)[block])


def _short(odd: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What is odd for no more than some days in a row, shape (days, blocks)."""
    padded = np.pad(odd, ((ODD_DAYS, ODD_DAYS), (0, 0)))
    runs = np.lib.stride_tricks.sliding_window_view(padded, ODD_DAYS + 1, axis=0).all(axis=-1)
    lasting = np.lib.stride_tricks.sliding_window_view(runs, ODD_DAYS + 1, axis=0).any(axis=-1)
    return odd & ~lasting
