"""A rule's expression asked at its slots; where one slot fails the whole answer, down to the slots that fail."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

import numpy as np

from analysis.errors import InputError, QueryError
from analysis.prometheus import Prometheus
from analysis.prometheus.decode import Decoded, Grid
from analysis.prometheus.promql import Comparison, comparison, parse, text_of
from analysis.prometheus.rules import Rule
from analysis.thresholds.lives import Flags
from analysis.thresholds.reading import at_slots, goes_slot_by_slot
from analysis.window import Window

MOST_QUERIES = 400  # for one expression: some thirty failing stretches in a month
MOST_SLOTS = 20_000  # that are asked for one by one: some two milliseconds each
MILLISECOND = timedelta(milliseconds=1)


class Sides:
    """Answers for the rules of one group: a side that several of them compare is asked for once.

    A side that only one rule compares is not asked for at all: the server filters. Only the last answer
    is kept, so take the rules in the order of `ordered`.
    """

    def __init__(self, prom: Prometheus, rules: Iterable[Rule]) -> None:
        """Find out which rules share what they compare."""
        self.prom = prom
        self._rules = list(rules)
        self._compared = {rule.index: _top_comparison(rule) for rule in self._rules}
        texts = {index: text_of(top.compared) for index, top in self._compared.items() if top}
        counts = Counter(texts.values())
        self._shared = {index: text for index, text in texts.items() if counts[text] > 1}
        self._last: tuple[tuple[object, ...], datetime, tuple[Decoded, Flags], datetime] | None = None

    def ordered(self) -> list[Rule]:
        """The rules, those that share a side next to each other."""
        first = {text: index for index, text in sorted(self._shared.items(), reverse=True)}
        return sorted(self._rules, key=lambda r: (first.get(self._shared.get(r.index, ""), r.index), r.index))

    def compared(self, rule: Rule) -> Comparison | None:
        """The comparison to make here, None where the server makes it."""
        return self._compared[rule.index] if rule.index in self._shared else None

    def ask(self, expr: str, window: Window, interval: timedelta, phase: timedelta) -> tuple[Decoded, Flags]:
        """Like `ask` below; of a shared side only what has not been asked for yet."""
        if expr not in self._shared.values() or window.duration <= interval:
            return ask(self.prom, expr, window, interval, phase)
        key = (expr, window.end, interval, phase)
        if self._last and self._last[0][0] == expr and window.end < self._last[3]:
            return ask(self.prom, expr, window, interval, phase)  # a look at what lies before
        if self._last is None or self._last[0] != key:
            self._last = None  # let go of it before the next one comes
            self._last = (key, window.start, ask(self.prom, expr, window, interval, phase), window.end)
        _, start, answer, _ = self._last
        if window.start < start:
            front = ask(self.prom, expr, Window(window.start, start), interval, phase)
            start, answer = window.start, _joined(front, answer, Window(window.start, window.end), interval, phase)
            self._last = (key, start, answer, window.end)
        return _from(answer, window, interval, phase)


def _joined(
    front: tuple[Decoded, Flags], back: tuple[Decoded, Flags], window: Window, interval: timedelta, phase: timedelta
) -> tuple[Decoded, Flags]:
    """Two answers to the same expression, one after the other."""
    first_ms, past_ms = window.stamp_bounds_ms(interval, phase)
    step_ms = interval // MILLISECOND
    grid = Grid(first_ms, past_ms, step_ms)
    grid.merge(front[0], first_ms)
    grid.merge(back[0], first_ms + step_ms * len(front[1]))
    return grid.decoded(), np.concatenate([front[1], back[1]])


def _from(
    answer: tuple[Decoded, Flags], window: Window, interval: timedelta, phase: timedelta
) -> tuple[Decoded, Flags]:
    """The end of an answer: its slots in a shorter window."""
    decoded, failed = answer
    first_ms, past_ms = window.stamp_bounds_ms(interval, phase)
    place = len(failed) - len(range(first_ms, past_ms, interval // MILLISECOND))
    return Decoded(decoded.frame.iloc[place:], decoded.present[place:], decoded.histograms), failed[place:]


def _top_comparison(rule: Rule) -> Comparison | None:
    """The comparison at the top of a rule; None where there is none, or what it is cannot be read."""
    try:
        top = comparison(parse(at_slots(rule.expr)))
    except InputError:
        return None  # whoever asks for the rule is told why
    return None if top is None or top.is_bool else top


def ask(prom: Prometheus, expr: str, window: Window, interval: timedelta, phase: timedelta) -> tuple[Decoded, Flags]:
    """The answer at every slot of a window, and which slots failed.

    Raises:
        QueryError: the expression is wrong, or fails in too many places to tell them apart.
    """
    first_ms, past_ms = window.stamp_bounds_ms(interval, phase)
    if goes_slot_by_slot(expr):
        return _slot_by_slot(prom, expr, first_ms, past_ms, interval // MILLISECOND)
    try:
        decoded = prom.decoded(expr, window.start, window.end, interval, phase)
    except QueryError:
        return _bisected(prom, expr, first_ms, past_ms, interval // MILLISECOND)
    return decoded, np.zeros(len(decoded.frame), dtype=bool)


def _slot_by_slot(prom: Prometheus, expr: str, first_ms: int, past_ms: int, step_ms: int) -> tuple[Decoded, Flags]:
    grid = Grid(first_ms, past_ms, step_ms)
    if grid.rows > MOST_SLOTS:
        raise InputError(
            f"@ start() or @ end() inside a subquery has to be asked for slot by slot, and {grid.rows} slots are "
            f"more than {MOST_SLOTS}: take a shorter window"
        )
    failed = np.zeros(grid.rows, dtype=bool)
    for place, slot in enumerate(range(first_ms, past_ms, step_ms)):
        try:
            part = _decoded(prom, expr, slot, slot + step_ms, step_ms)
        except QueryError:
            failed[place] = True
        else:
            grid.merge(part, slot)
    return grid.decoded(), failed


def _decoded(prom: Prometheus, expr: str, first_ms: int, past_ms: int, step_ms: int) -> Decoded:
    phase = timedelta(milliseconds=first_ms % step_ms)
    return prom.decoded(expr, first_ms / 1000, past_ms / 1000, step_ms / 1000, phase)


def _bisected(prom: Prometheus, expr: str, first_ms: int, past_ms: int, step_ms: int) -> tuple[Decoded, Flags]:
    grid = Grid(first_ms, past_ms, step_ms)
    failed = np.zeros(grid.rows, dtype=bool)
    waiting, asked = [(first_ms, past_ms)], 0
    while waiting:
        start, end = waiting.pop()
        asked += 1
        try:
            part = _decoded(prom, expr, start, end, step_ms)
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
        _decoded(prom, expr, first_ms, past_ms, step_ms)  # says why
    return grid.decoded(), failed
