"""The state machine of an alerting rule, exactly as Prometheus runs it.

Source: ``AlertingRule.Eval`` in prometheus/rules/alerting.go. Given at which slots a rule's
expression had a result, for each label set, it gives the states that were written to ``ALERTS``.
No loop runs over slots: only over stretches in which a result was there or was not.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from analysis.thresholds.lives import Flags, Milliseconds, lives_of, runs_of

__all__ = ["Flags", "Interval", "Milliseconds", "State", "replay"]

State = Literal["pending", "firing"]


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


def replay(
    slots_ms: Milliseconds,
    present: Flags,
    evaluated: Flags,
    for_ms: int,
    keep_firing_for_ms: int,
    known_active_at_ms: int | None = None,
    known_at_ms: int | None = None,
) -> list[Interval]:
    """The states of one alert.

    Args:
        slots_ms: every slot, in Unix milliseconds, one interval apart.
        present: whether the expression had a result for this alert at each slot.
        evaluated: whether the slot was evaluated at all and without failure; a slot that
            was not changes nothing.
        for_ms: how long an alert is pending.
        keep_firing_for_ms: how long it fires on.
        known_active_at_ms: ActiveAt of an alert that is there at a known slot.
        known_at_ms: that slot; the first evaluated one when left out.

    Returns:
        Intervals in the order of time; a slot that was not evaluated splits a run.
    """
    places = np.flatnonzero(evaluated)
    slots, results = slots_ms[places], present[places]
    if not results.any():
        return []
    known = 0 if known_at_ms is None else int(np.searchsorted(slots, known_at_ms))
    lives = lives_of(runs_of(results), slots, for_ms, keep_firing_for_ms, known_active_at_ms, known_place=known)
    intervals: list[Interval] = []
    for life_first, fires_at, life_last in zip(
        lives.first.tolist(), lives.fires.tolist(), lives.last.tolist(), strict=True
    ):
        is_known = life_first <= known <= life_last and known_active_at_ms is not None
        active_at = known_active_at_ms if is_known else int(slots[life_first])
        for state, first, last in (
            ("pending", life_first, min(fires_at - 1, life_last)),
            ("firing", fires_at, life_last),
        ):
            for a, b in _unbroken(places, first, last):
                intervals.append(Interval(state, int(slots[a]), int(slots[b]), active_at))  # type: ignore[arg-type]
    return sorted(intervals, key=lambda interval: interval.start_ms)


def _unbroken(places: Milliseconds, first: int, last: int) -> Iterator[tuple[int, int]]:
    """Cut a stretch of evaluated slots where slots between them were not evaluated."""
    if first > last:
        return
    breaks = np.flatnonzero(np.diff(places[first : last + 1]) > 1) + first
    starts = [first, *(breaks + 1).tolist()]
    ends = [*breaks.tolist(), last]
    yield from zip(starts, ends, strict=True)
