"""When a growing count reaches a limit, with an interval that is calibrated in a backtest.

The last stretch between change points carries the trend: what came before a new release says
little about what comes after it. The interval knows four kinds of doubt: noise around the
trend, the slope itself, a wandering level, and steps as they were seen before.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from analysis.series.changepoints import change_points, noise_level

HORIZON = timedelta(days=730)  # a date more than two years away helps nobody
LEAST_POINTS = 14  # two weeks of days: fewer cannot tell a weekly rhythm from growth
LEAST_STRETCH = 5  # points between two change points
# Widens or narrows the interval's quantile so that the backtest covers what is promised;
# tuned on seeds 0 to 1999 of `analysis.datasets.growth`, judged on others.
CALIBRATION = 1.0
# Slopes below this many of their standard errors are not growth.
CERTAIN_GROWTH = 1.0
_STEPS_BEFORE_ANY = 0.3  # how many steps are taken as seen where none was: absence is weak evidence


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
    ahead = np.arange(0.25, HORIZON / timedelta(days=1) + 0.25, 0.25)
    z = float(stats.norm.ppf((1 + level) / 2)) * CALIBRATION
    spread = z * path.spread(ahead)
    middle = path.level + path.slope * ahead
    dates = [_first(ahead, way >= limit, now) for way in (middle + spread, middle, middle - spread)]
    grows = path.slope > CERTAIN_GROWTH * path.slope_error
    reached = dates[1] if grows else None
    reason = None if reached else ("beyond_two_years" if grows else "no_growth")
    since = known.index[path.start].to_pydatetime()
    return Forecast(level, reached, dates[0], dates[2], path.slope, reason, since)


@dataclass(frozen=True)
class Path:
    """The present trend and its doubts; times in days, counted from the last point.

    Attributes:
        start: place of the first point of the last stretch.
        level: the trend's value now.
        slope: growth per day.
        slope_error: standard error of the slope.
        noise: standard deviation around the trend.
        wander: variance per day of a level that wanders, steps included.
    """

    start: int
    level: float
    slope: float
    slope_error: float
    noise: float
    wander: float

    def spread(self, ahead: NDArray[np.float64]) -> NDArray[np.float64]:
        """Standard deviation of the value so many days ahead."""
        return np.sqrt(self.noise**2 + (self.slope_error * ahead) ** 2 + self.wander * ahead)


def fit_path(days: NDArray[np.float64], values: NDArray[np.float64]) -> Path:
    """Fit the last stretch, and learn from the earlier ones how often steps come.

    Args:
        days: shape (n,), increasing.
        values: shape (n,).
    """
    places = change_points(values, shape="trend", min_size=LEAST_STRETCH, resolution=1.0)
    edges = [0, *places, len(values)]
    fits = [_fit(days[a:b], values[a:b]) for a, b in pairwise(edges)]
    slope, error, level, noise, wander = fits[-1]
    if len(fits) > 1 and edges[-1] - edges[-2] < 3 * LEAST_STRETCH:
        slope, error = _with_earlier(slope, error, fits[-2][0], fits[-2][1])
        middle = (days[edges[-2] :] - days[-1]).mean()
        level = float(values[edges[-2] :].mean() - slope * middle)
    span = days[-1] - days[0]
    steps = _steps(days, values, edges, fits)
    jump = float(np.mean(np.square(steps))) if steps else (noise + 1e-9) ** 2
    rate = (len(steps) or _STEPS_BEFORE_ANY) / span
    return Path(edges[-2], level, slope, error, noise, wander + rate * jump)


Fit = tuple[float, float, float, float, float]


def _fit(days: NDArray[np.float64], values: NDArray[np.float64]) -> Fit:
    """Slope, its error, the level at the end, noise, and variance per day of a wandering level."""
    n = len(values)
    centred = days - days.mean()
    slope = float(centred @ (values - values.mean()) / (centred @ centred))
    left = values - values.mean() - slope * centred
    noise = float(np.sqrt(left @ left / max(1, n - 2)))
    wander, white = _wander(days, left)
    span = days[-1] - days[0]
    # least squares on a random walk: its slope errs by 6/5 of the walk's variance over the span
    error = float(np.sqrt(white / (centred @ centred) + 1.2 * wander / span))
    level = float(values.mean() + slope * (days[-1] - days.mean()))
    if wander * span > 4 * white:  # the level wanders: where it is now counts more than where the line is
        level = float(values[-1])
    return slope, max(error, 1.0 / (np.sqrt(n) * span)), level, noise, wander


def _wander(days: NDArray[np.float64], left: NDArray[np.float64]) -> tuple[float, float]:
    """Variance per day of a wandering level, and of white noise, from differences at two lags."""
    step = float(np.median(np.diff(days)))
    far = max(2, len(left) // 4)
    near_variance = float(np.mean(np.square(left[1:] - left[:-1])))
    far_variance = float(np.mean(np.square(left[far:] - left[:-far])))
    wander = max(0.0, (far_variance - near_variance) / ((far - 1) * step))
    return wander, max(near_variance - wander * step, 1e-12) / 2


def _with_earlier(slope: float, error: float, before: float, before_error: float) -> tuple[float, float]:
    """Combine the slope of a short last stretch with the one before it, as far as they agree."""
    doubt = before_error**2 + (slope - before) ** 2 / 2
    weight = error**2 / (error**2 + doubt)
    return (1 - weight) * slope + weight * before, float(np.sqrt(1 / (1 / error**2 + 1 / doubt)))


def _steps(days: NDArray[np.float64], values: NDArray[np.float64], edges: list[int], fits: list[Fit]) -> list[float]:
    """How far the level jumped at each change point."""
    return [
        float(np.mean(values[at : at + 3]) - fits[i][2] - fits[i][0] * (days[at] - days[at - 1]))
        for i, at in enumerate(edges[1:-1])
    ]


def _first(ahead: NDArray[np.float64], over: NDArray[np.bool_], now: datetime) -> datetime | None:
    places = np.flatnonzero(over)
    return now + timedelta(days=float(ahead[places[0]])) if len(places) else None


def _trend_only(days: NDArray[np.float64], values: NDArray[np.float64]) -> float:
    return fit_path(days, values).slope


__all__ = ["Forecast", "forecast", "noise_level"]
