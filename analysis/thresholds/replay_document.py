"""What ``rules replay`` prints: every alert of every rule, slot by slot, and what could not be replayed."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import groupby
from typing import Any

from analysis.errors import InputError, PromreviewError
from analysis.prometheus import Prometheus
from analysis.prometheus.rules import ZERO, Rule, RuleGroup
from analysis.thresholds.agreement import Agreement
from analysis.thresholds.asking import MILLISECOND, Sides
from analysis.thresholds.collect import Grid, grid_of
from analysis.thresholds.evaluations import Evaluations, evaluations_of, is_calm
from analysis.thresholds.rule_replay import RuleReplay, replay_rule
from analysis.thresholds.templates import is_decided, is_template
from analysis.window import Window, unix_ms

# Twice `for` + `keep_firing_for`: a held alert whose condition returned is older than one of them.
WARM_UP_FACTOR = 2
NOT_DECIDED = "a label is a template over more than $labels"
DOWN = "the server was down, or had just started: nothing was written"
DUPLICATES = "the evaluation failed: two results with equal labels, or an error of the query"


def replay_document(
    prom: Prometheus,
    rules: Sequence[tuple[RuleGroup, Rule]],
    window: Window,
    default_interval: timedelta,
    told: Callable[[int], object] = lambda _done: None,
) -> dict[str, Any]:
    """Replay rules over the half-open window.

    Args:
        prom: the server that stored what the rules ask for.
        rules: groups and their alerting rules; those of one group stand together.
        window: the slots that are wanted.
        default_interval: of groups that name none.
        told: called with 1 for every rule that is done.

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
    }
    agreement = Agreement()
    groups = [
        (replace(group, interval=group.interval or default_interval), [rule for _, rule in pairs])
        for group, pairs in groupby(rules, key=lambda pair: pair[0])
    ]
    warm_up = max((_warm_up(group, mine) for group, mine in groups), default=ZERO)
    calm = len(groups) > 1 and is_calm(prom, Window(window.start - warm_up, window.end))
    for group, mine in groups:
        _add_group(prom, group, mine, window, document, agreement, told, calm=calm)
    return {**document, "agreement": agreement.document()}


def _add_group(
    prom: Prometheus,
    group: RuleGroup,
    rules: list[Rule],
    window: Window,
    document: dict[str, Any],
    agreement: Agreement,
    told: Callable[[int], object],
    *,
    calm: bool,
) -> None:
    try:
        grid = grid_of(prom, group, window, group.interval or ZERO, prom.source().version)
        warm_up = _warm_up(group, rules)
        evaluations = evaluations_of(prom, group, grid, Window(window.start - warm_up, window.end), calm=calm)
    except PromreviewError as error:
        if error.exit_code == 3:
            raise
        document["skipped"] += [{**_place(group, rule), "reason": str(error)} for rule in rules]
        told(len(rules))
        return
    document["groups"].append(_group(group, grid, window))
    _add_unknown(document, evaluations, grid, window, f"{group.file};{group.name}")
    unfit, before = set(), len(document["alerts"])
    sides = Sides(prom, rules)
    for rule in sides.ordered():
        reason = _add_rule(sides, group, rule, grid, window, warm_up, evaluations, document)
        if reason:
            document["skipped"].append({**_place(group, rule), "reason": reason})
        if reason or _removed(rule):
            unfit.add(rule.name)
        told(1)
    document["alerts"][before:] = sorted(document["alerts"][before:], key=lambda alert: alert["rule"])
    for name in dict.fromkeys(rule.name for rule in rules if rule.name not in unfit):
        mine = [a for a in document["alerts"] if (a["file"], a["group"], a["alert"]) == (group.file, group.name, name)]
        agreement.add(prom, group, name, mine, grid, window, evaluations)


def _warm_up(group: RuleGroup, rules: list[Rule]) -> timedelta:
    longest = max(rule.for_duration + rule.keep_firing_for for rule in rules)
    return WARM_UP_FACTOR * longest + (group.interval or ZERO)


def _add_rule(
    sides: Sides,
    group: RuleGroup,
    rule: Rule,
    grid: Grid,
    window: Window,
    warm_up: timedelta,
    evaluations: Evaluations,
    document: dict[str, Any],
) -> str:
    """Add the alerts of one rule; gives the reason where it has to be skipped."""
    try:
        replayed: RuleReplay = replay_rule(sides, group, rule, grid, window, warm_up, evaluations)
    except PromreviewError as error:
        if error.exit_code == 3:
            raise
        return str(error)
    scope = f"{group.file};{group.name};{rule.index}"
    _add_spans(document, replayed.failed_ms, grid, window, scope, DUPLICATES)
    removed = _removed(rule)
    approximate = {"removed": removed, "reason": NOT_DECIDED} if removed else None
    for identity, intervals in replayed.alerts.items():
        entry = {"labels": dict(identity), "approximate": approximate, "intervals": intervals}
        document["alerts"].append({**_place(group, rule), **entry})
    return ""


def _place(group: RuleGroup, rule: Rule) -> dict[str, Any]:
    return {"file": group.file, "group": group.name, "rule": rule.index, "alert": rule.name}


def _removed(rule: Rule) -> list[str]:
    return sorted(name for name, value in rule.labels.items() if is_template(value) and not is_decided(value))


def _group(group: RuleGroup, grid: Grid, window: Window) -> dict[str, Any]:
    return {
        "file": group.file,
        "name": group.name,
        "interval": grid.interval.total_seconds(),
        "phase": grid.phase.total_seconds(),
        "phase_source": grid.source,
        "query_offset": (group.query_offset or ZERO).total_seconds(),
        "start": unix_ms(window.start) / 1000,
        "end": unix_ms(window.end) / 1000,
    }


def _add_unknown(document: dict[str, Any], evaluations: Evaluations, grid: Grid, window: Window, scope: str) -> None:
    _add_spans(document, evaluations.slots_ms[evaluations.silent].tolist(), grid, window, scope, DOWN)


def _add_spans(
    document: dict[str, Any], slots_ms: Sequence[int], grid: Grid, window: Window, scope: str, reason: str
) -> None:
    """Runs of slots inside the window, as spans."""
    step, low = grid.interval // MILLISECOND, unix_ms(window.start)
    spans: list[list[int]] = []
    for slot in slots_ms:
        if slot < low:
            continue
        if spans and slot <= spans[-1][1]:
            spans[-1][1] = slot + step
        else:
            spans.append([slot, slot + step])
    document["unknown"] += [
        {"start": start / 1000, "end": end / 1000, "scope": scope, "reason": reason} for start, end in spans
    ]


def broken_file(file: str, error: InputError) -> dict[str, Any]:
    """The entry in ``skipped`` of a rule file that cannot be read."""
    return {"file": file, "group": None, "rule": None, "alert": None, "reason": str(error)}
