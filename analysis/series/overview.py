"""What each series of a frame is like, in one row."""

from collections.abc import Sequence

import pandas as pd

COLUMNS = ["samples", "first", "last", "minimum", "median", "mean", "maximum", "drops"]
AT_ONCE = 200  # series, whose copies are small beside the frame


def overview(frame: pd.DataFrame) -> pd.DataFrame:
    """One row per series that has any sample.

    Args:
        frame: wide, index ``time``; NaN = no sample.

    Returns:
        One column per label (one called like a column below is written ``label_…``), then ``samples`` (their number),
        ``first`` and ``last`` (stamps), ``minimum``, ``median``, ``mean``, ``maximum`` (of the values), and ``drops``:
        how often a value was below the one before it, which is a counter's resets and half of a noisy gauge's moves.
    """
    rows = frame.columns.to_frame(index=False).astype("str")
    rows.columns = [f"label_{name}" if name in COLUMNS else name for name in frame.columns.names]
    some = [_measured(frame.iloc[:, at : at + AT_ONCE]) for at in range(0, frame.shape[1], AT_ONCE)]
    told = pd.concat(some, ignore_index=True) if some else pd.DataFrame(columns=COLUMNS)
    return pd.concat([rows, told], axis=1)[told["samples"] > 0].reset_index(drop=True)


def _measured(frame: pd.DataFrame) -> pd.DataFrame:
    """The columns of an overview for a few series."""
    values = pd.DataFrame(frame.to_numpy())
    known, after = values.notna().to_numpy(), len(frame) - 1
    first, last = (known.argmax(axis=0), after - known[::-1].argmax(axis=0)) if len(frame) else ([], [])
    told = {
        "samples": known.sum(axis=0),
        "first": frame.index[first] if len(frame) else pd.NaT,
        "last": frame.index[last] if len(frame) else pd.NaT,
        "minimum": values.min(),
        "median": values.median(),
        "mean": values.mean(),
        "maximum": values.max(),
        "drops": (values.ffill().diff() < 0).sum(),
    }
    return pd.DataFrame(told, columns=COLUMNS)


def together(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The rows of several overviews, sorted by labels; the empty text where a series lacks a label."""
    labels = sorted({name for part in parts for name in part.columns} - set(COLUMNS))
    rows = pd.concat([part for part in parts if len(part)] or parts[:1]).reindex(columns=[*labels, *COLUMNS])
    rows[labels] = rows[labels].fillna("")
    return rows.sort_values(labels, ignore_index=True) if labels else rows.reset_index(drop=True)
