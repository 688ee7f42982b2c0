"""One rule replayed: its expression at every slot, the state machine over it, cut to the window."""

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import numpy as np

from analysis.prometheus.rules import Rule, RuleGroup
from analysis.thresholds.asking import Sides
from analysis.thresholds.collect import Grid
from analysis.thresholds.evaluations import Evaluations, Identity
from analysis.thresholds.limited import clear_beyond_limit, clear_unwritten
from analysis.thresholds.lives import Flags, Milliseconds
from analysis.thresholds.memory import (
    KnownAt,
    added_at,
    carried_over,
    followed_back,
    known_after_starts,
    known_in_window,
    recorded_ages,
)
from analysis.thresholds.records import Record
from analysis.thresholds.replay import Interval
from analysis.thresholds.seen import Seen, seen_of
from analysis.thresholds.segments import segment, segments
from analysis.window import Window, unix_ms


@dataclass(frozen=True)
class RuleReplay:
    """What one rule did.

    Attributes:
        alerts: per label set of ``ALERTS``, its intervals as the document has them.
        failed_ms: slots at which the server refuses the query, Unix milliseconds.
        twins_ms: slots at which two results had equal labels.
        added_ms: the first slot whose alerts today's rule can have written, where it was added or changed within the
            window; None where it was there all the time, or where nothing is known of that.
    """

    alerts: dict[Identity, list[dict[str, Any]]]
    failed_ms: list[int]
    twins_ms: list[int]
    added_ms: int | None = None


def replay_rule(
    sides: Sides,
    group: RuleGroup,
    rule: Rule,
    grid: Grid,
    window: Window,
    warm_up: timedelta,
    evaluations: Evaluations,
    record: Record | None = None,
) -> RuleReplay:
    """Replay one rule.

    Args:
        sides: what the rules of its group ask.
        group: the group it stands in.
        rule: the rule.
        grid: the group's slots.
        window: the slots that are wanted.
        warm_up: how long before the window to begin.
        evaluations: which slots were evaluated, from `warm_up` before the window on.
        record: what the server recorded of alerts of this name over the same slots, where it did.

    Raises:
        InputError: it cannot be replayed; says why.
        SourceError: the server failed.
    """
    begin, known_ms, known = followed_back(sides, group, rule, grid, window, warm_up, evaluations)
    seen = seen_of(sides, group, rule, grid, Window(begin, window.end))
    front, held = np.ones(len(seen.slots_ms) - len(evaluations.slots_ms), dtype=bool), list[KnownAt]()
    if evaluations.earlier and rule.keep_firing_for and record is not None:
        seen, front, held = carried_over(sides, group, rule, evaluations.earlier, seen, record)
    evaluated, starts, shown, silent = _padded(evaluations, seen, front)
    known_at = [
        (0, int(np.searchsorted(seen.slots_ms, known_ms)), known),
        *held,
        *known_after_starts(sides.prom, group, rule, grid, seen, zip(starts[1:], shown[1:], strict=True), record),
    ]
    told, comes = evaluated & ~silent, rule.name in evaluations.coming
    known_at += known_in_window(sides.prom, group, rule, grid, seen, window, told, record)
    ages_at = partial(recorded_ages, sides.prom, group, rule, grid)
    added = added_at(rule, seen, told, window, record, ages_at, comes=comes)
    starts = sorted({*starts, *([] if added is None else [added])})
    if group.limit and rule.keep_firing_for:
        recorded = np.zeros(len(evaluated), dtype=bool)
        if record is not None:
            recorded[len(evaluated) - len(record.slots_ms) :] = True
            clear_unwritten(seen, evaluated, told & recorded, record, group.limit)
        clear_beyond_limit(seen, evaluated, starts, known_at, group.limit, rule, told & recorded)
    if record is not None:  # what goes beyond the limit lingers, too, but was evaluated
        missed = record.missed(evaluations.started_ms)
        evaluated[len(evaluated) - len(missed) :] &= ~missed
    alerts: dict[Identity, list[dict[str, Any]]] = {}
    for first, past in segments(starts, seen):
        low = max(unix_ms(window.start), _first_written(seen.slots_ms, silent, slice(first, past)))
        for identity, (found, is_known) in segment(seen, evaluated, first, past, known_at, rule).items():
            unseen_ms = None if is_known else int(seen.slots_ms[0])
            shown_ones = [_clip(interval, low, seen.slots_ms, unseen_ms) for interval in found]
            if any(shown_ones):
                alerts.setdefault(identity, []).extend(interval for interval in shown_ones if interval)
    wanted = seen.slots_ms >= unix_ms(window.start)
    failed, twins = (seen.slots_ms[flags & wanted].tolist() for flags in (seen.failed, seen.twins))
    added_ms = None if added is None else int([*seen.slots_ms[added : added + 1], unix_ms(window.end)][0])
    return RuleReplay(alerts, failed, twins, added_ms)


def _padded(evaluations: Evaluations, seen: Seen, front: Flags) -> tuple[Flags, list[int], list[int], Flags]:
    """The group's evaluations on the slots that this rule was asked at; `front`: which of those before were, too."""
    evaluated = np.concatenate([front, evaluations.evaluated]) & ~seen.failed & ~seen.twins & ~seen.cleared
    more, loud = len(front), np.zeros(len(front), dtype=bool)
    starts, shown = ([0, *(place + more for place in some[1:])] for some in (evaluations.starts, evaluations.shown))
    return evaluated, starts, shown, np.concatenate([loud, evaluations.silent])


def _first_written(slots: Milliseconds, silent: Flags, part: slice) -> int:
    """First slot of a stretch whose alerts were written: after a start, those before they are restored are not."""
    written = np.flatnonzero(~silent[part])
    return int(slots[part][written[0]]) if len(written) else int(slots[part][-1]) + 1


def _clip(interval: Interval, low: int, slots: Milliseconds, unseen_ms: int | None) -> dict[str, Any] | None:
    """An interval from `low` on; ActiveAt is null where the alert was there when the replay began."""
    place = int(np.searchsorted(slots, max(low, interval.start_ms)))
    if place == len(slots) or slots[place] > interval.end_ms:
        return None
    began = interval.active_at_ms
    active_at = None if began is None or began == unseen_ms else began / 1000
    first = int(slots[place]) / 1000
    return {"state": interval.state, "start": first, "end": interval.end_ms / 1000, "active_at": active_at}
