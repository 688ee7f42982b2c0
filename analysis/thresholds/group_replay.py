"""One group replayed: its stretches one after the other, in each of them its rules."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from analysis.errors import PromreviewError
from analysis.prometheus import Prometheus
from analysis.prometheus.rules import ZERO, Rule, RuleGroup
from analysis.thresholds.agreement import Agreement
from analysis.thresholds.asking import MILLISECOND, Sides
from analysis.thresholds.collect import Grid, grid_of
from analysis.thresholds.evaluations import Earlier, Evaluations, Identity, evaluations_of
from analysis.thresholds.offsets import as_shown
from analysis.thresholds.reading import as_read
from analysis.thresholds.records import Record, alert_records
from analysis.thresholds.rule_replay import replay_rule
from analysis.thresholds.stretches import Stretch, stretches_of
from analysis.thresholds.templates import undecided
from analysis.window import Window, unix_ms

# Twice `for` + `keep_firing_for`: a held alert whose condition returned is older than one of them.
WARM_UP_FACTOR = 2
NOT_DECIDED = "a label is a template over more than $labels"
DOWN = "the server was down, or had just started: nothing was written"
TWINS = "the evaluation failed: two results had equal labels once the rule's labels were on"
ADDED = "the rule was added or changed later: nothing of it was recorded until then, though it would have fired"
FAILED = "the evaluation failed: the server refuses the query at these slots"

Document = dict[str, list[dict[str, Any]]]
Found = dict[tuple[int, Identity], list[dict[str, Any]]]
"""Intervals by the rule's index and the alert's labels."""


def replay_group(
    prom: Prometheus,
    group: RuleGroup,
    rules: Sequence[Rule],
    window: Window,
    agreement: Agreement,
    told: Callable[[int], object],
    *,
    calm: bool,
) -> Document:
    """Replay rules of one group.

    Args:
        prom: the server.
        group: the group, its interval given.
        rules: those of its alerting rules that are wanted.
        window: the slots that are wanted.
        agreement: where what the server recorded is compared.
        told: called with 1 for every rule that is done.
        calm: whether the server is known to have scraped without a pause.

    Returns:
        ``groups``, ``alerts``, ``unknown`` and ``skipped`` of the replay's document.

    Raises:
        SourceError: the server cannot be asked at all.
    """
    document: Document = {"groups": [], "alerts": [], "unknown": [], "skipped": []}
    found: Found = {}
    reasons: dict[int, list[str]] = {rule.index: [] for rule in rules}
    try:
        group = as_shown(prom, group, window)
        grid = grid_of(prom, group, window, group.interval or ZERO, prom.source().version)
        stretches = stretches_of(prom, group, grid, window)
        parts = _parts(prom, group, rules, stretches)
        earlier: Earlier | None = None
        for place, part in enumerate(parts):
            heard = told if part is parts[-1] else nobody
            evaluations = evaluations_of(prom, group, part.grid, part.whole, part.records, calm=calm)
            evaluations = replace(evaluations, earlier=earlier, coming=_coming(parts, place))
            _replay_part(part, evaluations, rules, document, found, reasons, agreement, heard)
            earlier = Earlier(part.grid, evaluations)
    except PromreviewError as error:
        if error.exit_code == 3:
            raise
        told(len(rules))
        document["skipped"] = [{**_place(group, rule), "reason": str(error)} for rule in rules]
        return document
    for rule in rules:
        if len(reasons[rule.index]) == len(stretches):  # in one stretch only it is unknown there
            document["skipped"].append({**_place(group, rule), "reason": reasons[rule.index][-1]})
        document["alerts"] += _alerts(group, rule, found)
    return document


def warm_up_of(group: RuleGroup, rules: Sequence[Rule]) -> timedelta:
    """How long before a window a replay of these rules begins."""
    longest = max(rule.for_duration + rule.keep_firing_for for rule in rules)
    return WARM_UP_FACTOR * longest + (group.interval or ZERO)


@dataclass(frozen=True)
class _Part:
    """A group over a stretch of one phase; in a later one alerts are as old as the server recorded."""

    prom: Prometheus
    group: RuleGroup
    grid: Grid
    window: Window
    warm_up: timedelta
    records: Mapping[str, Record] = field(default_factory=dict)

    @property
    def scope(self) -> str:
        return f"{self.group.file};{self.group.name}"

    @property
    def whole(self) -> Window:
        """The stretch with what comes before it."""
        return Window(self.window.start - self.warm_up, self.window.end)

    def entry(self) -> dict[str, Any]:
        """For ``groups`` of the document."""
        return {
            "file": self.group.file,
            "name": self.group.name,
            "interval": self.grid.interval.total_seconds(),
            "phase": self.grid.phase.total_seconds(),
            "phase_source": self.grid.source,
            "query_offset": (self.group.query_offset or ZERO).total_seconds(),
            "start": unix_ms(self.window.start) / 1000,
            "end": unix_ms(self.window.end) / 1000,
        }

    def spans(self, slots_ms: Sequence[int], scope: str, reason: str) -> list[dict[str, Any]]:
        """Runs of slots inside the window, for ``unknown`` of the document."""
        step, low = self.grid.interval // MILLISECOND, unix_ms(self.window.start)
        spans: list[list[int]] = []
        for slot in slots_ms:
            if slot < low:
                continue
            if spans and slot <= spans[-1][1]:
                spans[-1][1] = slot + step
            else:
                spans.append([slot, slot + step])
        return [{"start": a / 1000, "end": b / 1000, "scope": scope, "reason": reason} for a, b in spans]


def _parts(prom: Prometheus, group: RuleGroup, rules: Sequence[Rule], stretches: Sequence[Stretch]) -> list[_Part]:
    """The stretches with what was recorded in each; only the first one needs what comes before it."""
    names, parts = [rule.name for rule in group.alerts], []
    for place, stretch in enumerate(stretches):
        part = _Part(prom, group, stretch.grid, stretch.window, ZERO if place else warm_up_of(group, rules))
        parts.append(replace(part, records=alert_records(prom, group, names, part.grid, part.whole)))
    return parts


def _coming(parts: Sequence[_Part], place: int) -> frozenset[str]:
    """Names of alerts that were recorded in later stretches, but not in this one."""
    later = frozenset(name for part in parts[place + 1 :] for name in part.records)
    return later - frozenset(parts[place].records)


def _replay_part(
    part: _Part,
    evaluations: Evaluations,
    rules: Sequence[Rule],
    document: Document,
    found: Found,
    reasons: Mapping[int, list[str]],
    agreement: Agreement,
    told: Callable[[int], object],
) -> None:
    document["groups"].append(part.entry())
    document["unknown"] += part.spans(evaluations.slots_ms[evaluations.silent].tolist(), part.scope, DOWN)
    mine, added = Found(), dict[str, int]()
    unfit = {rule.name for rule in rules if undecided(rule.labels)}
    sides = Sides(part.prom, [as_read(part.group, rule) for rule in rules])
    for rule in sides.ordered():
        reason, unknown = _replay_one(sides, part, rule, evaluations, part.records.get(rule.name), mine)
        document["unknown"] += unknown
        later = [round(span["end"] * 1000) for span in unknown if span["reason"] == ADDED]
        added[rule.name] = max([added.get(rule.name, 0), *later])
        if reason:
            reasons[rule.index].append(reason)
            unfit.add(rule.name)
        told(1)
    for name in dict.fromkeys(rule.name for rule in rules if rule.name not in unfit):
        indices = {rule.index for rule in rules if rule.name == name}
        alerts = [(identity, runs) for (index, identity), runs in mine.items() if index in indices]
        agreement.add(name, alerts, part.records.get(name), part.window, evaluations, added[name])
    for key, runs in mine.items():
        found.setdefault(key, []).extend(runs)


def _replay_one(
    sides: Sides, part: _Part, rule: Rule, evaluations: Evaluations, record: Record | None, found: Found
) -> tuple[str, list[dict[str, Any]]]:
    """Add the intervals of one rule; gives why it cannot be replayed, and what is unknown."""
    scope = f"{part.scope};{rule.index}"
    try:
        replayed = replay_rule(sides, part.group, rule, part.grid, part.window, part.warm_up, evaluations, record)
    except PromreviewError as error:
        if error.exit_code == 3:
            raise
        whole = {"start": unix_ms(part.window.start) / 1000, "end": unix_ms(part.window.end) / 1000}
        return str(error), [{**whole, "scope": scope, "reason": str(error)}]
    for identity, intervals in replayed.alerts.items():
        found[rule.index, identity] = intervals
    twins, failed = part.spans(replayed.twins_ms, scope, TWINS), part.spans(replayed.failed_ms, scope, FAILED)
    if replayed.added_ms is None:
        return "", [*twins, *failed]
    before = {"start": unix_ms(part.window.start) / 1000, "end": replayed.added_ms / 1000}
    return "", [*twins, *failed, {**before, "scope": scope, "reason": ADDED}]


def _alerts(group: RuleGroup, rule: Rule, found: Found) -> list[dict[str, Any]]:
    removed = undecided(rule.labels)
    approximate = {"removed": removed, "reason": NOT_DECIDED} if removed else None
    entries = []
    for (index, identity), intervals in found.items():
        if index == rule.index:
            labels = {name: value for name, value in identity if name != "alertstate"}  # its own state wins
            entry = {"labels": labels, "approximate": approximate, "intervals": intervals}
            entries.append({**_place(group, rule), **entry})
    return entries


def _place(group: RuleGroup, rule: Rule) -> dict[str, Any]:
    return {"file": group.file, "group": group.name, "rule": rule.index, "alert": rule.name}


def nobody(_done: int) -> None:
    """Is told nothing."""
