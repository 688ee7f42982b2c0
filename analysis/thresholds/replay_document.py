"""What ``rules replay`` prints: every alert of every rule, slot by slot, and what could not be replayed."""

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import numpy as np

from analysis.errors import PromreviewError
from analysis.prometheus import Prometheus
from analysis.prometheus.rules import Rule, RuleGroup
from analysis.thresholds.alerts import MILLISECOND, identity_of
from analysis.thresholds.collect import Grid, RuleSamples, grid_of, samples_of
from analysis.thresholds.replay import Flags, Interval, Milliseconds, replay
from analysis.window import Window, unix_ms

# Twice `for` + `keep_firing_for`: a held alert whose condition returned is older than one of them.
WARM_UP_FACTOR = 2
_MOVING_ANCHOR = re.compile(r"@\s*(start|end)\s*\(")


def replay_document(
    prom: Prometheus, rules: Sequence[tuple[RuleGroup, Rule]], window: Window, default_interval: timedelta
) -> dict[str, Any]:
    """Replay rules over the half-open window.

    Returns:
        The document of ``rules replay``; a rule that cannot be replayed stands in ``skipped``.

    Raises:
        SourceError: the server cannot be asked at all.
    """
    document: dict[str, Any] = {
        "schema_version": 1,
        "window": {"start": unix_ms(window.start) / 1000, "end": unix_ms(window.end) / 1000},
        "groups": [],
        "alerts": [],
        "unknown": [],
        "skipped": [],
        "agreement": None,
    }
    grids: dict[tuple[str, str], Grid] = {}
    for group, rule in rules:
        place = {"file": group.file, "group": group.name, "rule": rule.index, "alert": rule.name}
        reason = _refusal(group, rule)
        try:
            if not reason:
                key = (group.file, group.name)
                if key not in grids:
                    grids[key] = grid_of(prom, group, window, default_interval, prom.source().version)
                    document["groups"].append(_group(group, grids[key], window))
                reason = _replay_rule(prom, group, rule, grids[key], window, place, document)
        except PromreviewError as error:
            if error.exit_code == 3:
                raise
            reason = str(error)
        if reason:
            document["skipped"].append({**place, "reason": reason})
    return document


def _refusal(group: RuleGroup, rule: Rule) -> str:
    if group.query_offset:
        return "a group with query_offset cannot be replayed yet"
    if _MOVING_ANCHOR.search(rule.expr):
        return "@ start() and @ end() mean the slot in a rule and the window in a range query"
    return ""


def _group(group: RuleGroup, grid: Grid, window: Window) -> dict[str, Any]:
    return {
        "file": group.file,
        "name": group.name,
        "interval": grid.interval.total_seconds(),
        "phase": grid.phase.total_seconds(),
        "phase_source": grid.source,
        "query_offset": 0,
        "start": unix_ms(window.start) / 1000,
        "end": unix_ms(window.end) / 1000,
    }


def _replay_rule(
    prom: Prometheus,
    group: RuleGroup,
    rule: Rule,
    grid: Grid,
    window: Window,
    place: dict[str, Any],
    document: dict[str, Any],
) -> str:
    """Add the alerts of one rule; gives the reason where it has to be skipped."""
    warm_up = WARM_UP_FACTOR * (rule.for_duration + rule.keep_firing_for) + grid.interval
    samples = samples_of(prom, group, rule, grid, Window(window.start - warm_up, window.end))
    slots: Milliseconds = samples.decoded.frame.index.as_unit("ms").asi8
    removed = sorted(name for name, value in rule.labels.items() if "{{" in value)
    presence, results = _by_identity(samples)
    evaluated: Flags = np.ones(len(slots), dtype=bool)
    if not removed:  # two results with equal labels fail the evaluation: nothing written, state kept
        evaluated = ~np.any([count > 1 for count in results.values()] or [~evaluated], axis=0)
    if group.limit and np.any(np.sum(list(results.values()), axis=0) > group.limit):
        return f"more alerts than the group's limit of {group.limit}"
    _add_failures(slots[~evaluated], grid, window, place, document)
    for_ms, keep_ms = rule.for_duration // MILLISECOND, rule.keep_firing_for // MILLISECOND
    for identity, present in presence.items():
        intervals = replay(slots, present, evaluated, for_ms, keep_ms)
        clipped = [_clip(i, slots, window, grid.interval // MILLISECOND) for i in intervals]
        inside = [interval for interval in clipped if interval]
        if inside:
            why = "a template of a rule label is not expanded"
            entry = {"approximate": {"removed": removed, "reason": why} if removed else None, "intervals": inside}
            document["alerts"].append({**place, "labels": dict(identity), **entry})
    return ""


def _by_identity(samples: RuleSamples) -> tuple[dict[Any, Flags], dict[Any, Milliseconds]]:
    """Per label set of ALERTS: whether it had a result, and how many, at each slot."""
    alerting, columns = samples.alerting(), samples.decoded.frame.columns
    counts: dict[Any, Milliseconds] = {}
    for column in np.flatnonzero(alerting.any(axis=0)):
        identity = identity_of(list(columns.names), columns[column], samples.rule)
        counts[identity] = counts.get(identity, 0) + alerting[:, column].astype(np.int64)
    return {identity: count > 0 for identity, count in counts.items()}, counts


def _add_failures(
    failed: Milliseconds, grid: Grid, window: Window, place: dict[str, Any], document: dict[str, Any]
) -> None:
    inside = failed[failed >= unix_ms(window.start)]
    if not len(inside):
        return
    step = grid.interval // MILLISECOND
    for run in np.split(inside, np.flatnonzero(np.diff(inside) > step) + 1):
        span = {"start": int(run[0]) / 1000, "end": (int(run[-1]) + step) / 1000}
        scope = f"{place['file']};{place['group']};{place['rule']}"
        document["unknown"].append({**span, "scope": scope, "reason": "two results with equal labels"})


def _clip(interval: Interval, slots: Milliseconds, window: Window, step_ms: int) -> dict[str, Any] | None:
    """An interval inside the window; ActiveAt is null where the alert was there when the replay began."""
    low = unix_ms(window.start)
    first = interval.start_ms + max(0, -(-(low - interval.start_ms) // step_ms)) * step_ms
    if first > interval.end_ms:
        return None
    began = interval.active_at_ms
    active_at = None if began is None or began == int(slots[0]) else began / 1000
    return {"state": interval.state, "start": first / 1000, "end": interval.end_ms / 1000, "active_at": active_at}
