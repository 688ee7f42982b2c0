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
from analysis.series.period import last_cycles
from analysis.series.subsequences import strange_windows

Array = NDArray[np.float64]
DAY = np.timedelta64(86_400_000_000_000, "ns")  # in nanoseconds: parts of it are wanted
COARSEST = DAY // 4  # a step beyond which there is no time of day
DAYS_BACK = (1, 2, 3, 4, 5, 6, 7)  # enough for a median that one odd day does not move
WEEKS_BACK = (1, 2, 3, 4)
NEAR = 12  # samples just before, for the fast prediction
LONG = 1024  # samples of the slow prediction: a day of two-minute data, two weeks of twenty-minute data
ROUGH = 16  # samples over which roughness is measured
BLOCK = 32  # samples between two updates of what is usual: a quantile each sample would cost more than it tells
BLOCKS_BACK = 64  # blocks that say what is usual
WARM_SAMPLES = 24.0  # a prediction that was checked less often than this is believed in part
STRANGEST = 60.0  # usual errors; beyond it nothing becomes stranger
LARGEST = 1e100  # in units of the first value; squares of more are no numbers
MEAN_SHARE = 0.5  # weight of all predictions together against that of the worst one
MAD_TO_SIGMA = 1.4826  # normal distribution
NINETY_TO_SIGMA = 1 / 1.645  # normal distribution, two-sided


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
        errors = _past_errors(given, times[known])
        result[known] = _together([_in_usual_errors(error) for error in errors])
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
        whole = [_in_whole_errors(error) for error in _whole_errors(given, times[known])]
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


def _past_errors(values: Array, times: NDArray[np.datetime64]) -> list[Array]:
    """Errors of predictions that know only what lies before each sample."""
    table = pd.Series(values)
    near = table.shift(1).rolling(NEAR, min_periods=1).median().to_numpy()
    last = table.shift(1).rolling(3, min_periods=1).median().to_numpy()
    far = values - _long_run(values)
    errors = [values - near, values - last, far, _lasting(far), _roughness(values)]
    for lags in (DAYS_BACK, tuple(7 * week for week in WEEKS_BACK)):
        left = pd.Series(values - _same_time(values, times, lags))
        level = left.shift(1).ewm(halflife=NEAR).mean().to_numpy()
        errors += [left.to_numpy(), left.to_numpy() - level, _lasting(left.to_numpy())]
    rhythm = values - last_cycles(values)
    return [*errors, rhythm, _lasting(rhythm)]


def _long_run(values: Array) -> Array:
    """Median of the past, by the medians of blocks, as known at each sample."""
    whole = len(values) // BLOCK * BLOCK
    middles = pd.Series(np.median(values[:whole].reshape(-1, BLOCK), axis=1))
    known = middles.rolling(LONG // BLOCK, min_periods=1).median()
    steps = np.repeat(np.append(np.nan, known), BLOCK)[: len(values)]
    early = pd.Series(values[: 2 * BLOCK]).shift(1).expanding().median().to_numpy()
    steps[: len(early)] = early
    return np.asarray(steps)


def _lasting(errors: Array) -> Array:
    """What the last errors have in common: large where something lasts, small after one odd sample."""
    return pd.Series(errors).rolling(ROUGH, min_periods=ROUGH // 2).median().to_numpy()


def _same_time(values: Array, times: NDArray[np.datetime64], lags: tuple[int, ...]) -> Array:
    """Median of the samples at the same time of earlier days; NaN where there is none."""
    smooth = pd.Series(values).rolling(3, center=True, min_periods=1).median().to_numpy()
    found = []
    for days in lags:
        wanted = times - days * DAY
        place = np.searchsorted(times, wanted, side="right") - 1
        left = place.clip(min=0)
        # the neighbours lie close together, so that both lie before the sample
        close = (place >= 0) & (times[(left + 1) % len(times)] - times[left] <= COARSEST)
        found.append(np.where(close, smooth[left], np.nan))
    return _median_of(np.array(found))


def _median_of(rows: Array) -> Array:
    """Median over the first axis of what is known; NaN where nothing is."""
    ordered = np.sort(rows, axis=0)
    count = np.isfinite(ordered).sum(axis=0)
    columns = np.arange(rows.shape[1])
    low, high = ordered[(count - 1).clip(min=0) // 2, columns], ordered[count // 2 % len(rows), columns]
    return np.where(count > 0, (low + np.where(count == len(rows), ordered[len(rows) // 2], high)) / 2, np.nan)


def _roughness(values: Array) -> Array:
    """How much rougher or smoother the last samples are than usual, on a logarithmic scale."""
    moves = pd.Series(values).diff().abs()
    floor = moves.where(moves > 0).expanding().median().ffill().fillna(1.0) * 0.1
    rough = np.log(moves.rolling(ROUGH, min_periods=ROUGH // 2).median() + floor)
    return (rough - rough.shift(1).rolling(LONG, min_periods=ROUGH).mean()).to_numpy()


def _in_usual_errors(errors: Array) -> Array:
    """Errors in units of what this prediction erred by before, as known at each sample."""
    size = np.abs(errors)
    whole = len(size) // BLOCK * BLOCK
    blocks = np.sort(size[:whole].reshape(-1, BLOCK), axis=1)
    spread = np.fmax(MAD_TO_SIGMA * blocks[:, BLOCK // 2 - 1], NINETY_TO_SIGMA * blocks[:, int(BLOCK * 0.9)])
    recent = pd.Series(spread).rolling(BLOCKS_BACK, min_periods=1)
    usual = np.fmax(recent.median(), 0.5 * recent.quantile(0.9)).to_numpy()
    scale = np.repeat(np.append(np.nan, usual), BLOCK)[: len(size)]
    scale = np.append(scale, np.full(len(size) - len(scale), np.nan))
    early = pd.Series(size).shift(1).expanding(min_periods=1).mean().to_numpy() * 1.25
    scale = np.where(np.isfinite(scale), scale, early)
    floor = 0.2 * early + 1e-12
    checked = np.cumsum(np.isfinite(errors))
    trust = (checked - 1) / (checked + WARM_SAMPLES)
    return np.asarray(np.minimum(size / np.fmax(scale, floor), STRANGEST) * trust)


def _whole_errors(values: Array, times: NDArray[np.datetime64]) -> list[Array]:
    """Errors against what the whole series shows: its surroundings, its days, its long run."""
    table = pd.Series(values)
    near = table.rolling(2 * NEAR + 1, center=True, min_periods=1).median().to_numpy()
    far = values - np.median(values)
    around = pd.Series(far).rolling(2 * ROUGH + 1, center=True, min_periods=1).median().to_numpy()
    errors = [values - near, far, around, _roughness(values)]
    for lags in (DAYS_BACK, tuple(7 * week for week in WEEKS_BACK)):
        seasonal = _any_day(values, times, (*lags, *(-days for days in lags)))
        if np.isfinite(seasonal).any():
            left = pd.Series(values - seasonal)
            errors += [left.to_numpy(), left.rolling(2 * ROUGH + 1, center=True, min_periods=1).median().to_numpy()]
    rhythm = values - last_cycles(values, ahead=True)
    return [*errors, rhythm] if np.isfinite(rhythm).any() else errors


def _any_day(values: Array, times: NDArray[np.datetime64], lags: tuple[int, ...]) -> Array:
    """Median of the samples at the same time of the days around."""
    step = np.median(np.diff(times).astype("int64")).astype("timedelta64[ns]") if len(times) > 1 else DAY
    if step > COARSEST or times[-1] - times[0] < 2 * lags[0] * DAY:
        return np.full(len(values), np.nan)
    found = []
    for days in lags:
        wanted = times - days * DAY
        place = (np.searchsorted(times, wanted, side="right") - 1).clip(0)
        close = np.abs((wanted - times[place]).astype("int64")) < step.astype("int64")
        found.append(np.where(close, values[place], np.nan))
    return _median_of(np.array(found))


def _in_whole_errors(errors: Array) -> Array:
    """Errors in units of the usual error of the whole series."""
    size = np.abs(errors)
    known = size[np.isfinite(size)]
    if not len(known):
        return np.zeros(len(size))
    scale = max(MAD_TO_SIGMA * float(np.median(known)), NINETY_TO_SIGMA * float(np.quantile(known, 0.9)))
    scale = max(scale, 0.05 * float(known.mean()), 1e-12)
    return np.asarray(np.minimum(size / scale, STRANGEST))


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
