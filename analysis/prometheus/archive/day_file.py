"""One UTC day of one query as Parquet: long rows, so that any tool can read them.

Columns: ``series`` (its labels as canonical JSON), ``time`` (UTC, milliseconds), ``value``;
rows by series, then by time; only samples that were there. Stamps are delta-coded and values
byte-stream-split, which is what makes two bytes of a sample.
"""

import json
from dataclasses import dataclass
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from analysis.errors import ArchiveError
from analysis.prometheus.decode import Decoded
from analysis.prometheus.quick import Series

ZSTD_LEVEL = 3  # above it little is won and writing takes longer
_SCHEMA = pa.schema(
    [
        ("series", pa.dictionary(pa.int32(), pa.string())),
        ("time", pa.timestamp("ms", tz="UTC")),
        ("value", pa.float64()),
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
    values = np.asarray(frame.to_numpy()[rows][:, alive])[when, which]
    table = pa.Table.from_arrays(
        [
            pa.DictionaryArray.from_arrays(pa.array(which, pa.int32()), pa.array(labels, pa.string())),
            pa.array(frame.index[rows].as_unit("ms").asi8[when]).cast(_SCHEMA.field("time").type),
            pa.array(values, from_pandas=False),
        ],
        schema=_SCHEMA,
    )
    counts = present.sum(axis=0).tolist()
    return _parquet(table), labels, counts


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
        use_dictionary=["series"],
        column_encoding={"time": "DELTA_BINARY_PACKED", "value": "BYTE_STREAM_SPLIT"},
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
        table = file.read(columns=["value"] if whole else ["time", "value"], use_threads=False)
        values = table["value"].to_numpy()
        stamps = None if whole else table["time"].cast(pa.int64()).to_numpy()
    except (pa.ArrowInvalid, OSError, KeyError) as error:
        raise ArchiveError(f"not readable: {error}") from None
    if len(values) != sum(counts):
        raise ArchiveError(f"holds {len(values)} samples instead of {sum(counts)}")
    bounds = np.concatenate([[0], np.cumsum(counts)]).astype("int64")
    series = [_part(stamps, values, *bounds[place : place + 2]) for place in range(len(counts))]
    return DaySamples([_metric(text) for text in labels], series)


@cache
def _metric(text: str) -> dict[str, str]:
    """Labels from their text, which is the same on every day."""
    labels: dict[str, str] = json.loads(text)
    return labels


def _part(stamps: NDArray[np.int64] | None, values: NDArray[np.float64], start: int, end: int) -> Series:
    return None if stamps is None else stamps[start:end], values[start:end]
