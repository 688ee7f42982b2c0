"""Which slots a group was evaluated at: what the server's own samples show of outages and missed evaluations."""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from analysis.errors import PromreviewError, QueryError, UnreachableError
from analysis.prometheus import Prometheus
from analysis.prometheus.promql import selector
from analysis.prometheus.rules import ZERO, Rule, RuleGroup
from analysis.thresholds.collect import Grid
from analysis.thresholds.lives import Flags, Milliseconds
from analysis.window import Window

SPAN = timedelta(minutes=10)  # over which scrapes are counted, to know how often they come
LATE_SCRAPES = 2.2  # scrape intervals without any scrape: one may be late, two mean that nobody scraped
SETTLING = 2  # evaluations after a start that write nothing: alerts are restored after the second
AGE = "time() - max(timestamp(up))"  # seconds since the last scrape of any target
HEARTBEATS = 2  # recording rules of a group that are looked at


@dataclass(frozen=True)
class Evaluations:
    """The slots of a group.

    Attributes:
        slots_ms: every slot, Unix milliseconds.
        evaluated: whether it was evaluated; a slot that was not changes nothing.
        starts: places in `slots_ms` at which the server's memory begins: 0, and the first slot after each outage.
        silent: slots that left nothing: during an outage, and before alerts are restored after it.
    """

    slots_ms: Milliseconds
    evaluated: Flags
    starts: list[int]
    silent: Flags


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
    prom: Prometheus, group: RuleGroup, grid: Grid, window: Window, *, calm: bool = False
) -> Evaluations:
    """Look at scrapes and at what the group recorded; `calm` where `is_calm` has said that nothing was down."""
    slots, down, starts = _always(grid, window) if calm else _outages(prom, grid, window)
    missed = _missed(prom, group, grid, window) if len(slots) else down
    silent = down.copy()
    for start in starts[1:]:
        silent[start : start + SETTLING] = True
        missed[start : start + SETTLING] = False  # evaluated, but written by nobody
    return Evaluations(slots, ~(missed | down), starts, silent)


def _always(grid: Grid, window: Window) -> tuple[Milliseconds, Flags, list[int]]:
    first, past = window.stamp_bounds_ms(grid.interval, grid.phase)
    slots = np.arange(first, past, grid.interval // timedelta(milliseconds=1), dtype=np.int64)
    return slots, np.zeros(len(slots), dtype=bool), [0]


def _outages(prom: Prometheus, grid: Grid, window: Window) -> tuple[Milliseconds, Flags, list[int]]:
    ages = prom.decoded(AGE, window.start, window.end, grid.interval, grid.phase)
    slots: Milliseconds = ages.frame.index.as_unit("ms").asi8
    silent = np.zeros(len(slots), dtype=bool)
    scrape = _scrape_seconds(prom, window) if ages.present.any() else None
    if scrape is None:
        return slots, silent, [0]
    age = ages.frame.to_numpy()[:, 0]
    down = ~ages.present[:, 0] | (age > LATE_SCRAPES * scrape + 1)
    seen = np.flatnonzero(~down)
    down[: seen[0]] = down[seen[-1] + 1 :] = False  # before the first and after the last scrape: nothing says so
    starts = [0]
    for first, last in _runs(down):
        died = slots[first] - (age[first] * 1000 if np.isfinite(age[first]) else 0)
        begin = int(np.searchsorted(slots, died, side="right")) if np.isfinite(age[first]) else first
        silent[begin : last + 1] = True
        starts.append(last + 1)
    return slots, silent, starts


def _scrape_seconds(prom: Prometheus, window: Window) -> float | None:
    """The shortest scrape interval of any target; None where nothing is scraped."""
    span = min(SPAN, window.duration)
    try:
        text = f"max(count_over_time(up[{int(span.total_seconds() * 1000)}ms]))"
        counts = prom.range(text, window.start, window.end, max(window.duration / 100, timedelta(seconds=1)))
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
        recorded = recorded_at_slots(prom, name[rule.kind], group, grid, window)
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


def recorded_at_slots(prom: Prometheus, name: str, group: RuleGroup, grid: Grid, window: Window) -> Flags:
    """Whether any series of a selector has a sample that was written at each slot itself."""
    written = _written(prom, f"max(timestamp({name}))", group, grid, window)[1]
    return np.asarray(written.any(axis=1), dtype=np.bool_)


def recorded_series(
    prom: Prometheus, name: str, group: RuleGroup, grid: Grid, window: Window
) -> tuple[list[dict[str, str]], Flags]:
    """Series of a selector, and whether each has a sample written at each slot (stamps are shifted by the offset)."""
    return _written(prom, f"timestamp({name})", group, grid, window)


def _written(
    prom: Prometheus, stamps: str, group: RuleGroup, grid: Grid, window: Window
) -> tuple[list[dict[str, str]], Flags]:
    offset = group.query_offset or ZERO
    shifted = Window(window.start - offset, window.end - offset)
    phase = (grid.phase - offset) % grid.interval
    decoded = prom.decoded(stamps, shifted.start, shifted.end, grid.interval, phase)
    frame = decoded.frame
    slots = frame.index.as_unit("ms").asi8
    written = np.rint(np.where(decoded.present, frame.to_numpy(), -1) * 1000).astype("int64") == slots[:, None]
    labels = [{n: v for n, v in zip(frame.columns.names, key, strict=True) if v} for key in frame.columns]
    return labels, written
