"""A query over many series in blocks: each is pulled, reduced and let go of before the next one.

The parts together are exactly the whole: a block is the query for some values of a label by which its answer can
be taken apart (`partition`), and the last block is the query for all other values, the missing label included.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Generic, TypeVar

import pandas as pd

from analysis.errors import InputError
from analysis.prometheus.client import Prometheus
from analysis.prometheus.partition import match_texts, separable
from analysis.prometheus.patterns import one_of
from analysis.prometheus.promql import parse, with_matcher
from analysis.prometheus.spread import spread
from analysis.window import Window

Result = TypeVar("Result")
BLOCK_SERIES = 1_000  # a month at five minutes: 70 MB as a frame, three times that while it comes
MAXIMUM_LABELS = 30  # whose values are looked at
LOOKS = 6  # at a window, to see how many series are there
SAMPLED_VALUES = 20  # of a label, whose series are counted one by one


@dataclass(frozen=True)
class _Reduction(Generic[Result]):
    window: Window
    step: timedelta
    reduce: Callable[[pd.DataFrame], Result]

    def __call__(self, prom: Prometheus, expr: str) -> Result:
        return self.reduce(prom.range(expr, self.window.start, self.window.end, self.step))


def reduced(
    prom: Prometheus,
    expr: str,
    window: Window,
    step: timedelta,
    reduce: Callable[[pd.DataFrame], Result],
    block_series: int = BLOCK_SERIES,
    told: Callable[[int, int], object] = lambda _done, _all: None,
) -> list[Result]:
    """Pull a query in blocks of series and reduce each one where it was pulled.

    Args:
        prom: the server.
        expr: PromQL.
        window: half-open.
        step: distance of stamps.
        reduce: importable by a worker; from a frame of the contract to what is kept of it.
        block_series: series that a worker holds at once, about.
        told: called with the number of blocks that are done, and of all.

    Returns:
        One result per block that was asked for, in the order of the label's values.

    Raises:
        InputError: the answer cannot be taken apart by any label and has more series than a block.

    Example:
        >>> from datetime import timedelta
        >>> hour = Window(parse_time("2026-10-01"), parse_time("2026-10-01T01:00:00Z"))
        >>> reduced(prom, "up", hour, timedelta(minutes=5), len)
        [12]
    """
    exprs = block_exprs(prom, expr, window, block_series)
    numbers = count(1)
    return spread(prom, _Reduction(window, step, reduce), exprs, told=lambda _: told(next(numbers), len(exprs)))


def block_exprs(prom: Prometheus, expr: str, window: Window, block_series: int = BLOCK_SERIES) -> list[str]:
    """The query as several, each for about so many series; itself where that is all of it.

    Raises:
        InputError: no label takes its answer apart, and it has more series than a block.
    """
    tree, alive = parse(expr), _alive(prom, expr, window)
    if not alive:
        return [expr]
    label, values = _finest(prom, expr, window)
    if len(values) < 2:
        if alive <= block_series:
            return [expr]
        raise InputError(f"{expr[:200]!r} has {alive:,} series and no label takes it apart into blocks; aggregate less")
    each = max(1, int(block_series / _series_of_a_value(prom, expr, window, (label, values), alive)))
    if each >= len(values):
        return [expr]
    parts = [values[at : at + each] for at in range(0, len(values), each)]
    exprs = [with_matcher(tree, f"{label}=~{one_of(part)}") for part in parts]
    return [*exprs, with_matcher(tree, f"{label}!~{one_of(values)}")]


def _alive(prom: Prometheus, expr: str, window: Window) -> int:
    """The most series that were there at once."""
    counting = f"count({expr}\n)"  # on a line of its own: it may end in a comment
    looks = [window.start + window.duration / LOOKS * place for place in range(1, LOOKS + 1)]
    return max(int(found.iloc[0]) if len(found := prom.instant(counting, at)) else 0 for at in looks)


def _series_of_a_value(
    prom: Prometheus, expr: str, window: Window, label: tuple[str, Sequence[str]], alive: int
) -> float:
    """How many series of the answer come of one value of a label, those included that came and went in the window.

    What a query aggregates shrinks in the same measure when it is asked about some values only.
    """
    name, values = label
    some = values[:: max(1, len(values) // SAMPLED_VALUES)]
    seen = len(prom.series(match_texts(expr, f"{name}=~{one_of(some)}"), window)) / len(some)
    asked = sum(_alive(prom, selector, window) for selector in match_texts(expr))
    return max(seen * min(1.0, alive / max(asked, 1)), alive / len(values))


def _finest(prom: Prometheus, expr: str, window: Window) -> tuple[str, Sequence[str]]:
    """The label with the most values among those that take an answer apart, and its values."""
    allowed, match = separable(parse(expr)), match_texts(expr)
    bounds = {"start": window.start.timestamp(), "end": window.end.timestamp()}
    labels = [label for label in prom.get("labels", {"match[]": match, **bounds}) if label in allowed]
    values = {label: sorted(prom.label_values(label, match, window)) for label in labels[:MAXIMUM_LABELS]}
    return max(values.items(), key=lambda item: len(item[1]), default=("", []))
