"""Which places of a grid have been filled: a note per block where blocks are all that came, an array otherwise."""

import numpy as np
from numpy.typing import NDArray


class Filled:
    """Series by stamps, all empty at first.

    Most answers have every series at every stamp: an array that says so would be an eighth of the values' size.

    Args:
        stamps: of the grid.
    """

    def __init__(self, stamps: int) -> None:
        """Note nothing yet."""
        self.stamps = stamps
        self._blocks: list[tuple[NDArray[np.int64], slice]] = []
        self._array: NDArray[np.bool_] | None = None

    def has(self, places: NDArray[np.int64], span: slice) -> bool:
        """Whether anything of a block is filled.

        Args:
            places: rows of the series.
            span: stamps, from `start` to `stop`.
        """
        if self._array is None and not any(_overlap(span, noted) for _, noted in self._blocks):
            return False
        return bool(self.array(int(places.max()) + 1)[places, span].any())

    def add(self, places: NDArray[np.int64], span: slice) -> None:
        """Note a block as filled; see `has`."""
        if self._array is None:
            self._blocks.append((places, span))
        else:
            self.array(int(places.max()) + 1)[places, span] = True

    def array(self, series: int) -> NDArray[np.bool_]:
        """The array itself, for what is no block, with rows for so many series at least."""
        held = self._array if self._array is not None else np.zeros((0, self.stamps), dtype=bool)
        least = max([series, *(int(places.max()) + 1 for places, _ in self._blocks)])
        if len(held) < least:
            room = max(least - len(held), len(held) // 2)
            held = np.concatenate([held, np.zeros((room, self.stamps), dtype=bool)])
        self._array = held
        for places, span in self._blocks:
            held[places, span] = True
        self._blocks.clear()
        return held

    def is_whole(self, series: int) -> bool:
        """Whether blocks have filled every stamp of so many series."""
        full = all(len(places) == series for places, _ in self._blocks)
        return self._array is None and full and sum(s.stop - s.start for _, s in self._blocks) == self.stamps

    def ordered(self, order: NDArray[np.int64]) -> NDArray[np.bool_]:
        """What is filled, series in an order; read-only and without memory of its own where that is everything."""
        if self.is_whole(len(order)):
            return np.broadcast_to(np.True_, (len(order), self.stamps))
        array = self.array(len(order))
        return array[: len(order)] if np.array_equal(order, np.arange(len(order))) else array[order]


def _overlap(one: slice, other: slice) -> bool:
    return bool(one.start < other.stop and other.start < one.stop)
