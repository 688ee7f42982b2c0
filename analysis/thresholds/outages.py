"""When the server itself was down: what the scrapes of its targets show."""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from analysis.errors import PromreviewError, UnreachableError
from analysis.prometheus import Prometheus
from analysis.thresholds.collect import MILLISECOND, Grid
from analysis.thresholds.lives import Flags, Milliseconds
from analysis.window import Window, from_unix_ms

SPAN = timedelta(minutes=10)  # over which scrapes are counted, to know how often they come
COVERED = 4  # times the span over which scrapes are counted: then most counts are of whole spans
LULL_SCRAPES = 1.6  # scrape intervals between two scrapes, in which the server may have stood still
LATE_SCRAPES = 2.2  # scrape intervals without any scrape: one may be late, two mean that nobody scraped
CHEAP_STAMPS = 20_000  # of one series, asked for beside thousands of the rules' own
AGE = "time() - max(timestamp(up))"  # seconds since the last scrape of any target


def is_calm(prom: Prometheus, window: Window) -> bool:
    """Whether the server scraped all through a window: then no group has to look for outages at its own slots.

    Asked so often that a pause which any slot could call an outage shows here, too; where that costs little, so
    often that a pause of two scrapes does.
    """
    scrape = scrape_seconds(prom, window)
    if scrape is None:
        return False
    often = window.duration.total_seconds() / scrape < CHEAP_STAMPS
    step = max(0.5, scrape * (0.5 if often else 1))
    ages = prom.decoded(AGE, window.start, window.end, timedelta(milliseconds=round(step * 1000)))
    late = ages.frame.to_numpy() > (LULL_SCRAPES * scrape - step if often else (LATE_SCRAPES - 1) * scrape + 1)
    return bool(ages.present.any() and ages.present.all() and not late.any())


def slots_of(grid: Grid, window: Window) -> Milliseconds:
    """Every slot of a window, Unix milliseconds."""
    first, past = window.stamp_bounds_ms(grid.interval, grid.phase)
    return np.arange(first, past, grid.interval // MILLISECOND, dtype=np.int64)


@dataclass(frozen=True)
class Outages:
    """Where the server was down.

    Attributes:
        down: whether it was, per slot.
        lull: whether it may have stood still: no target was scraped for long before the slot, or for long after it.
        starts: places at which its memory begins: 0, and the first slot after each outage.
        scrape: seconds between its scrapes; None where that is not known, and so nothing of outages.
    """

    down: Flags
    lull: Flags
    starts: list[int]
    scrape: float | None = None


def no_outage(slots: int) -> Outages:
    """A server that was never down."""
    return Outages(np.zeros(slots, dtype=bool), np.zeros(slots, dtype=bool), [0])


def outages(prom: Prometheus, grid: Grid, window: Window, *, is_recorded: bool) -> Outages:
    """Where the server was down, as far as scrapes show it.

    Args:
        prom: the server.
        grid: the slots at which to look.
        window: where to look.
        is_recorded: whether rules left anything: where nothing did, nothing says that rules were not evaluated
            before the first scrape and after the last one.
    """
    ages = prom.decoded(AGE, window.start, window.end, grid.interval, grid.phase)
    slots: Milliseconds = ages.frame.index.as_unit("ms").asi8
    silent = np.zeros(len(slots), dtype=bool)
    scraped = np.flatnonzero(ages.present)
    if not len(scraped):
        return no_outage(len(slots))
    lived = Window(from_unix_ms(int(slots[scraped[0]])), from_unix_ms(int(slots[scraped[-1]])) + grid.interval)
    scrape = scrape_seconds(prom, lived)
    if scrape is None:
        return no_outage(len(slots))
    age = ages.frame.to_numpy()[:, 0]
    down = ~ages.present[:, 0] | (age > LATE_SCRAPES * scrape + 1)
    seen = np.flatnonzero(~down)
    if not is_recorded and len(seen):
        down[: seen[0]] = down[seen[-1] + 1 :] = False
    starts = [0]
    for first, last in flag_runs(down):
        died = slots[first] - (age[first] * 1000 if np.isfinite(age[first]) else 0)
        begin = int(np.searchsorted(slots, died, side="right")) if np.isfinite(age[first]) else first
        silent[begin : last + 1] = True
        if last + 1 < len(slots):
            starts.append(last + 1)
    long = timedelta(milliseconds=round(LULL_SCRAPES * scrape * 1000))
    lull = (age > long.total_seconds()) | _lulls(prom, grid, window, long)
    return Outages(silent, lull, starts, scrape)


def _lulls(prom: Prometheus, grid: Grid, window: Window, long: timedelta) -> Flags:
    """Slots after which no target was scraped for so long."""
    asked, phase = Window(window.start + long, window.end + long), (grid.phase + long) % grid.interval
    ages = prom.decoded(AGE, asked.start, asked.end, grid.interval, phase)
    late = ages.present & (ages.frame.to_numpy() > long.total_seconds())
    return np.asarray(late.any(axis=1), dtype=np.bool_)


def scrape_seconds(prom: Prometheus, window: Window) -> float | None:
    """The shortest scrape interval of any target; None where nothing is scraped."""
    for span in sorted({min(SPAN, window.duration / COVERED), min(SPAN, window.duration)}):
        counts = _counts(prom, span, window)
        if counts is not None and counts >= 2:
            return float(span.total_seconds() / counts)
    return None


def _counts(prom: Prometheus, span: timedelta, window: Window) -> float | None:
    """How many scrapes of one target a span has, mostly."""
    try:
        text = f"max(count_over_time(up[{max(1, span // MILLISECOND)}ms]))"
        step = timedelta(seconds=max(1, round(window.duration / timedelta(seconds=100))))
        counts = prom.range(text, window.start, window.end, step)
    except UnreachableError:
        raise
    except PromreviewError:
        return None
    return float(np.nanmedian(counts.to_numpy())) if counts.notna().to_numpy().any() else None


def flag_runs(flags: Flags) -> list[tuple[int, int]]:
    """First and last place of every run of true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return list(zip(edges[::2].tolist(), (edges[1::2] - 1).tolist(), strict=True))
