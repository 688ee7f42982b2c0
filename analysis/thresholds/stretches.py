"""Stretches of a window in which a group kept one interval and one phase.

Both change with the group's name, its interval, or the build of the server. What the group left then has other
stamps, from which the earlier slots are read.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise

import numpy as np

from analysis.prometheus import Prometheus
from analysis.prometheus.promql import selector
from analysis.prometheus.rules import ZERO, RuleGroup
from analysis.thresholds.collect import Grid
from analysis.thresholds.lives import Flags, Milliseconds
from analysis.thresholds.records import MILLISECOND, recorded_names
from analysis.window import Window, from_unix_ms, unix_ms

MOST_RUNS = 30  # more of them are no changes but two groups with alerts of one name
ENOUGH_STAMPS = 20  # whose distance is the interval itself, not a multiple of it
AROUND = 4  # intervals before a change whose raw stamps are read
FEWEST_STAMPS = 3  # that make a stretch: fewer have no interval
SHORTEST_INTERVAL_MS = 500  # stamps of two phases have a smaller common divisor


@dataclass(frozen=True)
class Stretch:
    """A part of a window with one grid."""

    grid: Grid
    window: Window


def stretches_of(prom: Prometheus, group: RuleGroup, grid: Grid, window: Window) -> list[Stretch]:
    """The stretches of a window, in the order of time; the last one has the grid given.

    Args:
        prom: the server that recorded the group's alerts.
        group: as it is today.
        grid: its interval and phase at the end of the window.
        window: what is cut.
    """
    if grid.source != "history":
        return [Stretch(grid, window)]
    stamps = _stamps_ms(prom, group, grid, window)
    step, phase = grid.interval // MILLISECOND, grid.phase // MILLISECOND
    is_mine = (stamps - phase) % step == 0
    others, mine = stamps[~is_mine], stamps[is_mine]
    if not len(others) or not len(mine):
        return [Stretch(grid, window)]
    # another interval of the same group shares some of today's stamps, so what comes before its last is all its own
    runs, since = _runs(stamps[stamps <= others[-1]], step), mine[mine > others[-1]]
    if not len(since) or not runs or any((run.interval, run.phase) == (step, phase) for run in runs):
        # another group has alerts of the same name: its stamps go on beside ours
        beside = np.unique(others[others > mine[0]] % step)
        runs, since = _runs(others[(others < mine[0]) & ~np.isin(others % step, beside)], step), mine
    edges = [_Run(int(since[0]), int(stamps[-1]), step, phase)]
    for run in reversed(runs):
        edges[:1] = _exact(prom, group, run, edges[0])
    return _joined(grid, window, edges)


@dataclass(frozen=True)
class _Run:
    """Stamps on one grid: first and last, interval and phase, all in milliseconds."""

    first: int
    last: int
    interval: int
    phase: int

    def holds(self, stamps: Milliseconds) -> Flags:
        """Which stamps are on its grid."""
        return np.asarray((stamps - self.phase) % self.interval == 0)


def _stamps_ms(prom: Prometheus, group: RuleGroup, grid: Grid, window: Window) -> Milliseconds:
    """When samples of the group's alerts were written, as its last slots up to each stamp of today's show it."""
    offset = group.query_offset or ZERO
    names = recorded_names(prom, group, [rule.name for rule in group.alerts], window)
    shifted = Window(window.start - offset, window.end - offset)
    found: list[Milliseconds] = []
    for name in names:
        asked = f"max(timestamp({selector('ALERTS', {'alertname': name})}))"
        decoded = prom.decoded(asked, shifted.start, shifted.end, grid.interval, (grid.phase - offset) % grid.interval)
        found.append(np.rint(decoded.frame.to_numpy()[decoded.present] * 1000).astype(np.int64))
    stamps = np.unique(np.concatenate(found)) if found else np.empty(0, dtype=np.int64)
    return np.asarray(stamps[stamps >= unix_ms(shifted.start)] + offset // MILLISECOND)


def _exact(prom: Prometheus, group: RuleGroup, run: _Run, following: _Run) -> list[_Run]:
    """Two runs with what raw stamps around the change between them say: it was seen at one stamp per slot only."""
    offset = (group.query_offset or ZERO) // MILLISECOND
    begin, end = run.last - AROUND * run.interval, following.first + following.interval
    raw: set[int] = set()
    for name in dict.fromkeys(rule.name for rule in group.alerts):
        query = f"{selector('ALERTS', {'alertname': name})}[{end - begin}ms]"
        found = prom.get("query", {"query": query, "time": (end - offset) / 1000})["result"]
        raw |= {round(stamp * 1000) + offset for series in found for stamp, _ in series["values"]}
    stamps = np.array(sorted(raw), dtype=np.int64)
    old = stamps[~following.holds(stamps)]
    if len(old) < 2:
        return [run, following]
    interval = int(np.gcd.reduce([run.interval, *np.diff(old).tolist()]))
    if interval < SHORTEST_INTERVAL_MS:  # of another group of this alert's name
        return [run, following]
    since = stamps[stamps > old[-1]]
    first = int(since[0]) if len(since) else following.first
    return [
        replace(run, last=int(old[-1]), interval=interval, phase=int(old[-1]) % interval),
        replace(following, first=first),
    ]


def _runs(stamps: Milliseconds, step: int) -> list[_Run]:
    """Each run of stamps with one grid, read backwards from today."""
    runs: list[_Run] = []
    rest = stamps
    for _ in range(MOST_RUNS):
        if len(rest) < FEWEST_STAMPS:
            return runs
        divisors = np.gcd.accumulate(np.diff(rest)[::-1])
        fit = int(np.searchsorted(-divisors, -SHORTEST_INTERVAL_MS, side="right"))
        run, rest = rest[len(rest) - fit - 1 :], rest[: len(rest) - fit - 1]
        if len(run) < FEWEST_STAMPS:
            continue
        interval = int(np.gcd.reduce(np.diff(run)))
        if interval % step == 0 and len(run) < ENOUGH_STAMPS:  # an alert that came and went
            interval = step
        runs.insert(0, _Run(int(run[0]), int(run[-1]), interval, int(run[0]) % interval))
    return []


def _joined(grid: Grid, window: Window, runs: Sequence[_Run]) -> list[Stretch]:
    """Each run up to the slot after its last stamp, the next one from there; where both touch, from its first stamp."""
    stretches, begin = [], unix_ms(window.start)
    for run, following in pairwise(runs):
        end = min(run.last + run.interval, following.first)
        earlier = Grid(timedelta(milliseconds=run.interval), timedelta(milliseconds=run.phase), grid.source)
        stretches.append(Stretch(earlier, Window(from_unix_ms(begin), from_unix_ms(end))))
        touches = following.first - run.last <= run.interval + 2 * following.interval
        begin = following.first if touches else end
    return [*stretches, Stretch(grid, Window(from_unix_ms(begin), window.end))]
