"""Work on one server in blocks: each block asks the server, or reads the archive, from wherever it runs.

What travels is the question and its answer, reduced: never the samples, and to another machine no secret.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from analysis.fanout import FanOutSettings, fan_out
from analysis.prometheus.client import Prometheus
from analysis.prometheus.provenance import QueryRecord, Source
from analysis.prometheus.travelling import Travelling, placed
from analysis.settings import ConnectionSettings

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, repr=False)
class _Block(Generic[Item, Result]):
    """One kind of work on one server, for a worker."""

    function: Callable[[Prometheus, Item], Result]
    settings: ConnectionSettings | Travelling
    source: Source

    def __call__(self, item: Item) -> tuple[Result, list[QueryRecord]]:
        settings = self.settings.arrived() if isinstance(self.settings, Travelling) else self.settings
        with Prometheus(settings) as prom:
            prom.know(self.source)
            return self.function(prom, item), prom.queries


def spread(
    prom: Prometheus,
    function: Callable[[Prometheus, Item], Result],
    items: Sequence[Item],
    *,
    settings: FanOutSettings | None = None,
    told: Callable[[Result], object] = lambda _result: None,
    here: Callable[[Prometheus, Item], Result] | None = None,
) -> list[Result]:
    """Call ``function(prom, item)`` for every item, wherever work runs; results in the order of the items.

    Args:
        prom: the server; a worker gets a client of its own, and what that one asked is added to `prom.queries`.
        function: importable by a worker; what it returns is what travels back.
        items: one block each, so large that a worker holds what it asks for.
        settings: where to run; the environment when left out.
        told: called with each result as it comes.
        here: does the same in this process; `function` when left out.

    Raises:
        SourceError: the server failed, or workers died again and again on the same block.
    """
    settings = settings or FanOutSettings.from_environment()
    connection = Travelling.of(prom.settings) if settings.backend == "dask" else placed(prom.settings)
    block = _Block(function, connection, prom.source())
    done = fan_out(
        block, items, settings=settings, told=lambda found: told(found[0]), here=partial(_here, prom, here or function)
    )
    for _, asked in done:
        prom.queries += asked
    return [result for result, _ in done]


def _here(
    prom: Prometheus, function: Callable[[Prometheus, Item], Result], item: Item
) -> tuple[Result, list[QueryRecord]]:
    before = len(prom.queries)
    try:
        return function(prom, item), prom.queries[before:]
    finally:
        del prom.queries[before:]
