"""From a decoded range query to long rows: one per sample, labels beside the value."""

import numpy as np
import pandas as pd

from analysis.prometheus.decode import Decoded

RESERVED = ("time", "value")


def long_rows(decoded: Decoded) -> pd.DataFrame:
    """One row per sample, samples that are NaN included, sorted by series and then by time.

    Returns:
        Columns ``time``, one per label (a label called ``time`` or ``value`` is written
        ``label_time``, ``label_value``), ``value``.
    """
    frame, present = decoded.frame, decoded.present
    series, rows = np.nonzero(present.T)
    labels = frame.columns.to_frame(index=False).iloc[series].reset_index(drop=True)
    labels.columns = [f"label_{name}" if name in RESERVED else name for name in frame.columns.names]
    values = frame.to_numpy()[rows, series]
    return pd.concat(
        [pd.Series(frame.index[rows], name="time"), labels.astype("str"), pd.Series(values, name="value")], axis=1
    )
