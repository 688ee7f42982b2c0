"""The quick way through a large answer: while it comes, the bytes of all values are cut out and parsed as CSV.

What is cut is unambiguous: within a JSON text a quote is always escaped, so ``"values":[[`` can only
open the samples of a series, and those hold no bracket but their own.
Only small buffers are used, again and again: fresh pages cost more than all of the parsing.
"""

from collections.abc import Callable, Sequence

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import compute, csv

from analysis.errors import NotPrometheusError

OPEN, CLOSE, BETWEEN = b'"values":[[', b"]]", b"],["
NO_SAMPLES = "what answers is not a Prometheus API: what should be samples is none"
KEY = b'"values":'
BATCH_BYTES = 1 << 18  # what is parsed at once: fits a processor's cache, and its copies are small beside a frame

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
        self.stamps = first_ms + step_ms * np.arange(self.points)
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
            self._parts[-1], self._inside = OPEN[len(KEY) :], False
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
        text = b"\n".join(rows).replace(BETWEEN, b"\n")
        table = _table(text, pa.int64()) or _table(text, pa.float64())  # whole seconds are quicker to read
        if table is None or table.num_rows != sum(counts):
            self.series += [_strict(row) for row in rows]
            return
        filled = compute.call_function("coalesce", [table["value"], pa.scalar(np.inf)], memory_pool=_pool())
        values = np.split(filled.to_numpy(), np.cumsum(counts)[:-1])
        stamps = np.split(milliseconds(table["stamp"].to_numpy()), np.cumsum(counts)[:-1])
        self.series += [(self._beside(part), own) for part, own in zip(stamps, values, strict=True)]

    def _beside(self, stamps: NDArray[np.int64]) -> NDArray[np.int64] | None:
        """The stamps of a series; None where they are those that were asked for."""
        return None if np.array_equal(stamps, self.stamps) else stamps


def milliseconds(stamps: NDArray[np.float64] | NDArray[np.int64]) -> NDArray[np.int64]:
    """Stamps of the API, in seconds, as Unix milliseconds."""
    if stamps.dtype.kind == "i":
        return np.asarray(stamps * 1000, "int64")
    with np.errstate(invalid="ignore", over="ignore"):  # a stamp beyond all bounds is none that was asked for
        return np.asarray(np.rint(stamps * 1000).astype("int64"))


def _pool() -> pa.MemoryPool:
    """The system's: Arrow's own keeps for long what it once had."""
    return pa.system_memory_pool()


def _table(text: bytes, stamp: pa.DataType) -> pa.Table | None:
    """Parsed with ``+Inf`` as null: the one text among Prometheus's values that the parser does not know."""
    try:
        return csv.read_csv(
            pa.BufferReader(text),
            read_options=csv.ReadOptions(column_names=["stamp", "value"], use_threads=False),
            convert_options=csv.ConvertOptions(
                column_types={"stamp": stamp, "value": pa.float64()},
                null_values=["+Inf"],
            ),
            memory_pool=_pool(),
        )
    except pa.ArrowInvalid:
        return None


def _strict(row: bytes) -> Series:
    """The same by a decoder that knows JSON.

    Raises:
        NotPrometheusError: these are no samples.
    """
    try:
        return parsed(_pairs.decode(b"[[" + row + b"]]"))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NotPrometheusError(f"{NO_SAMPLES} ({error})") from None


def parsed(pairs: Sequence[tuple[float, str | float]]) -> Series:
    """Samples out of the pairs of the API.

    Raises:
        NotPrometheusError: a value is no number.
    """
    stamps, texts = zip(*pairs, strict=True)
    try:
        return milliseconds(np.array(stamps, dtype="float64")), np.array(texts, dtype="float64")
    except ValueError as error:
        raise NotPrometheusError(f"{NO_SAMPLES} ({error})") from None


_pairs = msgspec.json.Decoder(list[tuple[float, str | float]])
