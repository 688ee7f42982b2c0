"""Where the headroom is going: the slope of its last straight stretch, and when it is used up at that pace."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm, theilslopes
from scipy.stats import t as student

from analysis.series.changepoints import PENALTY, last_stretch
from analysis.thresholds.correlation import inflation

FEWEST_DAYS = 10  # of a stretch; the slope of fewer says nothing about next month
FEWEST_INDEPENDENT = 4.0  # days that the stretch has to be worth; the slope of fewer leads to no date
BEND_PENALTY = 2.0  # of sigma² log n, by the square of what correlation costs: as for the days that are called changes
LONGEST_DAYS = 3650  # ahead; beyond ten years no date means anything
SURE = 0.95  # confidence of the slopes between which the true one lies (Sen 1968), were days independent
STRONGEST = 0.9  # correlation of neighbouring days that is believed


@dataclass(frozen=True)
class Trend:
    """The last straight stretch of a daily headroom.

    Attributes:
        since: its first day.
        until: its last day.
        middle: the day in its middle, where the level is known best, whatever the slope.
        level: headroom of that day, on the line.
        slope_per_day: Theil-Sen slope; negative is towards the threshold.
        steepest: lower end of its confidence interval, as wide as days that resemble their neighbours make it.
        flattest: upper end of it.
        independent_days: what its days are worth, as they resemble their neighbours.
    """

    since: datetime
    until: datetime
    middle: datetime
    level: float
    slope_per_day: float
    steepest: float
    flattest: float
    independent_days: float

    def reached_at(self, slope_per_day: float | None = None) -> datetime | None:
        """When the headroom is used up, not before its last day; None where the slope does not surely lead there."""
        slope = self.slope_per_day if slope_per_day is None else slope_per_day
        ahead = (self.until - self.middle) / timedelta(days=1)
        left = self.level + self.slope_per_day * ahead
        if not (self.flattest < 0 < left and slope < 0) or self.independent_days < FEWEST_INDEPENDENT:
            return None
        return max(self.until, self.middle + timedelta(days=min(self.level / -slope, LONGEST_DAYS)))


def trend_of(headroom: pd.Series, correlation: float = 0.0) -> Trend | None:
    """The last straight stretch of a daily headroom; None where it is too short.

    Correlated days show bends that are none, so a bend has to be worth the more the stronger they are.
    `benchmarks/drift.py` measures how often the dates hold.

    Args:
        headroom: by day, weekends brought to the level of working days; NaN where a day is not judged.
        correlation: of a day with the next, over all of them.
    """
    days = headroom.dropna()
    if len(days) < FEWEST_DAYS:
        return None
    cost = inflation(min(correlation, STRONGEST))
    penalty = max(PENALTY, BEND_PENALTY * cost / (1 - min(correlation, STRONGEST)))
    place = min(last_stretch(days.to_numpy(), shape="trend", penalty=penalty), len(days) - FEWEST_DAYS)
    part = days.iloc[place:]
    day = np.asarray((part.index - part.index[-1]) / pd.Timedelta(days=1))
    fitted = theilslopes(part.to_numpy(), day, alpha=SURE)
    rest = part.to_numpy() - fitted.slope * day
    middle = float(np.median(day))
    cost = max(cost, inflation(_correlation(rest))) if np.ptp(rest) > 0 else 1.0
    steepest, flattest = _wider(fitted, cost, len(part))
    return Trend(
        since=part.index[0].to_pydatetime(),
        until=part.index[-1].to_pydatetime(),
        middle=(part.index[-1] + pd.Timedelta(days=middle)).to_pydatetime(),
        level=float(np.median(rest)) + float(fitted.slope) * middle,
        slope_per_day=float(fitted.slope),
        steepest=steepest,
        flattest=flattest,
        independent_days=len(part) / cost,
    )


def _wider(fitted: Any, cost: float, count: int) -> tuple[float, float]:
    """The slopes between which the true one lies, days being worth fewer independent ones, and few of those."""
    degrees = max(FEWEST_INDEPENDENT, count / cost) - 2
    factor = np.sqrt(cost) * student.ppf((1 + SURE) / 2, degrees) / norm.ppf((1 + SURE) / 2)
    low, high = (fitted.slope + (end - fitted.slope) * factor for end in (fitted.low_slope, fitted.high_slope))
    return float(low), float(high)


def _correlation(residuals: NDArray[np.float64]) -> float:
    """Of neighbouring days about a line, with the bias taken out that the line brings into few days."""
    centred, count = residuals - residuals.mean(), len(residuals)
    found = float(centred[1:] @ centred[:-1]) / float(centred @ centred)
    return min(max((count * found + 2) / (count - 4), 0.0), STRONGEST)
