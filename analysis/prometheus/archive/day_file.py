"""One UTC day of one query as Parquet: long rows, so that any tool can read them.

Columns: ``series`` (its labels as canonical JSON), ``time`` (UTC, milliseconds), ``value``;
rows by series, then by time; only samples that were there. Where nearly all values of a day have few
decimal places, ``value`` is null for those and ``scaled / 10^digits`` is exactly it: whole numbers are
delta-coded, as stamps are, and take two bytes where byte-stream-split values take six.
"""

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from analysis.errors import ArchiveError
from analysis.prometheus.archive.decimals import scaled, unscaled
from analysis.prometheus.decode import Decoded, Key
from analysis.prometheus.quick import Series

ZSTD_LEVEL = 3  # above it little is won and writing takes longer
HOLDS = b"holds"  # metadata of the file: which column its values are in
DIGITS = b"digits"  # and how many, so that nobody has to read the column for one number
_COLUMNS = {"value": ("value",), "scaled": ("scaled",), "both": ("value", "scaled")}  # by what a file holds
_SCHEMA = pa.schema(
    [
        ("series", pa.dictionary(pa.int32(), pa.string())),
        ("time", pa.timestamp("ms", tz="UTC")),
        ("value", pa.float64()),
        ("scaled", pa.int64()),
        ("digits", pa.int8()),
    ]
)


@dataclass(frozen=True)
class DaySamples:
    """The samples of one day.

    Attributes:
        metrics: labels of each series.
        stamps: of all samples, series after series; None where each series has each stamp of the day.
        values: of all samples: numbers, or whole numbers to be divided by `scale`.
        scale: see `values`.
        bounds: where the samples of each series begin and end.
    """

    metrics: list[Key]
    stamps: NDArray[np.int64] | None
    values: NDArray[np.float64] | NDArray[np.int64]
    scale: float
    bounds: NDArray[np.int64]

    @property
    def block(self) -> NDArray[Any] | None:
        """Series by stamps, of `values`; None where a series lacks a stamp."""
        return self.values.reshape(len(self.metrics), -1) if self.stamps is None and self.metrics else None

    @property
    def series(self) -> list[Series]:
        """Stamps and values of each series."""
        values = np.asarray(self.values / self.scale if self.values.dtype.kind == "i" else self.values, "float64")
        spans = zip(self.bounds[:-1], self.bounds[1:], strict=True)
        return [(None if self.stamps is None else self.stamps[a:b], values[a:b]) for a, b in spans]


def encode_day(decoded: Decoded, rows: slice) -> tuple[bytes, list[str], list[int]]:
    """A day's rows of a frame as a Parquet file.

    Returns:
        The file, and per series its labels as canonical JSON and its number of samples.
    """
    frame, present = decoded.frame, decoded.present[rows]
    alive = np.flatnonzero(present.any(axis=0))
    labels = [_canonical(frame.columns.names, frame.columns[place]) for place in alive]
    present = present[:, alive]
    which, when = np.nonzero(present.T)
    values = np.ascontiguousarray(frame.to_numpy()[rows][:, alive][when, which])
    held, digits, columns = _value_columns(values)
    table = pa.Table.from_arrays(
        [
            pa.DictionaryArray.from_arrays(pa.array(which, pa.int32()), pa.array(labels, pa.string())),
            pa.array(frame.index[rows].as_unit("ms").asi8[when]).cast(_SCHEMA.field("time").type),
            *columns,
        ],
        schema=_SCHEMA,
    )
    counts = present.sum(axis=0).tolist()
    about = {HOLDS: held, **({DIGITS: str(digits)} if held != "value" else {})}
    return _parquet(table, about), labels, counts


def _value_columns(values: NDArray[np.float64]) -> tuple[str, int, list[pa.Array]]:
    """Which column holds the values, the digits, and ``value``, ``scaled``, ``digits``."""
    decimal, size = scaled(values), len(values)
    if decimal is None:
        return "value", 0, [pa.array(values, from_pandas=False), pa.nulls(size, pa.int64()), pa.nulls(size, pa.int8())]
    whole, digits, exact = decimal
    places, all_exact = np.full(size, digits, np.int8), bool(exact.all())
    without = None if all_exact else ~exact
    columns = [
        pa.nulls(size, pa.float64()) if all_exact else pa.array(values, mask=exact, from_pandas=False),
        pa.array(whole, mask=without),
        pa.array(places, mask=without),
    ]
    return ("scaled" if all_exact else "both"), digits, columns


def _canonical(names: list[str], key: tuple[str, ...]) -> str:
    labels = {name: value for name, value in zip(names, key, strict=True) if value}
    return json.dumps(labels, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _parquet(table: pa.Table, about: dict[bytes, str]) -> bytes:
    import pyarrow.parquet as pq  # 5 MiB, which a pull without an archive need not have

    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(
        sink,
        table.schema,
        compression="zstd",
        compression_level=ZSTD_LEVEL,
        use_dictionary=["series", "digits"],
        column_encoding={
            "time": "DELTA_BINARY_PACKED",
            "value": "BYTE_STREAM_SPLIT",
            "scaled": "DELTA_BINARY_PACKED",
        },
        write_statistics=False,
        write_page_checksum=True,
        store_schema=False,  # Arrow's own, which Parquet's says already: a fifth of a day of one series
    ) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata(about)
    return bytes(sink.getvalue())


def decode_day(content: bytes, labels: list[str], counts: list[int], points: int) -> DaySamples:
    """The samples of a day's file; stamps are only read where a series has not every one.

    Raises:
        ArchiveError: the file is damaged.
    """
    import pyarrow.parquet as pq

    whole = all(count == points for count in counts)
    try:
        file = pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True)
        held = file.metadata.metadata[HOLDS].decode()
        digits = file.metadata.metadata.get(DIGITS)
        columns = list(_COLUMNS[held])
        columns += [] if digits or held == "value" else ["digits"]
        table = file.read(columns=columns if whole else ["time", *columns], use_threads=False)
        values = _together(table, int(digits or 0)) if held == "both" else _numbers(table[columns[0]])
        exponent = int(digits) if digits else table["digits"][0].as_py() if "digits" in columns else 0
        stamps = None if whole else table["time"].cast(pa.int64()).to_numpy()
    except (ValueError, TypeError, OSError, KeyError) as error:  # ValueError is what pyarrow calls invalid
        raise ArchiveError(f"not readable: {error}") from None
    if len(values) != sum(counts):
        raise ArchiveError(f"holds {len(values)} samples instead of {sum(counts)}")
    bounds = np.concatenate([[0], np.cumsum(counts)]).astype("int64")
    return DaySamples([_key(text) for text in labels], stamps, values, 10.0**exponent, bounds)


def _numbers(column: pa.ChunkedArray) -> NDArray[Any]:
    if column.null_count:
        raise ArchiveError("not readable: values are missing")
    return np.asarray(column.to_numpy())


def _together(table: pa.Table, digits: int) -> NDArray[np.float64]:
    """Values of which some are whole numbers to be divided, and the others as they are."""
    exact = table["scaled"].is_valid().to_numpy()
    values = np.empty(len(exact))
    values[exact] = unscaled(table["scaled"].drop_null().to_numpy(), digits)
    values[~exact] = _numbers(table["value"].filter(pa.array(~exact)))
    return values


@cache
def _key(text: str) -> Key:
    """Labels from their text, which is the same on every day."""
    return tuple(sorted((name, value) for name, value in json.loads(text).items() if value))
