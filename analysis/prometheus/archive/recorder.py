"""Range queries through the archive: sealed days are read, the rest is asked for, and what is complete is sealed."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial

from analysis.errors import ArchiveError, NotKeptError, UnreachableError
from analysis.prometheus.archive.dataset import DAY_MS, Dataset, day_of_ms, day_start_ms
from analysis.prometheus.archive.day_file import DaySamples
from analysis.prometheus.archive.presence import Get, had_data
from analysis.prometheus.archive.root import Archive
from analysis.prometheus.chunks import MAX_POINTS, in_order
from analysis.prometheus.decode import Decoded, Grid
from analysis.window import unix_ms

NOT_KEPT = "the archive cannot be written, so what was pulled is not kept"
GONE = "the server does not answer: this is from the archive alone"
_ABOUT_THE_QUERY = ("PromQL warning:", "PromQL info:")  # how Prometheus begins them
HOUR_MS = 3_600_000
Pull = Callable[[Grid], list[str]]
"""Fills a grid from the server; gives the server's warnings."""


@dataclass(frozen=True)
class _Block:
    """Consecutive days that are asked for together; those that may be sealed are asked for whole."""

    days: list[date]
    seal: bool
    first_ms: int
    past_ms: int


class Recorder:
    """One server's archive.

    Attributes:
        not_kept: why nothing more is kept; empty as long as the archive can be written.

    Args:
        archive: where its days lie.
        source: whose data it is.
        settle: how long after its end a day may still get late data.
        get: asks a page of the server's API.
        version: of the server, for the manifests.
        get_of_all: asks about every series, where `get` is restricted to some: a server that had data of others at
            a time had none of these, and that is worth keeping; None where `get` is about all.
    """

    def __init__(
        self,
        archive: Archive,
        source: str,
        settle: timedelta,
        get: Get,
        version: Callable[[], str],
        get_of_all: Get | None = None,
    ) -> None:
        """Remember whom to ask."""
        self.archive, self.source, self.settle = archive, source, settle
        self.get, self.get_of_all, self.version = get, get_of_all, version
        self.is_gone, self._why = False, ""
        self.not_kept = ""
        self._had: dict[date, bool] = {}

    def lose(self, error: UnreachableError) -> None:
        """Ask the server no more: it is gone, and this is how it was found out."""
        self.is_gone, self._why = True, str(error)

    def keep(self, write: Callable[[], object]) -> None:
        """Write into the archive; where that fails, the answer is still good, and nothing more is tried."""
        if self.not_kept:
            return
        try:
            write()
        except NotKeptError as error:
            self.not_kept = f"{NOT_KEPT} ({error})"

    def has_data(self, first_ms: int, past_ms: int) -> bool:
        """Whether the server has any sample in ``[first, past)``, Unix milliseconds, be it of others."""
        asked = (self.get, self.get_of_all) if self.get_of_all else (self.get,)
        return any(had_data(get, first_ms, past_ms) for get in asked)

    def fill(self, grid: Grid, expr: str, pull: Pull, at_once: int) -> list[str]:
        """Fill a grid from sealed days and, for the rest, from the server.

        Returns:
            Warnings: the server's, and what neither could give.

        Raises:
            UnreachableError: the server is gone and no day of the window is held.
        """
        dataset = self._dataset(grid, expr)
        warnings: list[str] = []
        missing = []
        days = _days(grid.first_ms, grid.first_ms + grid.rows * grid.step_ms)
        # side by side: unpacking needs no lock of the interpreter
        for day, samples in zip(
            days, in_order(partial(_samples, dataset), days, self.archive.store.readers), strict=True
        ):
            if isinstance(samples, DaySamples):
                self._put(grid, samples, *dataset.bounds(day))
            else:
                missing.append(day)
                warnings += [samples] if samples else []
        blocks = self._blocks(dataset, grid, missing)

        def work(block: _Block) -> tuple[Decoded, list[str]]:
            if self.is_gone:
                raise UnreachableError(self._why or f"no answer from {self.source}")
            part = Grid(block.first_ms, block.past_ms, grid.step_ms)
            said = pull(part)
            return part.decoded(), said

        try:
            for block, (decoded, said) in zip(blocks, in_order(work, blocks, at_once), strict=True):
                warnings += [text for text in said if text not in warnings]
                if block.seal and not decoded.histograms and not is_partial(said):
                    self.keep(partial(self._seal, dataset, block, decoded))
                grid.merge(decoded, block.first_ms)
        except UnreachableError as error:
            self.lose(error)
            if len(missing) == len(days):
                raise
            warnings.append(f"{GONE}, and the archive lacks {_shown(missing)}")
        warnings += [GONE] if self.is_gone and not missing else []
        return warnings + ([self.not_kept] if self.not_kept else [])

    def _put(self, grid: Grid, samples: DaySamples, first_ms: int, past_ms: int) -> None:
        """Put a sealed day into a grid: as one block where every series is whole, which is the usual case."""
        if samples.block is None or not grid.add_scaled(samples.metrics, samples.block, samples.scale, first_ms):
            items = [{"metric": dict(key), "values": place} for place, key in enumerate(samples.metrics)]
            grid.add_clipped(items, first_ms, past_ms, samples.series)

    def to_ask(self, grid: Grid, expr: str) -> tuple[int, list[tuple[int, int]]]:
        """What `fill` would ask for; nothing is pulled and nothing is written.

        Returns:
            The number of samples that are held, and the spans ``[first, past)`` in Unix milliseconds that are not.
        """
        dataset = self._dataset(grid, expr)
        days = _days(grid.first_ms, grid.first_ms + grid.rows * grid.step_ms)
        missing = [day for day in days if day not in dataset.held]
        held = sum(dataset.held[day].samples for day in days if day in dataset.held)
        return held, [(block.first_ms, block.past_ms) for block in self._blocks(dataset, grid, missing)]

    def _dataset(self, grid: Grid, expr: str) -> Dataset:
        return self.archive.dataset(self.source, expr, grid.step_ms, grid.first_ms % grid.step_ms)

    def _blocks(self, dataset: Dataset, grid: Grid, missing: list[date]) -> list[_Block]:
        """Runs of missing days, as long as one request may be."""
        longest = max(1, MAX_POINTS * dataset.step_ms // DAY_MS)
        past_ms = grid.first_ms + grid.rows * grid.step_ms
        blocks: list[_Block] = []
        for day in missing:
            seal = self._may_seal(day)
            first, past = dataset.bounds(day)
            if not seal:
                first, past = max(first, grid.first_ms), min(past, past_ms)
            last = blocks[-1] if blocks else None
            if last and last.seal == seal and last.past_ms == first and len(last.days) < longest:
                blocks[-1] = _Block([*last.days, day], seal, last.first_ms, past)
            elif first < past:
                blocks.append(_Block([day], seal, first, past))
        return blocks

    def _may_seal(self, day: date) -> bool:
        """A day is complete when it is over, settled, and the server had the whole of it."""
        start = day_start_ms(day)
        if self.is_gone or start + DAY_MS + self.settle // timedelta(milliseconds=1) > unix_ms(datetime.now(UTC)):
            return False
        if day not in self._had:
            try:
                edges = ((start, start + HOUR_MS), (start + DAY_MS - HOUR_MS, start + DAY_MS))
                self._had[day] = all(self.has_data(*edge) for edge in edges)
            except UnreachableError as error:
                self.lose(error)
                return False
        return self._had[day]

    def _seal(self, dataset: Dataset, block: _Block, decoded: Decoded) -> None:
        for day in block.days:
            first, past = dataset.bounds(day)
            rows = slice((first - block.first_ms) // dataset.step_ms, (past - block.first_ms) // dataset.step_ms)
            dataset.seal(day, decoded, rows, self.version())


def is_partial(warnings: list[str]) -> bool:
    """Whether an answer may lack data: a server warns of that, and of the query itself in other words."""
    return any(not warning.startswith(_ABOUT_THE_QUERY) for warning in warnings)


def _samples(dataset: Dataset, day: date) -> DaySamples | str:
    """A sealed day; a text where there is none, which says what is wrong with it where it is damaged."""
    held = dataset.held.get(day)
    try:
        return dataset.read(held) if held else ""
    except ArchiveError as error:
        return f"{error}; asked of the server again"


def _days(first_ms: int, past_ms: int) -> list[date]:
    if past_ms <= first_ms:
        return []
    first, last = day_of_ms(first_ms), day_of_ms(past_ms - 1)
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _shown(days: list[date]) -> str:
    return f"{days[0]}" if len(days) == 1 else f"{len(days)} days from {days[0]} to {days[-1]}"
