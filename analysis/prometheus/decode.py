"""Answers of range queries into frames: values, and where a sample was present."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.errors import ContradictionError


@dataclass(frozen=True)
class Decoded:
    """One range query's answer on its regular grid.

    Attributes:
        frame: the frame of the contract; NaN = no sample, or a sample that is NaN.
        present: same shape as the frame; whether there was a sample, native histograms included.
    """

    frame: pd.DataFrame
    present: NDArray[np.bool_]


def decode_matrix(result: Iterable[Mapping[str, Any]], first_ms: int, end_ms: int, step_ms: int) -> Decoded:
    """Put the ``result`` lists of one or more range queries on their common grid.

    Args:
        result: series of all chunks; a series may appear in several of them.
        first_ms: first stamp of the grid, Unix milliseconds.
        end_ms: first stamp past it.
        step_ms: distance of stamps.

    Raises:
        ContradictionError: two samples of equal labels and stamp with different values.
    """
    items = list(result)
    names = sorted({name for item in items for name in item["metric"]}) or ["__name__"]
    keys = sorted({_key(item["metric"], names) for item in items})
    places = {key: place for place, key in enumerate(keys)}
    rows = max(0, -(-(end_ms - first_ms) // step_ms))
    values = np.full((rows, len(keys)), np.nan, order="F")
    present = np.zeros((rows, len(keys)), dtype=bool, order="F")
    for item in items:
        place = places[_key(item["metric"], names)]
        _fill(values[:, place], present[:, place], item, first_ms, step_ms)
    index = pd.DatetimeIndex(
        np.arange(first_ms, first_ms + rows * step_ms, step_ms, dtype="int64").astype("datetime64[ms]"), name="time"
    ).tz_localize("UTC")
    columns = pd.MultiIndex.from_tuples(keys, names=names) if keys else pd.MultiIndex.from_arrays([[]], names=names[:1])
    return Decoded(pd.DataFrame(values, index=index, columns=columns, copy=False), present)


def _key(metric: Mapping[str, str], names: list[str]) -> tuple[str, ...]:
    return tuple(metric.get(name, "") for name in names)


def _fill(
    values: NDArray[np.float64], present: NDArray[np.bool_], item: Mapping[str, Any], first_ms: int, step_ms: int
) -> None:
    for kind in ("values", "histograms"):
        pairs = item.get(kind)
        if not pairs:
            continue
        stamps, raw = zip(*pairs, strict=True)
        rows = (np.rint(np.array(stamps, dtype="float64") * 1000).astype("int64") - first_ms) // step_ms
        new = np.array(raw, dtype="float64") if kind == "values" else np.full(len(rows), np.nan)
        clash = present[rows] & ~((values[rows] == new) | (np.isnan(values[rows]) & np.isnan(new)))
        if clash.any():
            raise ContradictionError(f"two series with equal labels {dict(item['metric'])} have different values")
        values[rows], present[rows] = new, True
