"""When a growing count reaches a limit, with an interval that is calibrated in a backtest.

The last stretch between change points carries the trend: what came before a new release says
little about what comes after it. `analysis.series.futures` simulates what may come of it, with its doubts.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.series.changepoints import change_points
from analysis.series.futures import CERTAIN_GROWTH, Path

LEAST_POINTS = 14  # two weeks of days: fewer cannot tell a weekly rhythm from growth
LEAST_STRETCH = 5  # points between two change points
STEP_BEFORE_ANY = 0.03  # size of a step where none was seen, as a share of the level
SHORT_STRETCH = 15  # points; a shorter last stretch borrows from the slope before it
WANDERS = 2.0  # variance of a walk over the stretch, by that of the noise, from which on the level wanders


@dataclass(frozen=True)
class Forecast:
    """When the limit is reached.

    Attributes:
        reached_at: the expected instant; None for "not within two years".
        early: the interval's first instant; None where not even the fastest growth gets there.
        late: its last instant; None for "after two years".
        trend: growth per day.
        reason: why `reached_at` is None, or ``already_reached``; else None.
        stretch_start: since when the present trend holds.
        level: share of cases that the interval covers.
    """

    level: float
    reached_at: datetime | None = None
    early: datetime | None = None
    late: datetime | None = None
    trend: float | None = None
    reason: str | None = None
    stretch_start: datetime | None = None


def forecast(history: pd.Series, limit: float, level: float = 0.8) -> Forecast:
    """Forecast the first instant at which a count reaches a limit.

    Args:
        history: counts by time (UTC, regular step), NaN where nothing is known.
        limit: what must not be reached.
        level: share of cases that the interval covers.
    """
    known = history.dropna()
    if len(known) < LEAST_POINTS:
        return Forecast(level, reason="too_little_data")
    values, now = known.to_numpy("float64"), known.index[-1].to_pydatetime()
    days = (known.index - known.index[0]) / pd.Timedelta(days=1)
    if values[-1] >= limit:
        return Forecast(level, now, now, now, _trend_only(days.to_numpy(), values), "already_reached")
    path = fit_path(days.to_numpy(), values)
    tail = (1 - level) / 2
    first = path.passages(limit)
    early, middle, late = (_date(now, first, quantile) for quantile in (tail, 0.5, 1 - tail))
    grows = path.slope > CERTAIN_GROWTH * path.slope_error or path.grows_by_steps
    reached = middle if grows else None
    reason = None if reached else ("beyond_two_years" if grows else "no_growth")
    since = known.index[path.start].to_pydatetime()
    return Forecast(level, reached, early, late, path.slope, reason, since)


class _Fit(NamedTuple):
    slope: float
    error: float
    level: float
    noise: float
    carried: float
    wander: float


def fit_path(days: NDArray[np.float64], values: NDArray[np.float64]) -> Path:
    """Fit the last stretch, and learn from the earlier ones how often steps come.

    Args:
        days: shape (n,), increasing.
        values: shape (n,).
    """
    places = change_points(values, shape="trend", min_size=LEAST_STRETCH, resolution=1.0)
    edges = [0, *places, len(values)]
    fits = [_fit(days[a:b], values[a:b]) for a, b in pairwise(edges)]
    last = fits[-1]
    slope, error, level = last.slope, last.error, last.level
    if len(fits) > 1 and len(values) - edges[-2] < SHORT_STRETCH:
        slope, error = _with_earlier(last, fits[-2])
        level = float(values[edges[-2] :].mean() + slope * (days[-1] - days[edges[-2] :].mean()))
    steps = _steps(days, values, edges, fits)
    size = float(np.sqrt(np.mean(np.square(steps)))) if steps else STEP_BEFORE_ANY * abs(level)
    span = float(days[-1] - days[0])
    freedom = len(values) - edges[-2] - 2
    ends = np.array(edges[1:]) - 1
    lengths = days[ends] - days[edges[:-1]]
    return Path(
        edges[-2],
        level,
        last.noise * np.sqrt(4 / max(4, freedom)),
        slope,
        error,
        freedom,
        last.noise,
        last.carried,
        last.wander,
        np.array([fit.slope for fit in fits]),
        lengths,
        _acceleration((days[edges[:-1]] + days[ends]) / 2, lengths, np.array([fit.slope for fit in fits])),
        tuple(steps),
        size,
        span,
    )


def _acceleration(mids: NDArray[np.float64], lengths: NDArray[np.float64], slopes: NDArray[np.float64]) -> float:
    """Relative change of the slope per day, by a line through the slopes of the stretches; 0 where it says nothing.

    Args:
        mids: middle of each stretch, in days; shape (stretches,).
        lengths: days of each.
        slopes: growth per day of each.
    """
    usual = float(np.average(slopes, weights=lengths))
    if len(slopes) < 2 or min(usual, slopes[-1]) <= 0:
        return 0.0
    apart = mids - np.average(mids, weights=lengths)
    return float((lengths * apart) @ slopes / ((lengths * apart) @ apart) / max(usual, float(slopes[-1])))


def _fit(days: NDArray[np.float64], values: NDArray[np.float64]) -> _Fit:
    """Slope, its error, the level at the end, and what moves around them."""
    n, span = len(values), days[-1] - days[0]
    centred = days - days.mean()
    slope = float(centred @ (values - values.mean()) / (centred @ centred))
    left = values - values.mean() - slope * centred
    wander = _wander(days, left)
    noise = float(np.sqrt(left @ left / max(1, n - 2)))
    carried = float(np.clip(left[1:] @ left[:-1] / max(left @ left, 1e-12) + 2 / n, 0, 0.9))
    white = noise**2 * (1 + carried) / (1 - carried)
    level = float(values.mean() + slope * (days[-1] - days.mean()))
    error = np.sqrt(white / (centred @ centred))
    if wander * span > WANDERS * noise**2:
        # least squares on a random walk: its slope errs by 6/5 of the walk's variance over the span,
        # and where the level is now counts more than where the line is
        level, noise, carried = float(values[-1]), 0.0, 0.0
        error = np.sqrt(1.2 * wander / span)
    else:
        wander = 0.0
    return _Fit(slope, max(float(error), 1.0 / (np.sqrt(n) * span)), level, noise, carried, wander)


def _wander(days: NDArray[np.float64], left: NDArray[np.float64]) -> float:
    """Variance per day of a wandering level, from differences at two lags."""
    step = float(np.median(np.diff(days)))
    near, far = 2, max(3, len(left) // 4)
    variances = [float(np.mean(np.square(left[lag:] - left[:-lag]))) for lag in (near, far)]
    return max(0.0, (variances[1] - variances[0]) / ((far - near) * step))


def _with_earlier(last: _Fit, before: _Fit) -> tuple[float, float]:
    """Combine the slope of a short last stretch with the one before it, as far as they agree."""
    doubt = before.error**2 + (last.slope - before.slope) ** 2 / 2
    weight = last.error**2 / (last.error**2 + doubt)
    slope = (1 - weight) * last.slope + weight * before.slope
    return slope, float(np.sqrt(1 / (1 / last.error**2 + 1 / doubt)))


def _steps(days: NDArray[np.float64], values: NDArray[np.float64], edges: list[int], fits: list[_Fit]) -> list[float]:
    """How far the level jumped at each change point."""
    return [
        float(np.mean(values[at : at + 3]) - fits[i].level - fits[i].slope * (days[at] - days[at - 1]))
        for i, at in enumerate(edges[1:-1])
    ]


def _date(now: datetime, passages: NDArray[np.float64], quantile: float) -> datetime | None:
    days = float(np.quantile(passages, quantile, method="inverted_cdf"))
    return now + timedelta(days=days) if np.isfinite(days) else None


def _trend_only(days: NDArray[np.float64], values: NDArray[np.float64]) -> float:
    return fit_path(days, values).slope
