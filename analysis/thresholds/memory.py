"""What the server remembered of a rule's alerts where a replay begins, or where its memory began anew."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta

import numpy as np

from analysis.errors import QueryError
from analysis.prometheus import Prometheus
from analysis.prometheus.rules import Rule, RuleGroup
from analysis.thresholds.asking import MILLISECOND, Sides
from analysis.thresholds.collect import Grid
from analysis.thresholds.evaluations import Earlier, Evaluations, Identity, recorded_active_at
from analysis.thresholds.lives import Flags
from analysis.thresholds.records import Record
from analysis.thresholds.seen import Seen, seen_of
from analysis.thresholds.templates import is_template
from analysis.window import Window, from_unix_ms, unix_ms

KnownAt = tuple[int, int, dict[Identity, int]]
"""Where the server's memory began, the place at which it tells of alerts, and ActiveAt of each."""
FOLLOWED_BACK = (1, 8, 64)  # times the warm-up, until what is there at its beginning has been seen to begin
LONGEST_BACK = timedelta(days=15)
ADDED_SLOTS = 3  # at which a rule would have written something and did not, before it can be called a later one


def followed_back(
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
            seen = seen_of(sides, group, rule, grid, asked)
        except QueryError:  # it failed there and then; whether it always does is seen over the window
            return begin, 0, {}
        lately = [identity for identity, count in seen.results.items() if count.any()]
        known = recorded_ages(sides.prom, group, rule, grid, first_ms) if lately else {}
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


def known_after_starts(
    prom: Prometheus,
    group: RuleGroup,
    rule: Rule,
    grid: Grid,
    seen: Seen,
    starts: Iterable[tuple[int, int]],
    record: Record | None,
) -> Iterator[KnownAt]:
    """What alerts are restored to: shown by the first evaluation after a start that writes."""
    for start, shown in starts:
        ages = recorded_ages(prom, group, rule, grid, int(seen.slots_ms[shown]))
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


def known_in_window(
    prom: Prometheus,
    group: RuleGroup,
    rule: Rule,
    grid: Grid,
    seen: Seen,
    window: Window,
    told: Flags,
    record: Record | None,
) -> Iterator[KnownAt]:
    """What the server says of the alerts at the window's first slot that was `told` of, as far as it is today's rule's.

    Of alerts that would only be held there and were not recorded, `seen` forgets what came before.
    """
    place = int(np.searchsorted(seen.slots_ms, unix_ms(window.start)))
    place += int(np.argmax(told[place:])) if told[place:].any() else 0  # a pause may stand at its beginning
    if record is None or not 0 < place < len(seen.slots_ms):
        return
    row = len(record.slots_ms) - (len(seen.slots_ms) - place)
    slot = int(seen.slots_ms[place])
    if row < 0 or not told[place]:
        return
    states = {
        alert_of(labels): labels.get("alertstate")
        for labels, written in zip(record.labels, record.written[row], strict=True)
        if written
    }
    for identity, count in seen.results.items():
        if not count[place] and _without(identity, "alertstate") not in states:
            count[:place] = 0  # what `keep_firing_for` would hold here was not there
    if not states:
        return
    for identity, at in recorded_active_at(prom, group, rule, slot).items():
        state, age = states.get(_without(identity, "alertstate")), slot - _slot_of(at, grid)
        if identity in seen.results and state == ("firing" if age >= rule.for_duration // MILLISECOND else "pending"):
            results = np.flatnonzero(seen.results[identity][: place + 1])  # where it is only held, it had one before
            if len(results) and seen.slots_ms[results[-1]] >= slot - age:
                yield 0, int(results[-1]), {identity: _restored(slot - age, identity, rule, grid, record)}


def carried_over(
    sides: Sides, group: RuleGroup, rule: Rule, earlier: Earlier, seen: Seen, record: Record
) -> tuple[Seen, Flags, list[KnownAt]]:
    """Alerts that only `keep_firing_for` held where the group's slots changed: they lost their result before.

    Returns:
        What the rule saw, for those alerts from before the change; which slots before it were evaluated; and, of each
        of those alerts, the last place with a result, at which it was as old as the server says later.
    """
    begin = int(seen.slots_ms[0])
    written = record.written[np.searchsorted(record.slots_ms, begin)] if begin in record.slots_ms else []
    ages = recorded_ages(sides.prom, group, rule, earlier.grid, begin) if np.any(written) else {}
    bare = {identity for identity in ages if identity not in seen.results or not seen.results[identity][0]}
    if not bare:
        return seen, np.zeros(0, dtype=bool), []
    since = from_unix_ms(begin) - rule.keep_firing_for - 2 * earlier.grid.interval
    past = seen_of(sides, group, rule, earlier.grid, Window(since, from_unix_ms(begin)))
    lasts = {i: int(np.flatnonzero(past.results[i])[-1]) for i in bare if i in past.results and past.results[i].any()}
    skipped = earlier.evaluations.slots_ms[~earlier.evaluations.evaluated]
    known = [(0, place, {identity: ages[identity]}) for identity, place in lasts.items()]
    return seen.after(past, set(lasts)), ~np.isin(past.slots_ms, skipped), known


def added_at(
    rule: Rule,
    seen: Seen,
    told: Flags,
    window: Window,
    record: Record | None,
    ages_at: Callable[[int], dict[Identity, int]],
    *,
    comes: bool,
) -> int | None:
    """Where today's rule was added to its group or changed: nothing of it was recorded before, though it had results.

    Args:
        rule: the rule.
        seen: what it sees.
        told: slots that were evaluated, and not by a server that had just started.
        window: the slots that are wanted.
        record: what was recorded of alerts of its name.
        ages_at: gives ActiveAt of the alerts that were recorded at a slot.
        comes: whether alerts of its name were recorded later, at other slots.

    Returns:
        The place of its first slot, past the last one where it came later still; None where the rule was there, or
        where nothing shows that it was not.
    """
    if record is None:
        inside = seen.slots_ms >= unix_ms(window.start)
        return len(seen.slots_ms) if comes and (seen.any_result & told & inside).sum() >= ADDED_SLOTS else None
    labels = {name: value for name, value in rule.labels.items() if value and not is_template(value)}
    mine = [place for place, series in enumerate(record.labels) if labels.items() <= series.items()]
    written = record.written[:, mine].any(axis=1)
    if not written.any():
        return None
    more = len(seen.slots_ms) - len(record.slots_ms)
    first = more + int(np.argmax(written))
    due = (seen.any_result & told)[max(more, 0) : first]
    if seen.slots_ms[first] <= unix_ms(window.start) or due.sum() < ADDED_SLOTS:
        return None
    ages = ages_at(int(seen.slots_ms[first]))
    return None if any(ages[i] < seen.slots_ms[first] for i in seen.results if i in ages) else first


def alert_of(labels: Mapping[str, str]) -> Identity:
    """The alert of a series of ``ALERTS``."""
    return _without(tuple(sorted(labels.items())), "__name__", "alertname", "alertstate")


def _without(identity: Identity, *names: str) -> Identity:
    return tuple(pair for pair in identity if pair[0] not in names)


def _slot_of(whole_second_ms: int, grid: Grid) -> int:
    """The slot that was cut to a whole second; where there was none, the second itself: a clock's time, or restored."""
    step, phase = grid.interval // MILLISECOND, grid.phase // MILLISECOND
    slot = whole_second_ms + (phase - whole_second_ms) % step
    return slot if slot < whole_second_ms + 1000 else whole_second_ms


def recorded_ages(prom: Prometheus, group: RuleGroup, rule: Rule, grid: Grid, slot_ms: int) -> dict[Identity, int]:
    """ActiveAt of the alerts that were recorded at a slot, on the group's slots where it was on one."""
    return {i: _slot_of(at, grid) for i, at in recorded_active_at(prom, group, rule, slot_ms).items()}
