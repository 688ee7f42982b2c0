"""One UTC day of one query as Parquet: long rows, so that any tool can read them.

Columns: ``series`` (its labels as canonical JSON), ``time`` (UTC, milliseconds), ``value``;
rows by series, then by time; only samples that were there. Where all values of a day have few
decimal places, ``value`` is null and ``scaled / 10^digits`` is exactly it: whole numbers are
delta-coded, as stamps are, and take two bytes where byte-stream-split values take six.
"""

import json
from dataclasses import dataclass
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from analysis.errors import ArchiveError
from analysis.prometheus.archive.decimals import scaled, unscaled
from analysis.prometheus.decode import Decoded
from analysis.prometheus.quick import Series

ZSTD_LEVEL = 3  # above it little is won and writing takes longer
HOLDS = b"holds"  # metadata of the file: which column its values are in
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
        series: stamps (None where the series has each stamp of the day) and values of each.
    """

    metrics: list[dict[str, str]]
    series: list[Series]


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
    held, columns = _value_columns(values)
    table = pa.Table.from_arrays(
        [
            pa.DictionaryArray.from_arrays(pa.array(which, pa.int32()), pa.array(labels, pa.string())),
            pa.array(frame.index[rows].as_unit("ms").asi8[when]).cast(_SCHEMA.field("time").type),
            *columns,
        ],
        schema=_SCHEMA.with_metadata({HOLDS: held}),
    )
    counts = present.sum(axis=0).tolist()
    return _parquet(table), labels, counts


def _value_columns(values: NDArray[np.float64]) -> tuple[str, list[pa.Array]]:
    """Which column holds the values, and ``value``, ``scaled``, ``digits``."""
    decimal, size = scaled(values), len(values)
    if decimal is None:
        return "value", [pa.array(values, from_pandas=False), pa.nulls(size, pa.int64()), pa.nulls(size, pa.int8())]
    whole, digits = decimal
    return "scaled", [pa.nulls(size, pa.float64()), pa.array(whole), pa.array(np.full(size, digits, np.int8))]


def _canonical(names: list[str], key: tuple[str, ...]) -> str:
    labels = {name: value for name, value in zip(names, key, strict=True) if value}
    return json.dumps(labels, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(
        table,
        sink,
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
    )
    return bytes(sink.getvalue())


def decode_day(content: bytes, labels: list[str], counts: list[int], points: int) -> DaySamples:
    """The samples of a day's file; stamps are only read where a series has not every one.

    Raises:
        ArchiveError: the file is damaged.
    """
    whole = all(count == points for count in counts)
    try:
        file = pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True)
        held = file.metadata.metadata[HOLDS].decode()
        columns = ["value"] if held == "value" else ["scaled", "digits"]
        table = file.read(columns=columns if whole else ["time", *columns], use_threads=False)
        values = _values(table, held)
        stamps = None if whole else table["time"].cast(pa.int64()).to_numpy()
    except (ValueError, TypeError, OSError, KeyError) as error:  # ValueError is what pyarrow calls invalid
        raise ArchiveError(f"not readable: {error}") from None
    if len(values) != sum(counts):
        raise ArchiveError(f"holds {len(values)} samples instead of {sum(counts)}")
    bounds = np.concatenate([[0], np.cumsum(counts)]).astype("int64")
    series = [_part(stamps, values, *bounds[place : place + 2]) for place in range(len(counts))]
    return DaySamples([_metric(text) for text in labels], series)


def _values(table: pa.Table, held: str) -> NDArray[np.float64]:
    if table[held].null_count:
        raise ArchiveError("not readable: values are missing")
    values = table[held].to_numpy()
    return unscaled(values, table["digits"][0].as_py()) if held == "scaled" else np.asarray(values)


@cache
def _metric(text: str) -> dict[str, str]:
    """Labels from their text, which is the same on every day."""
    labels: dict[str, str] = json.loads(text)
    return labels


def _part(stamps: NDArray[np.int64] | None, values: NDArray[np.float64], start: int, end: int) -> Series:
    return None if stamps is None else stamps[start:end], values[start:end]
