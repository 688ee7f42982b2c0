"""From a decoded range query to long rows: one per sample, labels beside the value."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.prometheus.decode import Decoded

RESERVED = ("time", "value")


def long_rows(decoded: Decoded) -> pd.DataFrame:
    """One row per sample, samples that are NaN included, sorted by series and then by time.

    Returns:
        Columns ``time``, one per label (a label called ``time`` or ``value`` is written
        ``label_time``, ``label_value``; where there is such a label, too, with another ``label_``), ``value``.
    """
    frame, present = decoded.frame, decoded.present
    series, rows = np.nonzero(present.T)
    labels = frame.columns.to_frame(index=False).iloc[series].reset_index(drop=True)
    labels.columns = column_names(frame.columns.names)
    values = frame.to_numpy()[rows, series]
    return pd.concat(
        [pd.Series(frame.index[rows], name="time"), labels.astype("str"), pd.Series(values, name="value")], axis=1
    )


def column_names(labels: Sequence[str]) -> list[str]:
    """What the columns of labels are called, each differently, and none like those of time and value."""
    names: list[str] = []
    for label in labels:
        name = label
        while name in RESERVED or (name != label and name in labels):
            name = f"label_{name}"
        names.append(name)
    return names
