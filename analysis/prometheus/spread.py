"""Work on one server in blocks: each block asks the server, or reads the archive, from wherever it runs.

What travels is the question and its answer, reduced: never the samples. Settings travel with their secrets, so a
Dask cluster has to be one that may know them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

from analysis.fanout import FanOutSettings, fan_out
from analysis.prometheus.client import Prometheus
from analysis.prometheus.provenance import QueryRecord, Source
from analysis.settings import ConnectionSettings

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, repr=False)
class _Block(Generic[Item, Result]):
    """One kind of work on one server, for a worker."""

    function: Callable[[Prometheus, Item], Result]
    settings: ConnectionSettings
    source: Source

    def __call__(self, item: Item) -> tuple[Result, list[QueryRecord]]:
        with Prometheus(self.settings) as prom:
            prom.know(self.source)
            return self.function(prom, item), prom.queries


def spread(
    prom: Prometheus,
    function: Callable[[Prometheus, Item], Result],
    items: Sequence[Item],
    *,
    settings: FanOutSettings | None = None,
    progress: Callable[[], object] = lambda: None,
) -> list[Result]:
    """Call ``function(prom, item)`` for every item, wherever work runs; results in the order of the items.

    Args:
        prom: the server; a worker gets a client of its own, and what that one asked is added to `prom.queries`.
        function: importable by a worker; what it returns is what travels back.
        items: one block each, so large that a worker holds what it asks for.
        settings: where to run; the environment when left out.
        progress: called once per finished item.

    Raises:
        SourceError: the server failed, or workers died again and again on the same block.
    """
    block = _Block(function, _portable(prom.settings), prom.source())
    done = fan_out(block, items, settings=settings, progress=progress, here=partial(_here, prom, function))
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


def _portable(settings: ConnectionSettings) -> ConnectionSettings:
    """The settings with an archive that is found from any folder."""
    folder = settings.archive_folder()
    return settings.model_copy(update={"archive": _absolute(folder) if folder else "off"})


def _absolute(place: str) -> str:
    return place if "://" in place else str(Path(place).absolute())
