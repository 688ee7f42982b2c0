"""One rule replayed: its expression at every slot, the state machine over it, cut to the window."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.errors import PromreviewError, QueryError, UnreachableError
from analysis.prometheus import Prometheus
from analysis.prometheus.promql import selector, text_of
from analysis.prometheus.rules import ZERO, Rule, RuleGroup
from analysis.thresholds.alerts import identity_of
from analysis.thresholds.asking import MILLISECOND, Sides, at_slots
from analysis.thresholds.collect import Grid, RuleSamples
from analysis.thresholds.evaluations import SETTLING, Evaluations
from analysis.thresholds.lives import Flags, Milliseconds
from analysis.thresholds.replay import Interval, replay
from analysis.thresholds.templates import is_decided, is_template
from analysis.window import Window, unix_ms

Identity = tuple[tuple[str, str], ...]
FOLLOWED_BACK = (1, 8, 64)  # times the warm-up, until what is there at its beginning has been seen to begin
LONGEST_BACK = timedelta(days=15)


@dataclass(frozen=True)
class RuleReplay:
    """What one rule did.

    Attributes:
        alerts: per label set of ``ALERTS``, its intervals as the document has them.
        failed_ms: slots at which the evaluation failed, Unix milliseconds.
    """

    alerts: dict[Identity, list[dict[str, Any]]]
    failed_ms: list[int]


@dataclass(frozen=True)
class _Seen:
    """What the rule saw at each slot: results per label set, failures, and where its state was cleared."""

    slots_ms: Milliseconds
    results: dict[Identity, NDArray[np.int64]]
    failed: Flags
    cleared: Flags


def replay_rule(
    sides: Sides,
    group: RuleGroup,
    rule: Rule,
    grid: Grid,
    window: Window,
    warm_up: timedelta,
    evaluations: Evaluations,
) -> RuleReplay:
    """Replay one rule.

    Raises:
        InputError: it cannot be replayed; says why.
        SourceError: the server failed.
    """
    begin, known = _followed_back(sides, group, rule, grid, window, warm_up)
    seen = _seen(sides, group, rule, grid, Window(begin, window.end))
    evaluated, starts, silent = _padded(evaluations, seen)
    known_at = {0: known}
    for start in starts[1:]:
        shown = int(seen.slots_ms[min(start + SETTLING, len(seen.slots_ms) - 1)])
        known_at[start] = _recorded_active_at(sides.prom, group, rule, grid, shown)
    alerts: dict[Identity, list[dict[str, Any]]] = {}
    for first, past in _segments(starts, seen):
        part = slice(first, past)
        low = max(unix_ms(window.start), _first_written(seen.slots_ms, silent, part))
        for identity, count in seen.results.items():
            known_ms = known_at.get(first, {}).get(identity)
            found = _intervals(seen.slots_ms[part], count[part] > 0, evaluated[part], rule, known_ms)
            unseen_ms = int(seen.slots_ms[0]) if known_ms is None else None
            shown_ones = [_clip(interval, low, grid.interval // MILLISECOND, unseen_ms) for interval in found]
            if any(shown_ones):
                alerts.setdefault(identity, []).extend(interval for interval in shown_ones if interval)
    failed = [slot for slot in seen.slots_ms[seen.failed].tolist() if slot >= unix_ms(window.start)]
    return RuleReplay(alerts, failed)


def _followed_back(
    sides: Sides, group: RuleGroup, rule: Rule, grid: Grid, window: Window, warm_up: timedelta
) -> tuple[datetime, dict[Identity, int]]:
    """Where the replay begins, and ActiveAt of what is there then: only the slots that may hold it are asked for."""
    known: dict[Identity, int] = {}
    begin = window.start
    for factor in FOLLOWED_BACK:
        begin = window.start - min(factor * warm_up, max(warm_up, LONGEST_BACK))
        try:
            seen = _seen(sides, group, rule, grid, Window(begin - rule.keep_firing_for, begin + grid.interval))
        except QueryError:  # it failed there and then; whether it always does is seen over the window
            return begin, {}
        lately = [identity for identity, count in seen.results.items() if count.any()]
        known = _recorded_active_at(sides.prom, group, rule, grid, int(seen.slots_ms[-1])) if lately else {}
        # one that is only held by `keep_firing_for` at the beginning would be taken for a new one when it returns
        if all(identity in known and seen.results[identity][-1] for identity in lately):
            break
    return begin, known


def _intervals(
    slots: Milliseconds, present: Flags, evaluated: Flags, rule: Rule, known_ms: int | None
) -> list[Interval]:
    for_ms, keep_ms = rule.for_duration // MILLISECOND, rule.keep_firing_for // MILLISECOND
    return replay(slots, present, evaluated, for_ms, keep_ms, known_ms)


def _seen(sides: Sides, group: RuleGroup, rule: Rule, grid: Grid, window: Window) -> _Seen:
    offset = group.query_offset or ZERO
    shifted = Window(window.start - offset, window.end - offset)
    compared = sides.compared(rule)
    asked = text_of(compared.compared) if compared else at_slots(rule.expr)
    decoded, failed = sides.ask(asked, shifted, grid.interval, (grid.phase - offset) % grid.interval)
    samples = RuleSamples(group, rule, grid, compared, decoded)
    slots: Milliseconds = decoded.frame.index.as_unit("ms").asi8 + offset // MILLISECOND
    results = _by_identity(samples)
    total = np.sum([np.zeros(len(slots), dtype="int64"), *results.values()], axis=0)
    if all(is_decided(value) for value in rule.labels.values() if is_template(value)):
        # two results with equal labels fail the evaluation: nothing written, state kept
        failed = failed | np.any([np.zeros(len(slots), dtype=bool), *(c > 1 for c in results.values())], axis=0)
    cleared = total > group.limit if group.limit else np.zeros(len(slots), dtype=bool)
    return _Seen(slots, results, failed & ~cleared, cleared)


def _by_identity(samples: RuleSamples) -> dict[Identity, NDArray[np.int64]]:
    """Per label set of ALERTS: how many results it had at each slot."""
    alerting, columns = samples.alerting(), samples.decoded.frame.columns
    counts: dict[Identity, NDArray[np.int64]] = {}
    for column in np.flatnonzero(alerting.any(axis=0)):
        identity = identity_of(list(columns.names), columns[column], samples.rule)
        counts[identity] = counts.get(identity, 0) + alerting[:, column].astype(np.int64)
    return counts


def _padded(evaluations: Evaluations, seen: _Seen) -> tuple[Flags, list[int], Flags]:
    """The group's evaluations on the slots that this rule was asked at: what lies before counts as evaluated."""
    more = len(seen.slots_ms) - len(evaluations.slots_ms)
    front = np.ones(more, dtype=bool)
    evaluated = np.concatenate([front, evaluations.evaluated]) & ~seen.failed & ~seen.cleared
    starts = [0, *(start + more for start in evaluations.starts[1:])]
    return evaluated, starts, np.concatenate([~front, evaluations.silent])


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


def _recorded_active_at(
    prom: Prometheus, group: RuleGroup, rule: Rule, grid: Grid, slot_ms: int
) -> dict[Identity, int]:
    """ActiveAt of each alert at a slot, from ``ALERTS_FOR_STATE``, which has it cut to whole seconds."""
    offset = (group.query_offset or ZERO) // MILLISECOND
    expr = selector("ALERTS_FOR_STATE", {"alertname": rule.name})
    try:
        found = prom.get("query", {"query": expr, "time": (slot_ms - offset) / 1000})["result"]
    except UnreachableError:
        raise
    except PromreviewError:
        return {}
    step, phase = grid.interval // MILLISECOND, grid.phase // MILLISECOND
    known = {}
    for series in found:
        seconds = float(series["value"][1])
        if not np.isfinite(seconds) or seconds * 1000 > slot_ms:
            continue
        slot = round(seconds) * 1000 + (phase - round(seconds) * 1000) % step
        labels = {n: v for n, v in series["metric"].items() if n not in ("__name__", "alertname")}
        known[tuple(sorted(labels.items()))] = slot if slot < round(seconds) * 1000 + 1000 else round(seconds) * 1000
    return known
