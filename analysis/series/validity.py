"""Which steps may be judged: no lost scrape, no restart, no partial bucket."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from analysis.window import Window

SETTLE_STEPS = 1  # after a restart or gap the first full bucket may still be partial


def trusted(samples: pd.DataFrame, resets: pd.DataFrame, expected_samples: float) -> pd.DataFrame:
    """Whether each instance's counts may be trusted, per step.

    Args:
        samples: number of scrapes in each step's range, per instance; NaN = none at all.
        resets: number of counter resets in it, per instance.
        expected_samples: how many scrapes a whole range holds.
    """
    whole = samples.fillna(0) >= np.floor(expected_samples - 0.5)
    quiet = resets.fillna(0) == 0
    good = whole & quiet.reindex_like(whole).fillna(True).astype(bool)
    settled = good.copy()
    for lag in range(1, SETTLE_STEPS + 1):
        settled &= good.shift(lag, fill_value=True)
    return settled


def present(samples: pd.DataFrame, away: pd.Timedelta) -> pd.DataFrame:
    """Whether an instance is part of the service: one that is silent for longer than `away` has left it."""
    step = samples.index[1] - samples.index[0] if len(samples) > 1 else pd.Timedelta(minutes=1)
    length = max(1, int(away / step))
    seen = samples.notna()
    before = seen.rolling(length, min_periods=1).max()
    after = seen[::-1].rolling(length, min_periods=1).max()[::-1]
    return ((before > 0) & (after > 0)).astype(bool)


def stretches(flags: pd.Series, step: pd.Timedelta) -> Iterable[Window]:
    """Runs of True as half-open windows; a stamp covers the step that ends at it."""
    values = flags.to_numpy(dtype=bool)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], values, [False]]).astype(np.int8)))
    for first, past in zip(edges[::2], edges[1::2], strict=True):
        yield Window((flags.index[first] - step).to_pydatetime(), flags.index[past - 1].to_pydatetime())
