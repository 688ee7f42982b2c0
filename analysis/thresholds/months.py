"""One rule month by month: how often its condition was true, and how far it stayed from its threshold."""

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from analysis.series.changepoints import Shape, change_points, lack_of_fit, noise_level
from analysis.thresholds.collect import RuleSamples
from analysis.thresholds.correlation import inflation
from analysis.thresholds.documents import ChangePoint, DriftMonth
from analysis.thresholds.drift import levelled
from analysis.thresholds.trend import FEWEST_DAYS
from analysis.thresholds.watched import Watched
from analysis.window import Window, unix_ms

RARE_SHARE = 0.1  # of the differences from day to day, the largest: what comes more often is habit
NEIGHBOURS, OUTLIER = 5, 3.0  # days of a running median, and spreads from it beyond which a day is an outlier
MAD_TO_SIGMA = 1.4826  # of a normal distribution
CHANGE_PENALTY = 2.0  # of sigma² log n, chosen on the seeds from 30 000 on of benchmarks/drift.py, which measures it


def months_of(
    samples: RuleSamples,
    seen_ms: NDArray[np.int64],
    watched: Watched | None,
    headroom: pd.Series | None,
    firings: pd.DataFrame,
    history: Window,
    timezone: str,
) -> list[DriftMonth]:
    """The numbers of every calendar month that the history reaches into, in order.

    Args:
        samples: what the rule saw.
        seen_ms: slots at which there was anything to judge.
        watched: what its headroom is measured on; None where it has no threshold.
        headroom: daily headroom; None where the rule has no threshold.
        firings: alerts of the history, as `firings` gives them.
        history: the months before and the window.
        timezone: of the months.
    """
    slots = samples.decoded.frame.index
    slots_ms = slots.as_unit("ms").asi8
    inside = (slots_ms >= unix_ms(history.start)) & (slots_ms < unix_ms(history.end))
    table = pd.DataFrame(
        {"seen": np.isin(slots_ms, seen_ms), "true": samples.alerting().any(axis=1), "worst": np.nan}, index=slots
    )
    if watched is not None:
        table["worst"] = watched.nearest
    table = table[inside]
    interval = samples.grid.interval
    daily = pd.Series(dtype="float64") if headroom is None else headroom
    return [
        _month(str(month), part, interval, _of_month(daily, month), int((_months(started, timezone) == month).sum()))
        for started in [pd.DatetimeIndex(firings["start"])]
        for month, part in table.groupby(_months(table.index, timezone))
    ]


def _month(month: str, part: pd.DataFrame, interval: timedelta, daily: pd.Series, alerts: int) -> DriftMonth:
    seen, true = int(part["seen"].sum()), int((part["true"] & part["seen"]).sum())
    spread = spread_of(part["worst"])
    headroom = _known(float(daily.median())) if len(daily) else None
    return DriftMonth(
        month=month,
        days=seen * (interval / timedelta(days=1)),
        exceedance_share=true / seen if seen else None,
        exceedance_minutes=true * (interval / timedelta(minutes=1)),
        alerts=alerts,
        headroom=headroom,
        spread=spread,
        headroom_in_spreads=headroom / spread if spread and headroom is not None else None,
    )


def _months(index: pd.DatetimeIndex, timezone: str) -> pd.PeriodIndex:
    return index.tz_convert(timezone).tz_localize(None).to_period("M")


def _of_month(daily: pd.Series, month: pd.Period) -> pd.Series:
    return daily if daily.empty else daily[daily.index.tz_localize(None).to_period("M") == month]


def spread_of(values: pd.Series) -> float | None:
    """Robust standard deviation; None without values."""
    known = values.dropna()
    return None if known.empty else _known(MAD_TO_SIGMA * float((known - known.median()).abs().median()))


def _known(value: float) -> float | None:
    return value if np.isfinite(value) else None


def changes_of(headroom: pd.Series, correlation: float) -> list[ChangePoint]:
    """Days on which the headroom took another level or slope, weekends brought to the level of working days.

    Levels are found on normal scores of the ranks, so that no single bad day and no skewed habit makes a change.
    A slope looks like a flight of steps: where straight lines explain the days with less, their bends are the changes.

    Args:
        headroom: daily headroom, NaN where a day is not judged.
        correlation: of a day with the next; NaN where there are too few days to say.
    """
    days = headroom.dropna()
    if not np.isfinite(correlation) or days.empty:
        return []
    level = levelled(days)
    scores = norm.ppf((level.rank() - 0.5) / len(level))
    # Correlated days wander, and their differences hide how far: a change has to be worth more.
    worth = CHANGE_PENALTY * inflation(correlation) / (1 - correlation)
    places = change_points(scores, penalty=worth, noise=_habit(scores))
    if places:
        places = _simpler(level, places, worth)
    return [_change(level, *edges) for edges in _stretches(places, len(level))]


def _habit(values: NDArray[np.float64]) -> float:
    """Noise level of days of which most are equal: what the others do every week is no change either."""
    steps = np.sort(np.abs(np.diff(values)))[: int(len(values) * (1 - RARE_SHARE))]
    return float(np.sqrt((steps**2).mean() / 2)) if len(steps) else 0.0


def _simpler(level: pd.Series, steps: list[int], worth: float) -> list[int]:
    """The steps, or the bends of straight lines, whichever explain the days with fewer numbers."""
    tamed = _tamed(level)
    bends = change_points(tamed, shape="trend", min_size=FEWEST_DAYS, penalty=worth)
    sigma = max(noise_level(tamed), _habit(tamed), 1e-9 * float(np.ptp(tamed)) + 1e-300)
    price = worth / 2 * sigma**2 * np.log(len(tamed))
    shapes: list[tuple[list[int], Shape]] = [(steps, "level"), (bends, "trend")]
    fits = [lack_of_fit(tamed, places, shape) for places, shape in shapes]
    costs = [left + price * numbers for left, numbers in fits]
    return bends if costs[1] < costs[0] else steps


def _tamed(level: pd.Series) -> NDArray[np.float64]:
    """Days with outliers brought near to their neighbours."""
    neighbours = level.rolling(NEIGHBOURS, center=True, min_periods=1).median()
    apart = level - neighbours
    reach = OUTLIER * max(spread_of(apart) or 0.0, _habit(level.to_numpy()))
    return np.asarray(neighbours + apart.clip(-reach, reach), dtype="float64")


def _stretches(places: Sequence[int], count: int) -> list[tuple[int, int, int]]:
    edges = [0, *places, count]
    return list(zip(edges[:-2], edges[1:-1], edges[2:], strict=True))


def _change(level: pd.Series, start: int, place: int, end: int) -> ChangePoint:
    before, after = float(level.iloc[start:place].median()), float(level.iloc[place:end].median())
    return ChangePoint(at=level.index[place].to_pydatetime(), before=before, after=after)
