"""A rule's expression asked at its slots; where one slot fails the whole answer, down to the slots that fail."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from analysis.errors import InputError, QueryError
from analysis.prometheus import Prometheus
from analysis.prometheus.decode import Decoded, Grid
from analysis.prometheus.promql import Comparison, comparison, parse, text_of
from analysis.prometheus.rules import Rule
from analysis.thresholds.arithmetic import Step, applied, bound_of, filtered, peeled
from analysis.thresholds.lives import Flags
from analysis.thresholds.reading import at_slots, goes_slot_by_slot
from analysis.window import Window

MOST_QUERIES = 400  # for one expression: some thirty failing stretches in a month
MOST_SLOTS = 20_000  # that are asked for one by one: some two milliseconds each
MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True)
class SharedSide:
    """What a rule compares, of which other rules of its group compare the same.

    Attributes:
        asked: what is asked for once, for all of them.
        compared: the comparison that is made here.
        steps: arithmetic that is done before it.
    """

    asked: str
    compared: Comparison
    steps: tuple[Step, ...]

    def applied(self, decoded: Decoded) -> Decoded:
        """The values that are compared."""
        if not self.steps:
            return decoded
        frame = decoded.frame
        values = pd.DataFrame(applied(frame.to_numpy(), self.steps), index=frame.index, columns=frame.columns)
        return Decoded(values, decoded.present, decoded.histograms)


class Sides:
    """Answers for the rules of one group: a side that several of them compare is asked for once.

    A side that only one rule compares is not asked for at all: the server filters. Only the last answer
    is kept, so take the rules in the order of `ordered`.
    """

    def __init__(self, prom: Prometheus, rules: Iterable[Rule]) -> None:
        """Find out which rules share what they compare."""
        self.prom = prom
        self._rules = list(rules)
        tops = {rule.index: _top_comparison(rule) for rule in self._rules}
        inner = {index: (top, *peeled(top.compared)) for index, top in tops.items() if top}
        together: dict[str, list[int]] = {}
        for index, (_, node, _) in inner.items():
            together.setdefault(text_of(node), []).append(index)
        self._shared: dict[int, SharedSide] = {}
        for text, indices in together.items():
            bounds = [bound_of(inner[i][0].op, inner[i][0].threshold, inner[i][2]) for i in indices]
            for i in indices if len(indices) > 1 else ():
                self._shared[i] = SharedSide(filtered(text, bounds), inner[i][0], inner[i][2])
        self._last: tuple[tuple[object, ...], datetime, tuple[Decoded, Flags], datetime] | None = None

    def ordered(self) -> list[Rule]:
        """The rules, those that share a side next to each other."""
        first = {side.asked: index for index, side in sorted(self._shared.items(), reverse=True)}
        places = {index: first[side.asked] for index, side in self._shared.items()}
        return sorted(self._rules, key=lambda rule: (places.get(rule.index, rule.index), rule.index))

    def shared(self, rule: Rule) -> SharedSide | None:
        """The side that this rule shares, None where the server makes its comparison."""
        return self._shared.get(rule.index)

    def ask(self, expr: str, window: Window, interval: timedelta, phase: timedelta) -> tuple[Decoded, Flags]:
        """Like `ask` below; of a shared side only what has not been asked for yet."""
        if all(expr != side.asked for side in self._shared.values()) or window.duration <= interval:
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
    if any("__name__" in text for text in rule.labels.values()):
        return None  # a template that prints the name, which arithmetic would have taken away
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
