"""The state machine of an alerting rule, exactly as Prometheus runs it.

Source: ``AlertingRule.Eval`` in prometheus/rules/alerting.go. Given at which slots a rule's
expression had a result, for each label set, it gives the states that were written to ``ALERTS``.
No loop runs over slots: only over stretches in which a result was there or was not.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

State = Literal["pending", "firing"]
Milliseconds = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Interval:
    """A run of evaluated slots in one state.

    Attributes:
        state: ``pending`` or ``firing``.
        start_ms: first slot.
        end_ms: last slot, inclusive.
        active_at_ms: Prometheus's ActiveAt, None where it lies before what is known.
    """

    state: State
    start_ms: int
    end_ms: int
    active_at_ms: int | None


@dataclass(frozen=True)
class _Life:
    """One life of an alert: from its ActiveAt to its last slot before it was resolved (both places)."""

    first: int
    last: int


def replay(
    slots_ms: Milliseconds,
    present: Flags,
    evaluated: Flags,
    for_ms: int,
    keep_firing_for_ms: int,
    known_active_at_ms: int | None = None,
) -> list[Interval]:
    """The states of one alert.

    Args:
        slots_ms: every slot, in Unix milliseconds, one interval apart.
        present: whether the expression had a result for this alert at each slot.
        evaluated: whether the slot was evaluated at all and without failure; a slot that
            was not changes nothing.
        for_ms: how long an alert is pending.
        keep_firing_for_ms: how long it fires on.
        known_active_at_ms: ActiveAt of an alert that is there at the first evaluated slot.

    Returns:
        Intervals in the order of time; a slot that was not evaluated splits a run.
    """
    places = np.flatnonzero(evaluated)
    slots, results = slots_ms[places], present[places]
    intervals: list[Interval] = []
    for life in _lives(slots, results, for_ms, keep_firing_for_ms, known_active_at_ms):
        active_at = _active_at(life, slots, known_active_at_ms)
        fires_at = int(np.searchsorted(slots, active_at + for_ms))
        for state, first, last in (
            ("pending", life.first, min(fires_at - 1, life.last)),
            ("firing", max(fires_at, life.first), life.last),
        ):
            for a, b in _unbroken(places, first, last):
                intervals.append(Interval(state, int(slots[a]), int(slots[b]), active_at))  # type: ignore[arg-type]
    return sorted(intervals, key=lambda interval: interval.start_ms)


def _active_at(life: _Life, slots: Milliseconds, known_ms: int | None) -> int:
    return known_ms if life.first == 0 and known_ms is not None else int(slots[life.first])


def _lives(slots: Milliseconds, results: Flags, for_ms: int, keep_ms: int, known_ms: int | None) -> Iterator[_Life]:
    """Stretches with a result, joined where `keep_firing_for` bridges what lies between them."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], results, [False]]).astype(np.int8)))
    firsts, lasts = edges[::2], edges[1::2] - 1
    current: _Life | None = None
    for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True):
        if current is not None and current.last >= first - 1:
            current = _Life(current.first, last)
        else:
            if current is not None:
                yield current
            current = _Life(first, last)
        active_at = _active_at(current, slots, known_ms)
        if keep_ms and slots[last] - active_at >= for_ms and last + 1 < len(slots):
            # held at every evaluated slot without a result while slot - since < keep_firing_for
            held = int(np.searchsorted(slots, slots[last + 1] + keep_ms)) - 1
            current = _Life(current.first, held)
    if current is not None:
        yield current


def _unbroken(places: Milliseconds, first: int, last: int) -> Iterator[tuple[int, int]]:
    """Cut a stretch of evaluated slots where slots between them were not evaluated."""
    if first > last:
        return
    breaks = np.flatnonzero(np.diff(places[first : last + 1]) > 1) + first
    starts = [first, *(breaks + 1).tolist()]
    ends = [*breaks.tolist(), last]
    yield from zip(starts, ends, strict=True)
