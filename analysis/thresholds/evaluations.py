"""Which slots a group was evaluated at: what the server's own samples show of outages and missed evaluations."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from analysis.errors import PromreviewError, QueryError, UnreachableError
from analysis.prometheus import Prometheus
from analysis.prometheus.promql import selector
from analysis.prometheus.rules import ZERO, Rule, RuleGroup
from analysis.thresholds.collect import Grid
from analysis.thresholds.lives import Flags, Milliseconds
from analysis.thresholds.records import MILLISECOND, Record, record_of
from analysis.window import Window

SPAN = timedelta(minutes=10)  # over which scrapes are counted, to know how often they come
LATE_SCRAPES = 2.2  # scrape intervals without any scrape: one may be late, two mean that nobody scraped
SETTLING = 2  # evaluations after a start that write nothing: alerts are restored after the second
AGE = "time() - max(timestamp(up))"  # seconds since the last scrape of any target
GRACE = timedelta(minutes=10)  # Prometheus's own: alerts with a `for` as long as this are restored after a start
Identity = tuple[tuple[str, str], ...]
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
    """

    slots_ms: Milliseconds
    evaluated: Flags
    starts: list[int]
    silent: Flags
    shown: list[int]

    @property
    def started_ms(self) -> Milliseconds:
        """Per slot, since when the server remembers: its last start, 0 before the first."""
        begun = np.zeros(len(self.slots_ms), dtype=np.int64)
        for start in self.starts[1:]:
            begun[start:] = self.slots_ms[start]
        return begun


def is_calm(prom: Prometheus, window: Window) -> bool:
    """Whether the server scraped all through a window: then no group has to look for outages at its own slots.

    Asked at one stamp per scrape, so a pause that any slot could call an outage shows here, too.
    """
    scrape = _scrape_seconds(prom, window)
    if scrape is None:
        return False
    ages = prom.decoded(AGE, window.start, window.end, timedelta(milliseconds=max(1000, round(scrape * 1000))))
    late = ages.frame.to_numpy() > (LATE_SCRAPES - 1) * scrape + 1
    return bool(ages.present.any() and ages.present.all() and not late.any())


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
    nothing = _always(grid, window)
    written = nothing[1].copy()
    for record in records.values():
        written |= record.written_at_all
    slots, down, starts = nothing if calm and not records else _outages(prom, grid, window, is_recorded=bool(records))
    missed = _missed(prom, group, grid, window) if len(slots) else down.copy()
    ends = [(_last_before(down, start), _settled(start, down, written)) for start in starts[1:]]
    ends = sorted(ends + _unseen(records, written, down), key=lambda end: end[1])
    down &= ~written
    silent = down.copy()
    begun, shown = [0], [0]
    for last, start in ends:
        told = np.flatnonzero(written[start : start + SETTLING])
        shows = min(start + (int(told[0]) if len(told) else SETTLING), len(slots) - 1)
        ages = _ages(prom, group, records, int(slots[shows]))
        last_ms = int(slots[last]) if last >= 0 else 0
        if ages and min(ages[0]) <= last_ms:  # as old as before: the server's memory outlived a pause
            continue
        evaluated_ms = [at for some in ages for at in some if at > last_ms]
        first = min([start, *np.searchsorted(slots, evaluated_ms).tolist()])
        begun.append(first)
        shown.append(shows)
        silent[last + 1 : shows] |= ~written[last + 1 : shows]
        down[last + 1 : first] |= ~written[last + 1 : first]
        down[first:shows] = missed[first:shows] = False  # evaluated, but written by nobody
    found = Evaluations(slots, ~(missed | down), begun, silent, shown)
    for record in records.values():
        missed |= record.missed(found.started_ms) & ~written
    return replace(found, evaluated=~(missed | down))


def _unseen(records: Mapping[str, Record], written: Flags, down: Flags) -> list[tuple[int, int]]:
    """Outages too short for the scrapes to show: the slots on both sides of a run at which nothing was written."""
    missed = np.zeros(len(written), dtype=bool)
    for record in records.values():
        missed |= record.missed(np.zeros(len(written), dtype=np.int64)) & ~written
    runs = [run for run in _runs(missed) if run[1] - run[0] >= SETTLING - 1 and run[1] + 1 < len(written)]
    return [(first - 1, last + 1) for first, last in runs if not down[first : last + 1].any()]


def _last_before(down: Flags, start: int) -> int:
    """Place of the last slot before an outage that ends at `start`; -1 where there is none."""
    up = np.flatnonzero(~down[:start])
    return int(up[-1]) if len(up) else -1


def _settled(start: int, down: Flags, written: Flags) -> int:
    """Where an outage really ended: what was written before the first scrape after it says so."""
    while start and down[start - 1] and written[start - 1]:
        start -= 1
    return start


def _ages(prom: Prometheus, group: RuleGroup, records: Mapping[str, Record], slot_ms: int) -> list[list[int]]:
    """ActiveAt of the alerts of each rule at a slot, but of those that are restored; the shortest `for` first."""
    rules = [rule for rule in group.alerts if rule.name in records and rule.for_duration < GRACE]
    ages = [recorded_active_at(prom, group, r, slot_ms) for r in sorted(rules, key=lambda r: r.for_duration)]
    return [list(known.values()) for known in ages if known]


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


def _always(grid: Grid, window: Window) -> tuple[Milliseconds, Flags, list[int]]:
    first, past = window.stamp_bounds_ms(grid.interval, grid.phase)
    slots = np.arange(first, past, grid.interval // timedelta(milliseconds=1), dtype=np.int64)
    return slots, np.zeros(len(slots), dtype=bool), [0]


def _outages(
    prom: Prometheus, grid: Grid, window: Window, *, is_recorded: bool
) -> tuple[Milliseconds, Flags, list[int]]:
    ages = prom.decoded(AGE, window.start, window.end, grid.interval, grid.phase)
    slots: Milliseconds = ages.frame.index.as_unit("ms").asi8
    silent = np.zeros(len(slots), dtype=bool)
    scrape = _scrape_seconds(prom, window) if ages.present.any() else None
    if scrape is None:
        return slots, silent, [0]
    age = ages.frame.to_numpy()[:, 0]
    down = ~ages.present[:, 0] | (age > LATE_SCRAPES * scrape + 1)
    seen = np.flatnonzero(~down)
    if not is_recorded:  # before the first and after the last scrape nothing says that rules were not evaluated
        down[: seen[0]] = down[seen[-1] + 1 :] = False
    starts = [0]
    for first, last in _runs(down):
        died = slots[first] - (age[first] * 1000 if np.isfinite(age[first]) else 0)
        begin = int(np.searchsorted(slots, died, side="right")) if np.isfinite(age[first]) else first
        silent[begin : last + 1] = True
        if last + 1 < len(slots):
            starts.append(last + 1)
    return slots, silent, starts


def _scrape_seconds(prom: Prometheus, window: Window) -> float | None:
    """The shortest scrape interval of any target; None where nothing is scraped."""
    span = min(SPAN, window.duration)
    try:
        text = f"max(count_over_time(up[{int(span.total_seconds() * 1000)}ms]))"
        step = timedelta(seconds=max(1, round(window.duration / timedelta(seconds=100))))
        counts = prom.range(text, window.start, window.end, step)
    except UnreachableError:
        raise
    except PromreviewError:
        return None
    most = np.nanmedian(counts.to_numpy()) if counts.notna().to_numpy().any() else np.nan
    return float(span.total_seconds() / most) if most >= 2 else None


def _runs(flags: Flags) -> list[tuple[int, int]]:
    """First and last place of every run of true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return list(zip(edges[::2].tolist(), (edges[1::2] - 1).tolist(), strict=True))


def _missed(prom: Prometheus, group: RuleGroup, grid: Grid, window: Window) -> Flags:
    """Slots at which no rule of the group left what its expression had: the evaluation was missed."""
    silent: list[NDArray[np.bool_]] = []
    for rule in _heartbeats(group):
        name = {"recording": selector(rule.name, dict(rule.labels)), "alerting": selector("ALERTS", _alert(rule))}
        recorded = record_of(prom, f"max(timestamp({name[rule.kind]}))", group, grid, window).written_at_all
        if not recorded.any():
            continue
        try:
            expected = prom.decoded(f"count({rule.expr}\n)", window.start, window.end, grid.interval, grid.phase)
        except QueryError:  # it may have failed then, too: no heartbeat
            continue
        else:
            silent.append(expected.present.any(axis=1) & ~recorded)
    first, past = window.stamp_bounds_ms(grid.interval, grid.phase)
    count = max(0, (past - first) // (grid.interval // timedelta(milliseconds=1)))
    if not silent:
        return np.zeros(count, dtype=bool)
    missed: Flags = np.asarray(np.array(silent).all(axis=0), dtype=np.bool_)
    return missed


def _heartbeats(group: RuleGroup) -> list[Rule]:
    """Rules whose output shows that the group was evaluated: recording rules, and alerts that always fire."""
    recording = [r for r in group.rules if r.kind == "recording" and not any("{{" in v for v in r.labels.values())]
    always = [r for r in group.alerts if r.expr.replace(" ", "") == "vector(1)"]
    return [*always, *recording][:HEARTBEATS]


def _alert(rule: Rule) -> dict[str, str]:
    return {"alertname": rule.name}
