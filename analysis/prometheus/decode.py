"""Answers into frames."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd


def frame_of_matrix(result: Sequence[Any], first_ms: int, end_ms: int, step_ms: int) -> pd.DataFrame:
    """The frame of the contract from the ``result`` of a range query (several chunks concatenated)."""
    index = pd.DatetimeIndex(
        np.arange(first_ms, end_ms, step_ms, dtype="int64").astype("datetime64[ms]"), name="time"
    ).tz_localize("UTC")
    names = sorted({name for item in result for name in item["metric"]}) or ["__name__"]
    columns: dict[tuple[str, ...], np.ndarray] = {}
    for item in result:
        key = tuple(item["metric"].get(name, "") for name in names)
        column = columns.setdefault(key, np.full(len(index), np.nan))
        pairs = np.array(item["values"], dtype=object).reshape(-1, 2)
        rows = (np.rint(pairs[:, 0].astype("float64") * 1000).astype("int64") - first_ms) // step_ms
        column[rows] = pairs[:, 1].astype("float64")
    keys = sorted(columns)
    data = np.column_stack([columns[key] for key in keys]) if keys else np.empty((len(index), 0))
    return pd.DataFrame(data, index=index, columns=pd.MultiIndex.from_tuples(keys, names=names))
