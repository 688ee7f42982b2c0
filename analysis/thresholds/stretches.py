"""Stretches of a window in which a group kept one interval and one phase.

Both change with the group's name, its interval, or the build of the server. What the group left then has other
stamps, from which the earlier slots are read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

import numpy as np

from analysis.errors import QueryError
from analysis.prometheus import Prometheus
from analysis.prometheus.patterns import one_of
from analysis.prometheus.promql import selector
from analysis.prometheus.rules import ZERO, RuleGroup
from analysis.thresholds.collect import Grid
from analysis.thresholds.lives import Milliseconds
from analysis.thresholds.records import MILLISECOND, recorded_names
from analysis.thresholds.slots import candidate_phases
from analysis.window import Window, from_unix_ms, unix_ms

MOST_RUNS = 30  # more of them are no changes but two groups with alerts of one name
ENOUGH_STAMPS = 20  # whose distance is the interval itself, not a multiple of it
REACH = 20  # intervals around a window that are read, too: a change near its edge leaves few stamps inside
FEWEST_STAMPS = 3  # that make a stretch: fewer have no interval
SHORTEST_INTERVAL_MS = 500  # stamps of two phases have a smaller common divisor
MOST_SAMPLES = 3_000_000  # of alerts whose raw stamps are read
PIECE_SAMPLES = 200_000  # of them in one answer


@dataclass(frozen=True)
class Stretch:
    """A part of a window with one grid."""

    grid: Grid
    window: Window


def stretches_of(prom: Prometheus, group: RuleGroup, grid: Grid, window: Window) -> list[Stretch]:
    """The stretches of a window, in the order of time; the last one has the grid given, if the group had it by then.

    Args:
        prom: the server that recorded the group's alerts.
        group: as it is today.
        grid: its interval and phase, as far as today's interval tells them.
        window: what is cut.
    """
    reach = REACH * grid.interval
    stamps = _stamps_ms(prom, group, grid, Window(window.start - reach, window.end + reach))
    step, phase = grid.interval // MILLISECOND, grid.phase // MILLISECOND
    is_mine = (stamps - phase) % step == 0
    others, mine = stamps[~is_mine], stamps[is_mine]
    if not len(others) or not len(mine):
        return [Stretch(grid, window)]
    # another interval of the same group shares some of today's stamps, so what comes before its last is all its own
    runs, since = _runs(stamps[stamps <= others[-1]], step), mine[mine > others[-1]]
    is_sure = grid.phase in candidate_phases(group, grid.interval, prom.source().version)
    if len(since) < 2 and _is_older(whole := _runs(stamps, step), stamps, step, is_sure=is_sure):
        return _joined(grid.source, window, whole)
    if not len(since) or not runs or any((run.interval, run.phase) == (step, phase) for run in runs):
        # another group has alerts of the same name: its stamps go on beside ours
        beside = np.unique(others[others > mine[0]] % step)
        runs, since = _runs(others[(others < mine[0]) & ~np.isin(others % step, beside)], step), mine
    return _joined(grid.source, window, [*runs, _Run(int(since[0]), int(stamps[-1]), step, phase)])


@dataclass(frozen=True)
class _Run:
    """Stamps on one grid: first and last, interval and phase, all in milliseconds."""

    first: int
    last: int
    interval: int
    phase: int


def _is_older(runs: Sequence[_Run], stamps: Milliseconds, step: int, *, is_sure: bool) -> bool:
    """Whether the last stamps are not on today's slots, as far as these are sure: the group was changed later."""
    covers = bool(runs) and runs[-1].last == stamps[-1]
    return covers and (not is_sure or runs[-1].interval % step != 0)


def _stamps_ms(prom: Prometheus, group: RuleGroup, grid: Grid, window: Window) -> Milliseconds:
    """When samples of the group's alerts were written; none where all of them are on the slots of the grid.

    Args:
        prom: the server.
        group: as it is today.
        grid: its slots; only where it comes from what was recorded can anything else have been recorded.
        window: where to look.
    """
    names = recorded_names(prom, group, [rule.name for rule in group.alerts], window)
    if grid.source != "history" or not names:
        return np.empty(0, dtype=np.int64)
    offset = group.query_offset or ZERO
    shifted = Window(window.start - offset, window.end - offset)
    alerts = f"ALERTS{{alertname=~{one_of(names)}}}"
    span = f"[{shifted.duration // MILLISECOND}ms]"
    asked = {"query": f"sum by (alertname) (count_over_time({alerts}{span}))", "time": _last_second(shifted)}
    on_grid, phase = f"count(timestamp({alerts}) == time())", (grid.phase - offset) % grid.interval
    try:
        written = {s["metric"]["alertname"]: int(s["value"][1]) for s in prom.get("query", asked)["result"]}
        counted = prom.decoded(on_grid, shifted.start, shifted.end, grid.interval, phase)
    except QueryError:  # too much for this server: no change is seen
        return np.empty(0, dtype=np.int64)
    if sum(written.values()) == np.nansum(counted.frame.to_numpy()):
        return np.empty(0, dtype=np.int64)
    found: list[Milliseconds] = []
    for name in sorted(written, key=lambda name: written[name]):
        if sum(map(len, found)) + written[name] <= MOST_SAMPLES:
            pieces = -(-written[name] // PIECE_SAMPLES)
            found.append(_raw_ms(prom, selector("ALERTS", {"alertname": name}), shifted, pieces))
    return np.unique(np.concatenate(found)) + offset // MILLISECOND if found else np.empty(0, dtype=np.int64)


def _raw_ms(prom: Prometheus, name: str, window: Window, pieces: int) -> Milliseconds:
    """The raw stamps of some series, asked for in pieces."""
    edges = [window.start + window.duration * piece / pieces for piece in range(pieces + 1)]
    stamps: set[int] = set()
    for begin, end in pairwise(edges):
        piece = Window(begin, end)
        asked = {"query": f"{name}[{piece.duration // MILLISECOND + 1}ms]", "time": _last_second(piece)}
        for series in prom.get("query", asked)["result"]:
            stamps.update(round(stamp * 1000) for stamp, _ in series["values"])
    return np.array(sorted(stamps), dtype=np.int64)


def _last_second(window: Window) -> float:
    """The last millisecond of a window, in Unix seconds: a selector's range includes where it ends."""
    return (unix_ms(window.end) - 1) / 1000


def _runs(stamps: Milliseconds, step: int) -> list[_Run]:
    """Each run of stamps with one grid, read backwards from today."""
    runs: list[_Run] = []
    rest = stamps
    for _ in range(MOST_RUNS):
        if len(rest) < FEWEST_STAMPS:
            return runs
        fit = _fitting(np.diff(rest)[::-1])
        run, rest = rest[len(rest) - fit - 1 :], rest[: len(rest) - fit - 1]
        if len(run) < FEWEST_STAMPS:
            continue
        interval = int(np.gcd.reduce(np.diff(run)))
        if interval % step == 0 and len(run) < ENOUGH_STAMPS:  # an alert that came and went
            interval = step
        runs.insert(0, _Run(int(run[0]), int(run[-1]), interval, int(run[0]) % interval))
    return []


def _fitting(distances: Milliseconds) -> int:
    """How many distances between stamps, from the last ones back, are of one grid.

    Both phases of a group come from one hash, so slots of 3 s and of 5 s are all on a grid of 1 s; but no two of them
    are one second apart.
    """
    divisors, least = np.gcd.accumulate(distances), np.minimum.accumulate(distances)
    fit = int(np.searchsorted(-divisors, -SHORTEST_INTERVAL_MS, side="right"))
    mixed = np.flatnonzero((divisors < least)[FEWEST_STAMPS:] & (divisors == least)[FEWEST_STAMPS - 1 : -1])
    return min(fit, int(mixed[0]) + FEWEST_STAMPS) if len(mixed) else fit


def _joined(source: str, window: Window, runs: Sequence[_Run]) -> list[Stretch]:
    """Each run up to the slot after its last stamp, the next one from there; where both touch, from its first stamp."""
    stretches, begin = list[Stretch](), unix_ms(window.start)
    for run, following in zip(runs, [*runs[1:], None], strict=True):
        end = unix_ms(window.end)
        if following is not None:
            end = max(begin, min(run.last + run.interval, following.first, end))
        if end > begin:
            grid = Grid(timedelta(milliseconds=run.interval), timedelta(milliseconds=run.phase), source)
            stretches.append(Stretch(grid, Window(from_unix_ms(begin), from_unix_ms(end))))
        if following is not None:
            touches = following.first - run.last <= run.interval + 2 * following.interval
            begin = max(begin, following.first if touches else end)
    return stretches
