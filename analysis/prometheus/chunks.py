"""Chunks of a range query: asked for side by side, and halved where the server calls one too large."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from analysis.errors import TooLargeError
from analysis.prometheus.connection import Api
from analysis.prometheus.quick import Reader, Series

A = TypeVar("A")
R = TypeVar("R")


@dataclass(frozen=True)
class Answer:
    """One answer of ``query_range`` over ``[first_ms, past_ms)``, Unix milliseconds.

    Attributes:
        text: its JSON; in place of its values each series holds its number in `series`.
        series: the samples of each series.
    """

    first_ms: int
    past_ms: int
    text: bytes
    series: list[Series]


def ask_chunk(api: Api, expr: str, step_ms: int, span: tuple[int, int]) -> list[Answer]:
    """The answers to one chunk: one, or several where it had to be halved in time."""
    first_ms, past_ms = span
    params = {"query": expr, "start": first_ms / 1000, "end": (past_ms - step_ms) / 1000, "step": step_ms / 1000}
    try:
        reader = api.read("query_range", params, partial(Reader, first_ms, past_ms, step_ms))
        return [Answer(first_ms, past_ms, reader.text(), reader.series)]
    except TooLargeError:
        points = (past_ms - first_ms) // step_ms
        if points < 2:
            raise
        middle_ms = first_ms + points // 2 * step_ms
        halves = ((first_ms, middle_ms), (middle_ms, past_ms))
        return [answer for half in halves for answer in ask_chunk(api, expr, step_ms, half)]


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
