"""One rule replayed: its expression at every slot, the state machine over it, cut to the window."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.errors import QueryError
from analysis.prometheus import Prometheus
from analysis.prometheus.rules import ZERO, Rule, RuleGroup
from analysis.thresholds.alerts import identity_of
from analysis.thresholds.asking import MILLISECOND, Sides
from analysis.thresholds.collect import Grid, RuleSamples
from analysis.thresholds.evaluations import Evaluations, Identity, recorded_active_at
from analysis.thresholds.lives import Flags, Milliseconds
from analysis.thresholds.reading import at_slots
from analysis.thresholds.records import Record
from analysis.thresholds.replay import Interval, replay
from analysis.thresholds.templates import undecided
from analysis.window import Window, from_unix_ms, unix_ms

KnownAt = tuple[int, int, dict[Identity, int]]
"""Where the server's memory began, the place at which it tells of alerts, and ActiveAt of each."""
FOLLOWED_BACK = (1, 8, 64)  # times the warm-up, until what is there at its beginning has been seen to begin
LONGEST_BACK = timedelta(days=15)


@dataclass(frozen=True)
class RuleReplay:
    """What one rule did.

    Attributes:
        alerts: per label set of ``ALERTS``, its intervals as the document has them.
        failed_ms: slots at which the server refuses the query, Unix milliseconds.
        twins_ms: slots at which two results had equal labels.
    """

    alerts: dict[Identity, list[dict[str, Any]]]
    failed_ms: list[int]
    twins_ms: list[int]


@dataclass(frozen=True)
class _Seen:
    """What the rule saw at each slot: results per label set, failures, and where its state was cleared."""

    slots_ms: Milliseconds
    results: dict[Identity, NDArray[np.int64]]
    failed: Flags
    twins: Flags
    cleared: Flags


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
    begin, known_ms, known = _followed_back(sides, group, rule, grid, window, warm_up, evaluations)
    seen = _seen(sides, group, rule, grid, Window(begin, window.end))
    evaluated, starts, shown, silent = _padded(evaluations, seen)
    known_at = [
        (0, int(np.searchsorted(seen.slots_ms, known_ms)), known),
        *_known_after_starts(sides.prom, group, rule, grid, seen, zip(starts[1:], shown[1:], strict=True), record),
    ]
    known_at += _known_in_window(sides.prom, group, rule, grid, seen, window, evaluated, record)
    if group.limit and rule.keep_firing_for:
        _clear_beyond_limit(seen, evaluated, starts, known_at, group.limit, rule)
    if record is not None:  # what goes beyond the limit lingers, too, but was evaluated
        missed = record.missed(evaluations.started_ms)
        evaluated[len(evaluated) - len(missed) :] &= ~missed
    alerts: dict[Identity, list[dict[str, Any]]] = {}
    for first, past in _segments(starts, seen):
        low = max(unix_ms(window.start), _first_written(seen.slots_ms, silent, slice(first, past)))
        for identity, (found, is_known) in _segment(seen, evaluated, first, past, known_at, rule).items():
            unseen_ms = None if is_known else int(seen.slots_ms[0])
            shown_ones = [_clip(interval, low, grid.interval // MILLISECOND, unseen_ms) for interval in found]
            if any(shown_ones):
                alerts.setdefault(identity, []).extend(interval for interval in shown_ones if interval)
    wanted = seen.slots_ms >= unix_ms(window.start)
    failed, twins = (seen.slots_ms[flags & wanted].tolist() for flags in (seen.failed, seen.twins))
    return RuleReplay(alerts, failed, twins)


def _segment(
    seen: _Seen, evaluated: Flags, first: int, past: int, known_at: Sequence[KnownAt], rule: Rule
) -> dict[Identity, tuple[list[Interval], bool]]:
    """Per alert, its intervals in a stretch through which the server's memory lasted, and whether its age is known."""
    part = slice(first, past)
    slots = seen.slots_ms[part]
    found = {}
    for identity, count in seen.results.items():
        known_ms, place = None, first
        for begin, at, ages in known_at:  # the last that tells of this alert
            if begin == first or first <= at < past:
                known_ms, place = (ages[identity], at) if identity in ages else (known_ms, place)
        for_ms, keep_ms = rule.for_duration // MILLISECOND, rule.keep_firing_for // MILLISECOND
        at_ms = int(seen.slots_ms[max(place, first)])
        runs = replay(slots, count[part] > 0, evaluated[part], for_ms, keep_ms, known_ms, at_ms)
        found[identity] = runs, known_ms is not None
    return found


def _known_after_starts(
    prom: Prometheus,
    group: RuleGroup,
    rule: Rule,
    grid: Grid,
    seen: _Seen,
    starts: Iterable[tuple[int, int]],
    record: Record | None,
) -> Iterator[KnownAt]:
    """What alerts are restored to: shown by the first evaluation after a start that writes."""
    for start, shown in starts:
        ages = _recorded(prom, group, rule, grid, int(seen.slots_ms[shown]))
        yield start, shown, {i: _restored(at, i, rule, grid, record) for i, at in ages.items()}


def _restored(at: int, identity: Identity, rule: Rule, grid: Grid, record: Record | None) -> int:
    """ActiveAt restored to a clock's time, of which only the whole second is kept: early or late in that second."""
    second = at // 1000 * 1000
    due, step = second + rule.for_duration // MILLISECOND, grid.interval // MILLISECOND
    slot = due + (grid.phase // MILLISECOND - due) % step
    if record is None or slot >= due + 1000:
        return at
    row = int(np.searchsorted(record.slots_ms, slot))
    pending = tuple(sorted((*_without(identity, "alertstate"), ("alertname", rule.name), ("alertstate", "pending"))))
    for labels, written in zip(record.labels, record.written[row : row + 1].T, strict=True):
        if written.any() and _without(tuple(sorted(labels.items())), "__name__") == pending:
            return second + 999
    return at


def _known_in_window(
    prom: Prometheus,
    group: RuleGroup,
    rule: Rule,
    grid: Grid,
    seen: _Seen,
    window: Window,
    evaluated: Flags,
    record: Record | None,
) -> Iterator[KnownAt]:
    """What the server says of the alerts at the window's first slot, as far as today's rule could have written it."""
    place = int(np.searchsorted(seen.slots_ms, unix_ms(window.start)))
    place += int(np.argmax(evaluated[place:])) if evaluated[place:].any() else 0  # a pause may stand at its beginning
    if record is None or not 0 < place < len(seen.slots_ms):
        return
    row = len(record.slots_ms) - (len(seen.slots_ms) - place)
    slot = int(seen.slots_ms[place])
    if row < 0 or not record.written[row].any():
        return
    states = {
        _without(tuple(sorted(labels.items())), "__name__", "alertname", "alertstate"): labels.get("alertstate")
        for labels, written in zip(record.labels, record.written[row], strict=True)
        if written
    }
    ages = {}
    for identity, at in recorded_active_at(prom, group, rule, slot).items():
        state, age = states.get(_without(identity, "alertstate")), slot - _slot_of(at, grid)
        if state == ("firing" if age >= rule.for_duration // MILLISECOND else "pending"):
            ages[identity] = slot - age
    yield 0, place, ages


def _without(identity: Identity, *names: str) -> Identity:
    return tuple(pair for pair in identity if pair[0] not in names)


def _slot_of(whole_second_ms: int, grid: Grid) -> int:
    """The slot that was cut to a whole second; where there was none, the second itself: a clock's time, or restored."""
    step, phase = grid.interval // MILLISECOND, grid.phase // MILLISECOND
    slot = whole_second_ms + (phase - whole_second_ms) % step
    return slot if slot < whole_second_ms + 1000 else whole_second_ms


def _clear_beyond_limit(
    seen: _Seen, evaluated: Flags, starts: list[int], known_at: Sequence[KnownAt], limit: int, rule: Rule
) -> None:
    """Mark where alerts that are only held go beyond the group's limit: they count, and their state is cleared."""
    for first, past in list(_segments(starts, seen)):
        begin = first
        while begin < past:
            alive = np.zeros(len(seen.slots_ms) + 1, dtype=np.int64)
            for found, _ in _segment(seen, evaluated, begin, past, known_at, rule).values():
                for interval in found:
                    alive[np.searchsorted(seen.slots_ms, interval.start_ms)] += 1
                    alive[np.searchsorted(seen.slots_ms, interval.end_ms) + 1] -= 1
            beyond = np.flatnonzero(np.cumsum(alive)[begin:past] > limit)
            if not len(beyond):
                break
            begin += int(beyond[0]) + 1
            seen.cleared[begin - 1], evaluated[begin - 1] = True, False


def _followed_back(
    sides: Sides,
    group: RuleGroup,
    rule: Rule,
    grid: Grid,
    window: Window,
    warm_up: timedelta,
    evaluations: Evaluations,
) -> tuple[datetime, int, dict[Identity, int]]:
    """Where the replay begins, and a slot with ActiveAt of what is there: only slots that may hold it are asked for."""
    known, first_ms = dict[Identity, int](), 0
    for factor in FOLLOWED_BACK:
        begin = window.start - min(factor * warm_up, max(warm_up, LONGEST_BACK))
        evaluated_ms = _first_evaluated_ms(evaluations, unix_ms(begin), grid)
        if evaluated_ms is None:
            return begin, 0, {}
        first_ms = evaluated_ms
        try:
            asked = Window(begin - rule.keep_firing_for, from_unix_ms(first_ms + 1))
            seen = _seen(sides, group, rule, grid, asked)
        except QueryError:  # it failed there and then; whether it always does is seen over the window
            return begin, 0, {}
        lately = [identity for identity, count in seen.results.items() if count.any()]
        known = _recorded(sides.prom, group, rule, grid, first_ms) if lately else {}
        # one that is only held by `keep_firing_for` at the beginning would be taken for a new one when it returns
        if all(identity in known and seen.results[identity][-1] for identity in lately):
            break
    return begin, first_ms, known


def _first_evaluated_ms(evaluations: Evaluations, begin_ms: int, grid: Grid) -> int | None:
    """The first slot from a time on at which the group was evaluated; None where the server started first."""
    slots = evaluations.slots_ms
    first = int(np.argmax(evaluations.evaluated)) if evaluations.evaluated.any() else 0
    if any(start <= first for start in evaluations.starts[1:]):
        return None
    step = grid.interval // MILLISECOND
    begin_slot = begin_ms + (grid.phase // MILLISECOND - begin_ms) % step
    return int(slots[first]) if len(slots) and begin_slot >= slots[0] else begin_slot


def _seen(sides: Sides, group: RuleGroup, rule: Rule, grid: Grid, window: Window) -> _Seen:
    offset = group.query_offset or ZERO
    shifted = Window(window.start - offset, window.end - offset)
    shared, phase = sides.shared(rule), (grid.phase - offset) % grid.interval
    decoded, failed = sides.ask(shared.asked if shared else at_slots(rule.expr), shifted, grid.interval, phase)
    if shared and decoded.histograms:  # what is compared of those, only the server can say
        shared, (decoded, failed) = None, sides.ask(at_slots(rule.expr), shifted, grid.interval, phase)
    compared, decoded = (shared.compared, shared.applied(decoded)) if shared else (None, decoded)
    samples = RuleSamples(group, rule, grid, compared, decoded)
    slots: Milliseconds = decoded.frame.index.as_unit("ms").asi8 + offset // MILLISECOND
    results = _by_identity(samples)
    total = np.sum([np.zeros(len(slots), dtype="int64"), *results.values()], axis=0)
    twins = np.zeros(len(slots), dtype=bool)
    if not undecided(rule.labels):
        # two results with equal labels fail the evaluation: nothing written, state kept
        twins = np.any([twins, *(count > 1 for count in results.values())], axis=0)
    cleared = total > group.limit if group.limit else np.zeros(len(slots), dtype=bool)
    return _Seen(slots, results, failed, twins, cleared & ~twins)


def _by_identity(samples: RuleSamples) -> dict[Identity, NDArray[np.int64]]:
    """Per label set of ALERTS: how many results it had at each slot."""
    alerting, columns = samples.alerting(), samples.decoded.frame.columns
    counts: dict[Identity, NDArray[np.int64]] = {}
    for column in np.flatnonzero(alerting.any(axis=0)):
        identity = identity_of(list(columns.names), columns[column], samples.rule)
        counts[identity] = counts.get(identity, 0) + alerting[:, column].astype(np.int64)
    return counts


def _padded(evaluations: Evaluations, seen: _Seen) -> tuple[Flags, list[int], list[int], Flags]:
    """The group's evaluations on the slots that this rule was asked at: what lies before counts as evaluated."""
    more = len(seen.slots_ms) - len(evaluations.slots_ms)
    front = np.ones(more, dtype=bool)
    evaluated = np.concatenate([front, evaluations.evaluated]) & ~seen.failed & ~seen.twins & ~seen.cleared
    starts, shown = ([0, *(place + more for place in some[1:])] for some in (evaluations.starts, evaluations.shown))
    return evaluated, starts, shown, np.concatenate([~front, evaluations.silent])


def _segments(starts: list[int], seen: _Seen) -> Iterator[tuple[int, int]]:
    """Stretches through which the server's memory lasted: a start, or too many alerts, clears it."""
    count = len(seen.slots_ms)
    edges = sorted({*starts, *(np.flatnonzero(seen.cleared) + 1).tolist(), count})
    yield from ((a, b) for a, b in pairwise(edges) if b <= count)


def _first_written(slots: Milliseconds, silent: Flags, part: slice) -> int:
    """First slot of a stretch whose alerts were written: after a start, those before they are restored are not."""
    written = np.flatnonzero(~silent[part])
    return int(slots[part][written[0]]) if len(written) else int(slots[part][-1]) + 1


def _clip(interval: Interval, low: int, step_ms: int, unseen_ms: int | None) -> dict[str, Any] | None:
    """An interval from `low` on; ActiveAt is null where the alert was there when the replay began."""
    first = interval.start_ms + max(0, -(-(low - interval.start_ms) // step_ms)) * step_ms
    if first > interval.end_ms:
        return None
    began = interval.active_at_ms
    active_at = None if began is None or began == unseen_ms else began / 1000
    return {"state": interval.state, "start": first / 1000, "end": interval.end_ms / 1000, "active_at": active_at}


def _recorded(prom: Prometheus, group: RuleGroup, rule: Rule, grid: Grid, slot_ms: int) -> dict[Identity, int]:
    return {i: _slot_of(at, grid) for i, at in recorded_active_at(prom, group, rule, slot_ms).items()}
