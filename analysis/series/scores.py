"""One anomaly score per sample, for any series: online (nothing later is used) and offline.

Several simple predictions are made for every sample (the stretch just before it, the same time of
earlier days and weeks, the long run, and how rough the series usually is); each error is measured
in units of what that prediction usually errs by, so that a prediction which does not fit the
series says nothing, and the scores are put together. After the idea of combining experts by
their own past errors (Cesa-Bianchi and Lugosi 2006).
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.errors import InputError
from analysis.series.past_errors import DAY, in_usual_errors, past_errors
from analysis.series.subsequences import strange_windows
from analysis.series.whole_errors import in_whole_errors, whole_errors

Array = NDArray[np.float64]
LARGEST = 1e100  # in units of the first value; squares of more are no numbers
MEAN_SHARE = 0.5  # weight of all predictions together against that of the worst one


def score_online(series: pd.Series) -> pd.Series:
    """How strange each sample is, judged by what came before it.

    Args:
        series: numbers by time, UTC index, increasing; any step, gaps and NaN allowed.

    Returns:
        Scores on the index of `series`, 0 for nothing odd, higher is stranger, in usual errors;
        NaN where the sample is NaN or infinite. Appending samples changes no earlier score.

    Raises:
        InputError: not a series of numbers on an increasing UTC index.

    Example:
        >>> index = pd.date_range("2026-10-01", periods=500, freq="5min", tz="UTC")
        >>> values = pd.Series([float(place % 7) for place in range(500)], index=index)
        >>> values.iloc[400] = 60.0
        >>> score_online(values).idxmax() == index[400]
        True
    """
    values, times = _checked(series)
    known = np.isfinite(values)
    given = values[known]
    result = np.full(len(values), np.nan)
    if len(given):
        errors = past_errors(given, times[known])
        result[known] = _together([in_usual_errors(error) for error in errors])
    return pd.Series(result, index=series.index, name=series.name)


def score_offline(series: pd.Series) -> pd.Series:
    """How strange each sample is, judged by the whole series.

    Args:
        series: as for `score_online`.

    Returns:
        Scores as from `score_online`; what comes after a sample counts as well as what came before,
        and stretches that resemble no other stretch are strange too.

    Raises:
        InputError: not a series of numbers on an increasing UTC index.

    Example:
        >>> index = pd.date_range("2026-10-01", periods=500, freq="5min", tz="UTC")
        >>> values = pd.Series([float(place % 7) for place in range(500)], index=index)
        >>> values.iloc[400] = 60.0
        >>> bool(score_offline(values)[index[400]] > 10)
        True
    """
    values, times = _checked(series)
    known = np.isfinite(values)
    given = values[known]
    result = np.full(len(values), np.nan)
    if len(given):
        whole = [in_whole_errors(error) for error in whole_errors(given, times[known])]
        whole += strange_windows(given, _samples_per_day(times[known]))
        result[known] = _together(whole)
    return pd.Series(result, index=series.index, name=series.name)


def _checked(series: pd.Series) -> tuple[Array, NDArray[np.datetime64]]:
    if not isinstance(series, pd.Series) or not isinstance(series.index, pd.DatetimeIndex):
        raise InputError("a score needs a pandas Series with a DatetimeIndex; give one with pd.Series(values, times)")
    if series.index.tz is None:
        raise InputError("the index of the series has no time zone; use series.tz_localize('UTC')")
    if not series.index.is_monotonic_increasing or not series.index.is_unique:
        raise InputError("the index of the series must increase; use series[~series.index.duplicated()].sort_index()")
    try:
        if pd.api.types.is_complex_dtype(series.dtype):
            raise TypeError  # noqa: TRY301
        values = series.to_numpy("float64", na_value=np.nan)
    except (TypeError, ValueError):
        raise InputError(f"the series holds {series.dtype}, not numbers; use pd.to_numeric(series)") from None
    stamps = series.index.tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[ns]")
    return _of_common_size(np.where(np.isfinite(values), values, np.nan)), stamps


def _of_common_size(values: Array) -> Array:
    """Values in units of the first that is not zero: what comes later changes nothing, and squares stay finite."""
    given = np.flatnonzero(np.nan_to_num(values))
    if not len(given):
        return values
    unit = 2.0 ** np.clip(np.floor(np.log2(abs(values[given[0]]))), -1000, 1000)
    most = min(LARGEST * unit, LARGEST) if unit < 1 else np.inf
    return np.clip(np.clip(values, -most, most) / unit, -LARGEST, LARGEST)


def _together(scores: list[Array]) -> Array:
    """The worst score and the mean of all that say something."""
    table = np.array(scores)
    said = np.isfinite(table)
    filled = np.where(said, table, 0.0)
    mean = filled.sum(axis=0) / np.maximum(said.sum(axis=0), 1)
    return np.asarray((1 - MEAN_SHARE) * filled.max(axis=0) + MEAN_SHARE * mean)


def _samples_per_day(times: NDArray[np.datetime64]) -> int:
    if len(times) < 2:
        return 1
    return int(DAY / np.median(np.diff(times).astype("int64")).astype("timedelta64[ns]"))
