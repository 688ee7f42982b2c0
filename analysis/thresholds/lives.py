"""Lives of alerts, from the runs of slots in which a condition held: the state machine without a loop.

Source: ``AlertingRule.Eval`` in prometheus/rules/alerting.go. Runs that `keep_firing_for` can bridge
form a chain. In a chain, every run too short for `for` is a life of its own that never fires, until
the first run that is long enough; from there on the chain is one life, since a firing alert is held
through all the gaps that follow. Replay, what-if and recommendation all count with this.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Milliseconds = NDArray[np.int64]
Places = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Runs:
    """Stretches of evaluated slots with a result, of one or many series, sorted by series and time.

    Attributes:
        series: which series each belongs to.
        first: place of its first slot.
        last: place of its last slot, inclusive.
    """

    series: Places
    first: Places
    last: Places


@dataclass(frozen=True)
class Lives:
    """Alerts from ActiveAt to the last slot before they were resolved.

    Attributes:
        series: which series each belongs to.
        first: place of its first slot.
        fires: place of its first firing slot; beyond `last` where it never fires.
        last: place of its last slot, held ones included.
    """

    series: Places
    first: Places
    fires: Places
    last: Places

    @property
    def firing(self) -> Flags:
        """Which of them fire."""
        return np.asarray(self.fires <= self.last)


def runs_of(flags: Flags) -> Runs:
    """Runs of True down each column; shape (slots,) or (slots, series)."""
    columns = flags.reshape(len(flags), -1)
    padded = np.zeros((columns.shape[1], len(flags) + 1), dtype=bool)  # one False keeps series apart
    padded[:, :-1] = columns.T
    return runs_of_places(np.flatnonzero(padded.ravel()), len(flags) + 1)


def runs_of_places(places: Places, stride: int) -> Runs:
    """Runs of consecutive places; series n begins at n · `stride`, and its last place is never taken."""
    breaks = np.flatnonzero(np.diff(places) > 1)
    firsts = places[np.concatenate([[0], breaks + 1])] if len(places) else places
    lasts = places[np.concatenate([breaks, [len(places) - 1]])] if len(places) else places
    return Runs(firsts // stride, firsts % stride, lasts % stride)


def lives_of(
    runs: Runs,
    slots_ms: Milliseconds,
    for_ms: int,
    keep_firing_for_ms: int,
    known_active_at_ms: int | None = None,
    step_ms: int = 0,
    known_place: int = 0,
) -> Lives:
    """The lives that runs make.

    Args:
        runs: where the condition held.
        slots_ms: the evaluated slots, increasing, in Unix milliseconds.
        for_ms: how long an alert is pending.
        keep_firing_for_ms: how long it fires on.
        known_active_at_ms: ActiveAt of alerts that are there at a known place.
        step_ms: distance of slots where none is missing, which saves looking them up; 0 where that is not known.
        known_place: place in `slots_ms` at which those alerts are there.
    """
    return lives_for(runs, slots_ms, [(for_ms, keep_firing_for_ms)], known_active_at_ms, step_ms, known_place)[0]


def lives_for(
    runs: Runs,
    slots_ms: Milliseconds,
    durations_ms: Sequence[tuple[int, int]],
    known_active_at_ms: int | None = None,
    step_ms: int = 0,
    known_place: int = 0,
) -> list[Lives]:
    """The lives for several pairs of `for` and `keep_firing_for`; what pairs share is worked out once."""
    active_at = slots_ms[runs.first]
    if known_active_at_ms is not None:
        is_there = (runs.first <= known_place) & (known_place <= runs.last)
        active_at = np.where(is_there, known_active_at_ms, active_at)
    lasting = slots_ms[runs.last] - active_at
    chains = {keep: np.flatnonzero(_is_new_chain(runs, slots_ms, keep)) for _, keep in durations_ms}
    long_enough = {for_ms: lasting >= for_ms for for_ms, _ in durations_ms}
    made = []
    for for_ms, keep in durations_ms:
        heads = np.flatnonzero(~_earlier_in_chain(long_enough[for_ms], chains[keep]))
        tails = np.append(heads[1:], len(lasting))[: len(heads)] - 1
        first, last = runs.first[heads], runs.last[tails]
        if keep:
            last = np.where(long_enough[for_ms][heads], _held(last, slots_ms, keep, step_ms), last)
        fires = _place_of(active_at[heads] + for_ms, slots_ms, step_ms)
        made.append(Lives(runs.series[heads], first, np.maximum(fires, first), last))
    return made


def _is_new_chain(runs: Runs, slots_ms: Milliseconds, keep_ms: int) -> Flags:
    """Which runs begin a chain: the alert was resolved, at the latest, just before them."""
    new = np.ones(len(runs.first), dtype=bool)
    if len(new) > 1:
        gone, back = slots_ms[np.minimum(runs.last[:-1] + 1, len(slots_ms) - 1)], slots_ms[runs.first[1:] - 1]
        new[1:] = (runs.series[1:] != runs.series[:-1]) | (back - gone >= keep_ms)
    return new


def _earlier_in_chain(long_enough: Flags, starts: Places) -> Flags:
    """Whether an earlier run of the same chain was long enough; a run after one that fired belongs to its life."""
    total: Places = np.cumsum(long_enough) - long_enough
    sizes = np.diff(np.append(starts, len(long_enough)))
    return np.asarray(total > np.repeat(total[starts], sizes))


def _place_of(times_ms: Milliseconds, slots_ms: Milliseconds, step_ms: int) -> Places:
    """The first slot at or after each time; worked out rather than looked up where no slot is missing."""
    if not step_ms:
        return np.asarray(np.searchsorted(slots_ms, times_ms))
    return np.asarray(np.clip(-((slots_ms[0] - times_ms) // step_ms), 0, len(slots_ms)))


def _held(last: Places, slots_ms: Milliseconds, keep_ms: int, step_ms: int) -> Places:
    """Last slot at which a firing alert is held that lost its result after `last`."""
    since = slots_ms[np.minimum(last + 1, len(slots_ms) - 1)]
    return np.asarray(np.where(last + 1 < len(slots_ms), _place_of(since + keep_ms, slots_ms, step_ms) - 1, last))
