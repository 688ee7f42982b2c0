"""A bar for what is being pulled: in a terminal and in a notebook, and nowhere else."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

OFF = "TQDM_DISABLE"  # tqdm's own name for it; scheduled runs set it
PAUSE_SECONDS = 0.2  # between two looks at how much has been read
SHOWN_CHARACTERS = 32
MEGABYTE = 1_000_000
FORMAT = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} stamps, {elapsed}{postfix}"
_in_cell: dict[int, Any] = {}  # the one bar of the cell that runs, by the cell's number


class PullBar:
    """Grows with the stamps that have come, and tells the bytes meanwhile; without a bar it does nothing."""

    def __init__(self, bar: Any = None) -> None:
        self._bar, self._bytes, self._told = bar, 0, time.monotonic()

    def add(self, stamps: int) -> None:
        """So many stamps of the grid are filled; the archive may ask for more than the grid has."""
        if self._bar is not None:
            self._bar.update(min(stamps, self._bar.total - self._bar.n))

    def fill(self) -> None:
        """All of it is there."""
        if self._bar is not None:
            self.add(self._bar.total)
            self._bar.refresh()

    def read(self, size: int) -> None:
        """So many bytes have come."""
        self._bytes += size
        if self._bar is not None and time.monotonic() - self._told > PAUSE_SECONDS:
            self._told = time.monotonic()
            self._bar.set_postfix_str(f"{self._bytes / MEGABYTE:,.1f} MB")


@contextmanager
def pull_bar(expr: str, stamps: int) -> Iterator[PullBar]:
    """A bar while one range query is under way.

    In a notebook the queries of a cell share one bar, which stays; in a terminal it goes when the query ends.
    """
    cell = _cell()
    if os.environ.get(OFF) or (cell is None and not (sys.stderr and sys.stderr.isatty())):
        yield PullBar()
        return
    from tqdm.auto import tqdm

    text = " ".join(expr.split())
    text = text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"
    if cell is None:
        with tqdm(total=stamps, desc=text, bar_format=FORMAT, leave=False) as bar:
            yield PullBar(bar)
        return
    yield _shared(cell, stamps, text)


def _shared(cell: int, stamps: int, text: str) -> PullBar:
    """The bar of a cell, from its beginning."""
    from tqdm.auto import tqdm

    if cell not in _in_cell:
        _in_cell.clear()
        _in_cell[cell] = tqdm(total=stamps, bar_format=FORMAT)
    bar = _in_cell[cell]
    bar.reset(total=stamps)
    bar.set_description_str(text)
    return PullBar(bar)


def _cell() -> int | None:
    """The number of the cell that runs; None outside of a notebook."""
    shell: Any = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return int(shell.execution_count) if getattr(shell, "kernel", None) is not None else None
