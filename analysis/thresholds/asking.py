"""A rule's expression asked at its slots; where one slot fails the whole answer, down to the slots that fail."""

import re
from datetime import timedelta

import numpy as np

from analysis.errors import InputError, QueryError
from analysis.prometheus import Prometheus
from analysis.prometheus.decode import Decoded, Grid
from analysis.prometheus.promql import parse
from analysis.thresholds.lives import Flags
from analysis.window import Window

MOST_QUERIES = 400  # for one expression: some thirty failing stretches in a month
_ANCHOR = re.compile(r"@\s*(?:start|end)\s*\(\s*\)")
_SUBQUERY = re.compile(r"\[[^\[\]]*:[^\[\]]*\]")
MILLISECOND = timedelta(milliseconds=1)


def at_slots(expr: str) -> str:
    """An expression that means at each stamp of a range what a rule means at each slot.

    In a rule ``@ start()`` and ``@ end()`` are the slot itself, so outside a subquery they say nothing.

    Raises:
        InputError: they stand inside a subquery.
    """
    if not _ANCHOR.search(expr):
        return expr
    if _SUBQUERY.search(expr):
        raise InputError("@ start() or @ end() beside a subquery cannot be asked over a range")
    without = _ANCHOR.sub("", expr)
    parse(without)
    return without


def ask(prom: Prometheus, expr: str, window: Window, interval: timedelta, phase: timedelta) -> tuple[Decoded, Flags]:
    """The answer at every slot of a window, and which slots failed.

    Raises:
        QueryError: the expression is wrong, or fails in too many places to tell them apart.
    """
    first_ms, past_ms = window.stamp_bounds_ms(interval, phase)
    try:
        decoded = prom.decoded(expr, window.start, window.end, interval, phase)
    except QueryError:
        return _bisected(prom, expr, first_ms, past_ms, interval // MILLISECOND)
    return decoded, np.zeros(len(decoded.frame), dtype=bool)


def _bisected(prom: Prometheus, expr: str, first_ms: int, past_ms: int, step_ms: int) -> tuple[Decoded, Flags]:
    grid = Grid(first_ms, past_ms, step_ms)
    failed = np.zeros(grid.rows, dtype=bool)
    waiting, asked = [(first_ms, past_ms)], 0
    while waiting:
        start, end = waiting.pop()
        asked += 1
        try:
            part = prom.decoded(expr, start / 1000, end / 1000, step_ms / 1000, timedelta(milliseconds=start % step_ms))
        except QueryError:
            points = (end - start) // step_ms
            if asked > MOST_QUERIES:
                raise
            if points == 1:
                failed[(start - first_ms) // step_ms] = True
            else:
                middle = start + points // 2 * step_ms
                waiting += [(start, middle), (middle, end)]
            continue
        grid.merge(part, start)
    if failed.all():
        prom.decoded(expr, first_ms / 1000, past_ms / 1000, step_ms / 1000, timedelta(milliseconds=first_ms % step_ms))
    return grid.decoded(), failed
