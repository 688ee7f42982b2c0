"""When a growing count reaches a limit, with an interval that is calibrated in a backtest.

The last stretch between change points carries the trend: what came before a new release says
little about what comes after it. The interval knows five kinds of doubt: noise around the
trend, the slope itself, a slope that changes, a wandering level, and steps as they were seen before.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import signal

from analysis.series.changepoints import change_points

HORIZON = timedelta(days=730)  # a date more than two years away helps nobody
LEAST_POINTS = 14  # two weeks of days: fewer cannot tell a weekly rhythm from growth
LEAST_STRETCH = 5  # points between two change points
# Widens or narrows the interval's quantile so that the backtest covers what is promised;
# tuned, with the bends below, on seeds 0 to 1599 of `analysis.datasets.growth`, judged on others.
CALIBRATION = 0.8
# Slopes below this many of their standard errors are not growth.
CERTAIN_GROWTH = 1.0
STEPS_BEFORE_ANY = 0.3  # how many steps are taken as seen where none was: absence is weak evidence
STEP_BEFORE_ANY = 0.03  # their size, as a share of the level
# Slopes change: by this share of the slope over BEND_DAYS, even where none was seen to change.
BEND_BEFORE_ANY = 0.3
BEND_DAYS = 180.0
BEND_SEEN = 0.05  # part of the changes between stretches that is believed: most are a level that wanders
SHORT_STRETCH = 15  # points; a shorter last stretch borrows from the slope before it
WANDERS = 2.0  # variance of a walk over the stretch, by that of the noise, from which on the level wanders
FUTURES = 300  # simulated; enough that the ends of the interval move little between seeds


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


@dataclass(frozen=True)
class Path:
    """The present trend and its doubts; times in days, counted from the last point.

    Attributes:
        start: place of the first point of the last stretch.
        level: the trend's value now.
        level_error: standard error of the level.
        slope: growth per day.
        slope_error: standard error of the slope.
        freedom: degrees of freedom of the slope.
        noise: standard deviation around the trend.
        carried: how much of the noise is carried over from day to day, 0 to 1.
        wander: variance per day of a level that wanders.
        bend: variance per day of a slope that changes.
        steps: sizes of the steps that were seen.
        step_size: standard deviation of a step of another size.
        span: days of the history.
    """

    start: int
    level: float
    level_error: float
    slope: float
    slope_error: float
    freedom: int
    noise: float
    carried: float
    wander: float
    bend: float
    steps: tuple[float, ...]
    step_size: float
    span: float

    @property
    def grows_by_steps(self) -> bool:
        """Whether several steps went up, as a server's do that grows with every release."""
        return len(self.steps) > 1 and sum(self.steps) > CERTAIN_GROWTH * float(np.linalg.norm(self.steps))

    def passages(self, limit: float) -> NDArray[np.float64]:
        """Days until the limit is first reached, in each of many simulated futures; infinite for never.

        Reaching a limit is a matter of the highest point so far, noise included, for which no
        formula holds with all these doubts; the futures are the same in every run.
        """
        rng = np.random.default_rng(FUTURES)
        days = np.arange(1, HORIZON // timedelta(days=1) + 1, dtype="float64")
        shape = (FUTURES, len(days))
        slopes = self.slope + CALIBRATION * self.slope_error * rng.standard_t(max(3, self.freedom), (FUTURES, 1))
        start = self.level + CALIBRATION * self.level_error * rng.standard_normal((FUTURES, 1))
        moves = np.sqrt(self.wander) * rng.standard_normal(shape, dtype="float32")
        turns = np.cumsum(np.sqrt(self.bend) * rng.standard_normal(shape, dtype="float32"), axis=1)
        moves = CALIBRATION * moves + turns + self._future_steps(rng, shape)
        fresh = np.sqrt(1 - self.carried**2) * self.noise * rng.standard_normal(shape, dtype="float32")
        around = signal.lfilter([1.0], [1.0, -self.carried], fresh, axis=1)
        values = start + slopes * days + np.cumsum(moves, axis=1) + around
        over = values >= limit
        return np.where(over.any(axis=1), over.argmax(axis=1) + 1.0, np.inf)

    def _future_steps(self, rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
        """Steps as they were seen, and others: how often and how large they are is itself in doubt."""
        seen = len(self.steps)
        rates = rng.gamma(seen + STEPS_BEFORE_ANY, 1 / self.span, (shape[0], 1))
        sizes = self.step_size * rng.standard_normal(shape)
        if seen:
            again = rng.random(shape) < seen / (seen + 1)
            sizes = np.where(again, rng.choice(self.steps, shape), sizes)
        return sizes * (rng.random(shape) < rates)


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
        _bend(fits, max(abs(slope), error), span),
        tuple(steps),
        size,
        span,
    )


def _bend(fits: list[_Fit], scale: float, span: float) -> float:
    """Variance per day of the slope: as it changed between the stretches, and as growth changes anywhere."""
    changes = [max(0.0, (b.slope - a.slope) ** 2 - a.error**2 - b.error**2) for a, b in pairwise(fits)]
    return (BEND_SEEN * sum(changes) + (BEND_BEFORE_ANY * scale) ** 2) / (span + BEND_DAYS)


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
