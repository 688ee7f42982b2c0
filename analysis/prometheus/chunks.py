"""Chunks of a range query: asked for side by side, and split where the server calls one too large."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from analysis.errors import NotPrometheusError, SourceError, TooLargeError
from analysis.prometheus.connection import Api
from analysis.prometheus.partition import halves, match_texts, separable
from analysis.prometheus.promql import parse
from analysis.prometheus.quick import Reader, Series
from analysis.window import format_time, from_unix_ms

A = TypeVar("A")
R = TypeVar("R")
MAX_POINTS = 3_600  # of one series in one answer: a third of what Prometheus allows, so that what is under way is small
MAXIMUM_REQUESTS = 2000  # that the chunks of one range query may be split into, beyond one for each
MAXIMUM_LABELS = 30  # whose values are looked at for a split


@dataclass(frozen=True)
class Answer:
    """One answer of ``query_range`` over ``[first_ms, past_ms)``, Unix milliseconds.

    Attributes:
        items: its series as the server lists them; ``values`` is a list of pairs, or a number in `series`.
        series: the samples of each series.
        warnings: the server's.
    """

    first_ms: int
    past_ms: int
    items: list[Any]
    series: list[Series]
    warnings: list[str]


class Chunks:
    """The chunks of one range query.

    What one chunk has shown to be too large is not asked for in another.

    Args:
        api: the server.
        expr: what is asked.
        step_ms: distance of stamps.
        told: called with the size of what has been read, from any thread.
    """

    def __init__(self, api: Api, expr: str, step_ms: int, told: Callable[[int], object] = lambda _size: None) -> None:
        """Begin with the whole query."""
        self.api, self.expr, self.step_ms, self.told = api, expr, step_ms, told
        self._longest: dict[str, int] = {}  # points that an expression's answer may have
        self._halves: dict[str, tuple[str, str]] = {}
        self._requests = 0

    def ask(self, span: tuple[int, int]) -> list[Answer]:
        """The answers to one chunk: one, or several where it had to be split.

        Raises:
            SourceError: the server failed; the message names the chunk.
        """
        self._requests -= 1  # one is what a chunk takes
        try:
            return self._ask(self.expr, *span)
        except SourceError as error:
            first, past = (format_time(from_unix_ms(ms)) for ms in span)
            raise type(error)(f"{error} (chunk {first} to {past})") from None

    def _ask(self, expr: str, first_ms: int, past_ms: int) -> list[Answer]:
        if expr in self._halves:
            return [answer for half in self._halves[expr] for answer in self._ask(half, first_ms, past_ms)]
        points = (past_ms - first_ms) // self.step_ms
        if points <= self._longest.get(expr, points):
            try:
                return [self._answer(expr, first_ms, past_ms)]
            except TooLargeError as error:
                if points < 2:
                    self._halves[expr] = self._split(expr, (first_ms, past_ms), error)
                    return self._ask(expr, first_ms, past_ms)
                self._longest[expr] = min(self._longest.get(expr, points), points // 2)
        middle_ms = first_ms + points // 2 * self.step_ms
        spans = ((first_ms, middle_ms), (middle_ms, past_ms))
        return [answer for span in spans for answer in self._ask(expr, *span)]

    def _answer(self, expr: str, first_ms: int, past_ms: int) -> Answer:
        self._requests += 1
        if self._requests > MAXIMUM_REQUESTS:
            raise SourceError(
                f"{self.api.shown_url} calls {self.api.shown(self.expr)} too large, "
                f"split into {MAXIMUM_REQUESTS} requests more even; ask for less of it"
            )
        step = self.step_ms
        params = {"query": expr, "start": first_ms / 1000, "end": (past_ms - step) / 1000, "step": step_text(step)}
        reader, answer = self.api.read("query_range", params, partial(Reader, first_ms, past_ms, step, self.told))
        data, warnings = self.api.opened("query_range", answer)
        if data["resultType"] == "scalar":
            return Answer(first_ms, past_ms, [{"metric": {}, "values": [data["result"]]}], [], warnings)
        cut = [item["values"] for item in data["result"] if isinstance(item.get("values"), int)]
        if cut != list(range(len(reader.series))):
            raise NotPrometheusError(f"{self.api.shown_url} is not a Prometheus API: a series has a number for samples")
        return Answer(first_ms, past_ms, data["result"], reader.series, warnings)

    def _split(self, expr: str, span: tuple[int, int], error: TooLargeError) -> tuple[str, str]:
        """The query for half of the values of the label that has most of them; raises the error where there is none."""
        allowed = separable(parse(expr))
        bounds = {"start": span[0] / 1000, "end": span[1] / 1000}
        asked = {"match[]": match_texts(expr), **bounds}
        labels = [label for label in self.api.get("labels", asked) if label in allowed][:MAXIMUM_LABELS]
        values = {label: sorted(self.api.get(f"label/{label}/values", asked)) for label in labels}
        for label in sorted(labels, key=lambda label: -len(values[label])):
            several = len(values[label]) > 1
            if several or self.api.get("labels", {"match[]": match_texts(expr, f'{label}=""'), **bounds}):
                return halves(expr, label, values[label][: max(1, len(values[label]) // 2)])
        raise error


def step_text(step_ms: int) -> float | str:
    """A step as the server reads it exactly: it cuts off what a fraction of a second in floats is short of."""
    return step_ms / 1000 if step_ms % 1000 == 0 else f"{step_ms}ms"


def in_order(work: Callable[[A], R], items: Iterable[A], at_once: int) -> Iterator[R]:
    """Results in the order of the items, at most `at_once` under way and one waiting.

    What is under way when the reader stops (an error, Ctrl-C) is not waited for.
    """
    items = list(items)
    if len(items) < 2:
        yield from map(work, items)
        return
    pool = ThreadPoolExecutor(at_once, thread_name_prefix="promreview")
    waiting: deque[Future[R]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > at_once:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
