"""The quick way through a large answer: while it comes, the bytes of all values are cut out and parsed as CSV.

What is cut is unambiguous: within a JSON text a quote is always escaped, so ``"values":[[`` can only
open the samples of a series, and those hold no bracket but their own.
Only small buffers are used, again and again: fresh pages cost more than all of the parsing.
"""

from collections.abc import Callable

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import compute, csv

OPEN, CLOSE, BETWEEN = b'"values":[[', b"]]", b"],["
KEY = b'"values":'
BATCH_BYTES = 1 << 20  # what is parsed at once: fits a processor's cache

Series = tuple[NDArray[np.int64] | None, NDArray[np.float64]]
"""Stamps in Unix milliseconds (None where each stamp that was asked for is there), and values."""


class Reader:
    """Takes one answer to a range query piece by piece.

    Args:
        first_ms: first stamp that was asked for, Unix milliseconds.
        past_ms: first stamp past those asked for.
        step_ms: distance of stamps.
        told: called with the size of each piece.

    Attributes:
        series: the samples of each series whose values were cut out, in the order of the answer.
    """

    def __init__(
        self, first_ms: int, past_ms: int, step_ms: int, told: Callable[[int], object] = lambda _size: None
    ) -> None:
        """Begin at the first byte."""
        self.told = told
        self.first_ms, self.points = first_ms, (past_ms - first_ms) // step_ms
        self.last_ms = first_ms + (self.points - 1) * step_ms
        self.series: list[Series] = []
        self._parts: list[bytes] = []
        self._rows: list[bytes] = []
        self._cut = self._waiting = self._searched = 0
        self._rest = bytearray()
        self._inside = False

    def feed(self, piece: bytes) -> None:
        """Take the next bytes."""
        self.told(len(piece))
        self._rest += piece
        while self._step():
            pass

    def text(self) -> bytes:
        """The whole answer; in place of its values each series holds its number in `series`."""
        if self._inside:  # cut off within a series: what has come is as it came
            self._parts.append(OPEN[len(KEY) :])
        self._parts.append(bytes(self._rest))
        self._rest.clear()
        self._parse()
        return b"".join(self._parts)

    def _step(self) -> bool:
        """Cut off what is complete at the beginning of the rest; False where more bytes are needed."""
        mark = CLOSE if self._inside else OPEN
        at = self._rest.find(mark, self._searched)
        if at < 0:
            self._searched = max(0, len(self._rest) - len(mark) + 1)
            return False
        if self._inside:
            self._rows.append(bytes(self._rest[:at]))
            self._waiting += at
        else:
            self._parts += [bytes(self._rest[: at + len(KEY)]), b"%d" % self._cut]
            self._cut += 1
        del self._rest[: at + len(mark)]
        self._searched, self._inside = 0, not self._inside
        if self._waiting >= BATCH_BYTES:
            self._parse()
        return True

    def _parse(self) -> None:
        rows, self._rows, self._waiting = self._rows, [], 0
        if not rows:
            return
        counts = [row.count(BETWEEN) + 1 for row in rows]
        whole = all(self._is_whole(row, count) for row, count in zip(rows, counts, strict=True))
        table = _table(b"\n".join(rows).replace(BETWEEN, b"\n"), ["value"] if whole else ["stamp", "value"])
        if table is None or table.num_rows != sum(counts):
            self.series += [_strict(row) for row in rows]
            return
        filled = compute.call_function("coalesce", [table["value"], pa.scalar(np.inf)], memory_pool=_pool())
        values = np.split(filled.to_numpy(), np.cumsum(counts)[:-1])
        if whole:
            self.series += [(None, part) for part in values]
        else:
            stamps = np.split(milliseconds(table["stamp"].to_numpy()), np.cumsum(counts)[:-1])
            self.series += zip(stamps, values, strict=True)

    def _is_whole(self, row: bytes, count: int) -> bool:
        """Whether a series has every stamp: stamps are distinct, on the grid, and within what was asked for."""
        if count != self.points:
            return False
        return _stamp(row, 0) == self.first_ms and _stamp(row, row.rfind(b"[") + 1) == self.last_ms


def milliseconds(stamps: NDArray[np.float64]) -> NDArray[np.int64]:
    """Stamps of the API, in seconds, as Unix milliseconds."""
    return np.asarray(np.rint(stamps * 1000).astype("int64"))


def _pool() -> pa.MemoryPool:
    """The system's: Arrow's own keeps for long what it once had."""
    return pa.system_memory_pool()


def _table(text: bytes, columns: list[str]) -> pa.Table | None:
    """Parsed with ``+Inf`` as null: the one text among Prometheus's values that the parser does not know."""
    try:
        return csv.read_csv(
            pa.BufferReader(text),
            read_options=csv.ReadOptions(column_names=["stamp", "value"], use_threads=False),
            convert_options=csv.ConvertOptions(
                column_types={"stamp": pa.float64(), "value": pa.float64()},
                null_values=["+Inf"],
                include_columns=columns,
            ),
            memory_pool=_pool(),
        )
    except pa.ArrowInvalid:
        return None


def _strict(row: bytes) -> Series:
    stamps, values = zip(*msgspec.json.decode(b"[[" + row + b"]]"), strict=True)
    return milliseconds(np.array(stamps, dtype="float64")), np.array(values, dtype="float64")


def _stamp(row: bytes, at: int) -> int:
    """The stamp of the sample that begins at a place, in Unix milliseconds; -1 where there is none."""
    try:
        return round(float(row[at : row.index(b",", at)]) * 1000)
    except ValueError:
        return -1
