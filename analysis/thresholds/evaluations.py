"""Which slots a group was evaluated at: what the server's own samples show of outages and missed evaluations."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from analysis.errors import PromreviewError, QueryError, UnreachableError
from analysis.prometheus import Prometheus
from analysis.prometheus.promql import selector
from analysis.prometheus.rules import ZERO, Rule, RuleGroup
from analysis.thresholds.collect import Grid
from analysis.thresholds.lives import Flags, Milliseconds
from analysis.thresholds.outages import flag_runs, no_outage, outages, slots_of
from analysis.thresholds.records import MILLISECOND, Record, record_of
from analysis.window import Window, parse_duration

SETTLING = 2  # evaluations after a start that write nothing: alerts are restored after the second
GRACE = timedelta(minutes=10)  # Prometheus's own, where the server does not say it
Identity = tuple[tuple[str, str], ...]
DISCOVERY_SECONDS = 6  # after a start, before the first target is scraped
HEARTBEATS = 2  # recording rules of a group that are looked at


@dataclass(frozen=True)
class Evaluations:
    """The slots of a group.

    Attributes:
        slots_ms: every slot, Unix milliseconds.
        evaluated: whether it was evaluated; a slot that was not changes nothing.
        starts: places in `slots_ms` at which the server's memory begins: 0, and the first slot after each outage.
        silent: slots that left nothing: during an outage, and before alerts are restored after it.
        shown: for each of `starts`, the first place whose alerts were written.
        earlier: the slots before, where they were others.
        coming: names of alerts that were recorded at later slots, but not at these.
    """

    slots_ms: Milliseconds
    evaluated: Flags
    starts: list[int]
    silent: Flags
    shown: list[int]
    earlier: "Earlier | None" = None
    coming: frozenset[str] = frozenset()

    @property
    def started_ms(self) -> Milliseconds:
        """Per slot, since when the server remembers: its last start, 0 before the first."""
        return _begun(self.slots_ms, self.starts)


@dataclass(frozen=True)
class Earlier:
    """The slots of a group before they changed: another interval, or another phase."""

    grid: Grid
    evaluations: Evaluations


def evaluations_of(
    prom: Prometheus,
    group: RuleGroup,
    grid: Grid,
    window: Window,
    records: Mapping[str, Record],
    *,
    calm: bool = False,
) -> Evaluations:
    """Look at scrapes and at what the group recorded; `calm` where `is_calm` has said that nothing was down."""
    slots = slots_of(grid, window)
    written, heard = np.zeros(len(slots), dtype=bool), np.zeros(len(slots), dtype=bool)
    for record in records.values():
        written |= record.written_at_all
    beats = _heartbeats(prom, group, grid, window) if len(slots) else []
    for _, record in beats:
        heard |= record.written_at_all
    scraped = no_outage(len(slots)) if calm else outages(prom, grid, window, is_recorded=bool(records))
    down, starts = scraped.down, scraped.starts
    missed = _missed(prom, group, beats, grid, window) & ~written
    lost = _lost(prom, group, grid, window, records)
    left = written | heard
    ends = [(_last_before(down, start), _settled(start, down, left)) for start in _starts(down, starts, left)]
    is_told = bool(records) and not group.limit  # what goes beyond a limit is as new afterwards as after a start
    unseen = _unseen(lost(_begun(slots, starts)) & ~written, heard, down) if is_told else []
    ends = sorted(ends + unseen, key=lambda end: end[1])
    down &= ~left
    silent, settling = down.copy(), np.zeros(len(slots), dtype=bool)
    begun, shown, grace = [0], [0], _grace(prom) if ends else GRACE
    for last, start in ends:
        told = np.flatnonzero(written[start : start + SETTLING])
        if len(told) and not told[0] and (last, start) not in unseen and _is_close(scraped.scrape, grid):
            continue  # nothing is written so soon after a start: the server's memory outlived a pause
        shows = min(start + (int(told[0]) if len(told) else SETTLING), len(slots))
        ages = _ages(prom, group, records, int(slots[min(shows, len(slots) - 1)]), grace)
        last_ms = int(slots[last]) if last >= 0 else 0
        if ages and min(ages) <= last_ms:  # as old as before: the server's memory outlived a pause
            continue
        evaluated_ms = [at for at in ages if at > last_ms]
        first = min([start, *np.searchsorted(slots, evaluated_ms).tolist()])
        begun.append(first)
        shown.append(min(shows, len(slots) - 1))
        silent[last + 1 : shows] |= ~written[last + 1 : shows]
        down[last + 1 : first] |= ~written[last + 1 : first]
        down[first:shows] = missed[first:shows] = False
        settling[first:shows] = shows - first <= SETTLING  # else one of them was missed
    lingering = lost(_begun(slots, begun))
    missed |= lingering & ~left
    if records:  # nothing was written while the server may have stood still, and nothing was ended
        ended = np.concatenate([[False], written[:-1]]) & ~lingering
        missed |= scraped.lull & ~(left | ended)
    missed &= ~settling  # evaluated, but written by nobody
    return Evaluations(slots, ~(missed | down), begun, silent, shown)


def _is_close(scrape: float | None, grid: Grid) -> bool:
    """Whether scrapes follow so closely that one after a start comes well before the first slot that writes."""
    return scrape is not None and scrape + DISCOVERY_SECONDS < grid.interval.total_seconds()


def _begun(slots_ms: Milliseconds, starts: list[int]) -> Milliseconds:
    """Per slot, since when the server remembers: its last start, 0 before the first."""
    begun = np.zeros(len(slots_ms), dtype=np.int64)
    for start in starts[1:]:
        begun[start:] = slots_ms[start]
    return begun


def _lost(
    prom: Prometheus, group: RuleGroup, grid: Grid, window: Window, records: Mapping[str, Record]
) -> Callable[[Milliseconds], Flags]:
    """Slots at which a rule neither wrote nor ended its alerts, given since when the server remembers.

    Beyond the group's limit that is what a rule does at an evaluation: no evaluation was missed then.
    """
    excused = _beyond_limit(prom, group, grid, window, records) if group.limit else {}

    def lost(started_ms: Milliseconds) -> Flags:
        flags = np.zeros(len(started_ms), dtype=bool)
        for name, record in records.items():
            flags |= record.missed(started_ms) & ~excused.get(name, np.zeros_like(flags))
        return flags

    return lost


def _beyond_limit(
    prom: Prometheus, group: RuleGroup, grid: Grid, window: Window, records: Mapping[str, Record]
) -> dict[str, Flags]:
    """By the name of alerts, the slots at which a rule of that name may have more alerts than the group's limit.

    Alerts that are only held count, too; where there may be some, any slot can be one.
    """
    found: dict[str, Flags] = {}
    for rule in (rule for rule in group.alerts if rule.name in records):
        try:
            asked = f"count({rule.expr}\n) > {group.limit}"
            beyond = _has_result(prom, asked, group, grid, window) | bool(rule.keep_firing_for)
        except QueryError:
            continue
        found[rule.name] = beyond | found[rule.name] if rule.name in found else beyond
    return found


def _unseen(lost: Flags, heard: Flags, down: Flags) -> list[tuple[int, int]]:
    """Outages too short for the scrapes to show: the slots on both sides of a run at which nothing was written."""
    runs = [run for run in flag_runs(lost) if run[1] - run[0] >= SETTLING - 1 and run[1] + 1 < len(lost)]
    runs = [run for run in runs if heard[run[0] : run[1] + 1].sum() <= SETTLING]  # else a rule failed, not the server
    return [(first - 1, last + 1) for first, last in runs if not down[first : last + 1].any()]


def _last_before(down: Flags, start: int) -> int:
    """Place of the last slot before an outage that ends at `start`; -1 where there is none."""
    up = np.flatnonzero(~down[:start])
    return int(up[-1]) if len(up) else -1


def _starts(down: Flags, starts: list[int], written: Flags) -> list[int]:
    """Where outages end; one that was still on at the last slot had ended where that was written: not yet scraped."""
    return [*starts[1:], *([len(down)] if len(down) and down[-1] and written[-1] else [])]


def _settled(start: int, down: Flags, written: Flags) -> int:
    """Where an outage really ended: what was written before the first scrape after it says so."""
    while start and down[start - 1] and written[start - 1]:
        start -= 1
    return start


def _ages(
    prom: Prometheus, group: RuleGroup, records: Mapping[str, Record], slot_ms: int, grace: timedelta
) -> list[int]:
    """ActiveAt of the group's alerts at a slot, but of those that are restored after a start."""
    rules = [rule for rule in group.alerts if rule.name in records and rule.for_duration < grace]
    return [at for rule in rules for at in recorded_active_at(prom, group, rule, slot_ms).values()]


def _grace(prom: Prometheus) -> timedelta:
    """Alerts with a `for` as long as this are restored after a start: as the server is told, else Prometheus's own."""
    try:
        return parse_duration(str(prom.status("flags")["rules.alert.for-grace-period"]))
    except UnreachableError:
        raise
    except (PromreviewError, KeyError):
        return GRACE


def recorded_active_at(prom: Prometheus, group: RuleGroup, rule: Rule, slot_ms: int) -> dict[Identity, int]:
    """ActiveAt of each alert written at a slot, from ``ALERTS_FOR_STATE``, which has it cut to whole seconds."""
    offset = (group.query_offset or ZERO) // MILLISECOND
    expr = selector("ALERTS_FOR_STATE", {"alertname": rule.name}) + "[1ms]"  # of this very slot: older ones may linger
    try:
        found = prom.get("query", {"query": expr, "time": (slot_ms - offset) / 1000})["result"]
    except UnreachableError:
        raise
    except PromreviewError:
        return {}
    known = {}
    for series in found:
        seconds = float(series["values"][-1][1])
        if np.isfinite(seconds) and seconds * 1000 <= slot_ms:
            labels = {n: v for n, v in series["metric"].items() if n not in ("__name__", "alertname")}
            known[tuple(sorted(labels.items()))] = round(seconds) * 1000
    return known


def _heartbeats(prom: Prometheus, group: RuleGroup, grid: Grid, window: Window) -> list[tuple[Rule, Record]]:
    """Rules whose output shows that the group was evaluated, and what they left: recordings, alerts always firing."""
    recording = [r for r in group.rules if r.kind == "recording" and not any("{{" in v for v in r.labels.values())]
    always = [r for r in group.alerts if r.expr.replace(" ", "") == "vector(1)"]
    found = []
    for rule in [*always, *recording][:HEARTBEATS]:
        name = {"recording": selector(rule.name, dict(rule.labels)), "alerting": selector("ALERTS", _alert(rule))}
        record = record_of(prom, f"max(timestamp({name[rule.kind]}))", group, grid, window)
        if record.written.any():
            found.append((rule, record))
    return found


def _missed(
    prom: Prometheus, group: RuleGroup, beats: Sequence[tuple[Rule, Record]], grid: Grid, window: Window
) -> Flags:
    """Slots at which no heartbeat left what its expression had: the evaluation was missed."""
    silent: list[Flags] = []
    for rule, record in beats:
        try:
            expected = _has_result(prom, f"count({rule.expr}\n)", group, grid, window)
        except QueryError:  # it may have failed then, too: no heartbeat
            continue
        silent.append(expected & ~record.written_at_all)
    return np.asarray(np.all(silent, axis=0) if silent else np.zeros(len(slots_of(grid, window)), bool), np.bool_)


def _has_result(prom: Prometheus, expr: str, group: RuleGroup, grid: Grid, window: Window) -> Flags:
    """Whether an expression has a result, per slot."""
    offset = group.query_offset or ZERO
    phase = (grid.phase - offset) % grid.interval
    decoded = prom.decoded(expr, window.start - offset, window.end - offset, grid.interval, phase)
    return np.asarray(decoded.present.any(axis=1), dtype=np.bool_)


def _alert(rule: Rule) -> dict[str, str]:
    return {"alertname": rule.name}
