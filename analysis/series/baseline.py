"""What this hour of the week usually brings: a robust seasonal baseline for counts.

Expected count = level of the day x shape of the hour of the week. Medians over weeks keep past
attacks out; what an earlier pass flagged is left out altogether. Days without the weekly rhythm
(holidays) take the shape of the weekday that fits them best.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]
SLOTS_PER_DAY = 24  # an hour is as fine as a few weeks of data can tell
LEVEL_DAYS = 7  # the level of a day is the median of the week around it
SHRINK_WEEKS = 1.0  # weight of the day-type's mean profile against a weekday's own, in weeks of data
SPARSE = 5.0  # counts an hour below which a median is too coarse
REST_PENALTY = 1.15  # how much better another day's shape must fit before it is taken


@dataclass(frozen=True)
class Baseline:
    """Expected counts and how they scatter.

    Attributes:
        expected: expected count per step.
        dispersion: variance of a count over its expectation at small counts (1 = Poisson).
        noise: relative standard deviation that remains at large counts.
    """

    expected: pd.Series
    dispersion: float
    noise: float

    def deviation(self) -> pd.Series:
        """Standard deviation of each count around its expectation."""
        return np.sqrt(self.dispersion * self.expected + (self.noise * self.expected) ** 2 + 0.25)


def seasonal(counts: pd.Series, timezone: str, valid: pd.Series | None = None) -> Baseline:
    """Fit a baseline to counts per step.

    Args:
        counts: regular UTC index; NaN where there is no count.
        timezone: IANA zone whose hours and weekdays shape the load.
        valid: False where a count must not feed the baseline (flagged, or not trusted).
    """
    clean = counts if valid is None else counts.where(valid)
    local = counts.index.tz_convert(timezone)
    hour = local.hour.to_numpy()
    day = local.normalize()
    hourly = _hourly_means(clean, day, hour)
    profile = _weekly_profile(hourly)
    chosen = _fitted_days(hourly, profile)
    level = _levels(hourly, chosen)
    per_day = chosen.mul(level, axis=0)
    expected = pd.Series(_interpolated(per_day, local), index=counts.index).clip(lower=1e-6)
    return Baseline(expected, *_scatter(clean, expected))


def _hourly_means(counts: pd.Series, day: pd.DatetimeIndex, hour: NDArray[np.int64]) -> pd.DataFrame:
    table = counts.groupby([day, hour]).mean().unstack()  # noqa: PD010 - a pivot of two arrays
    return table.reindex(columns=range(SLOTS_PER_DAY))


def _weekly_profile(hourly: pd.DataFrame) -> pd.DataFrame:
    """Typical day per weekday, drawn towards that of all working days or all days of rest."""
    smooth = _daily_scale(hourly)
    relative = hourly.div(smooth.replace(0, np.nan), axis=0)
    sparse = float(np.nanmean(hourly.to_numpy())) < SPARSE if hourly.notna().to_numpy().any() else True
    weekday = relative.index.day_of_week
    kinds = np.where(weekday < 5, "work", "rest")
    means = {kind: _middle(relative[kinds == kind], sparse) for kind in ("work", "rest")}
    everything = _middle(relative, sparse).fillna(1.0)
    rows = {}
    for number in range(7):
        mine = relative[weekday == number]
        weeks = len(mine.dropna(how="all"))
        common = means[kind_of(number)].fillna(everything)
        own = _middle(mine, sparse).fillna(common)
        rows[number] = (weeks * own + SHRINK_WEEKS * common) / (weeks + SHRINK_WEEKS)
    return pd.DataFrame(rows).T


def _daily_scale(hourly: pd.DataFrame) -> pd.Series:
    """Typical size of the days around each day; zero where most of them are empty."""
    return hourly.mean(axis=1).rolling(LEVEL_DAYS, center=True, min_periods=1).median()


def _middle(days: pd.DataFrame, sparse: bool) -> pd.Series:
    """Typical value of each hour: the median, which is zero for small counts, so their mean without the largest."""
    if not len(days):
        return pd.Series(np.nan, index=days.columns)
    return days.clip(upper=days.quantile(0.95), axis=1).mean() if sparse else days.median()


def kind_of(weekday: int) -> str:
    """``work`` from Monday to Friday, ``rest`` on the other days."""
    return "work" if weekday < 5 else "rest"


def _fitted_days(hourly: pd.DataFrame, profile: pd.DataFrame) -> pd.DataFrame:
    """The shape of every day: its weekday's, or Sunday's where the day fits that clearly better."""
    own = profile.loc[hourly.index.day_of_week].set_axis(hourly.index)
    rest = pd.DataFrame(np.tile(profile.loc[6], (len(hourly), 1)), index=hourly.index, columns=profile.columns)
    smooth = _daily_scale(hourly)

    def misfit(shape: pd.DataFrame) -> pd.Series:
        difference = hourly.sub(shape.mul(smooth, axis=0))
        return difference.abs().sum(axis=1, min_count=SLOTS_PER_DAY // 2)

    resting = misfit(own) > REST_PENALTY * misfit(rest)
    return own.where(~resting, rest)


def _levels(hourly: pd.DataFrame, shape: pd.DataFrame) -> pd.Series:
    """Level of each day, from the week around it, so that no single day sets its own."""
    ratio = hourly.sum(axis=1, min_count=1) / shape.where(hourly.notna()).sum(axis=1).replace(0, np.nan)
    level = ratio.rolling(LEVEL_DAYS, center=True, min_periods=1).median()
    return level.interpolate(limit_direction="both").fillna(0.0)


def _interpolated(per_day: pd.DataFrame, local: pd.DatetimeIndex) -> Array:
    """From hourly means to any instant: straight lines between the middles of the hours."""
    flat = per_day.to_numpy().ravel()
    first = per_day.index[0]
    days = (local.normalize().tz_localize(None) - first.tz_localize(None)) // pd.Timedelta(days=1)
    hours = days.to_numpy() * SLOTS_PER_DAY + local.hour.to_numpy() + local.minute.to_numpy() / 60
    return np.interp(hours, np.arange(len(flat)) + 0.5, np.nan_to_num(flat))


def _scatter(counts: pd.Series, expected: pd.Series) -> tuple[float, float]:
    """Dispersion and relative noise from robust residuals: variance = dispersion x mean + (noise x mean)^2."""
    ratio = ((counts - expected) ** 2 / expected).to_numpy()
    mean = expected.to_numpy()
    usable = np.isfinite(ratio)
    if usable.sum() < SLOTS_PER_DAY:
        return 1.5, 0.1
    edges = np.quantile(mean[usable], np.linspace(0, 1, 9))
    bins = np.clip(np.searchsorted(edges, mean[usable]) - 1, 0, 7)
    table = pd.DataFrame({"bin": bins, "ratio": ratio[usable], "mean": mean[usable]}).groupby("bin").median()
    variance_ratio = table["ratio"] / CHI_SQUARE_MEDIAN  # the median of a squared normal is 0.455 of its variance
    if table["mean"].max() > 3 * table["mean"].min() + 1:
        slope, base = np.polyfit(table["mean"], variance_ratio, 1)
    else:
        slope, base = 0.0, float(variance_ratio.median())
    return float(np.clip(base, 1.0, 10.0)), float(np.sqrt(np.clip(slope, 0.0, 0.25)))


CHI_SQUARE_MEDIAN = 0.4549
