"""Does this month differ from the months before? An honest test over days.

Samples of a series are autocorrelated, so days are what is resampled, in blocks of consecutive
days of one kind (working days and others apart), after Künsch (1989), "The jackknife and the
bootstrap for general stationary observations". Days are correlated too, and a month holds too few
blocks to show how strongly, so the resampled error is widened to what days with the measured
correlation from one to the next would have (Wilks 1997, "Resampling hypothesis tests for
autocorrelated fields"). That correlation is itself in doubt: the p-value is the mean over all it may be.
A second test looks for a path through the month (a step, a slope) about which days differ little.
Over many rules the false discovery rate is held, after Benjamini and Hochberg (1995).
`benchmarks/drift.py` measures what the test promises.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import f as fisher
from scipy.stats import false_discovery_control
from scipy.stats import t as student

from analysis.thresholds.correlation import correlation_of, inflation
from analysis.thresholds.trend import Trend, trend_of

BLOCK_DAYS = 3  # longer than a busy spell, short enough that a month holds several blocks
KINDS = 2  # of days: working days and others, each with a level of its own
SMALLEST_SHARE = 0.25  # of the variance inside blocks that is believed even where the month is too short for it
ROUNDING = 1e-9  # squared ranks below this are a straight line
FEWEST_DEGREES = 2.0  # of freedom; with fewer nothing could ever be shown
LEVEL_SHARE = 0.8  # of the false alarms that are allowed: the rest are the path's, which shows itself plainly
FAR = 3.0  # robust standard deviations; days farther out are incidents
SIZE, POWER = 0.05, 0.8  # what the smallest detectable shift refers to
SEED = 20240229  # resampling must give the same answer to the same data


@dataclass(frozen=True)
class Shift:
    """How a month's daily headroom differs from before.

    Attributes:
        before: median of the daily headroom in the months before, in the rule's units.
        now: median in the month.
        spread: robust standard deviation of the days before.
        p_value: two-sided; None where there is too little data.
        smallest_detectable: the smallest change that this much data would show in four of five cases.
        correlation: of the headroom of one day with that of the next.
        days_before: days with data before the month.
        days_now: days with data in it.
        trend: where the headroom was going last; None where there are too few days.
    """

    before: float
    now: float
    spread: float
    p_value: float | None
    smallest_detectable: float
    days_before: int
    days_now: int
    correlation: float = 0.0
    trend: Trend | None = None

    @property
    def change(self) -> float:
        """Headroom won (positive) or lost (negative)."""
        return self.now - self.before


def shift_of(headroom: pd.Series, month_start: pd.Timestamp, minimum_days: int, resamples: int) -> Shift:
    """Compare the days from `month_start` on with those before it.

    Args:
        headroom: daily headroom, NaN where a day is not judged.
        month_start: first day of the month under review.
        minimum_days: days that either side needs for a test.
        resamples: how often days are resampled.
    """
    days = headroom.dropna()
    before, now = days[days.index < month_start], days[days.index >= month_start]
    enough = min(len(before), len(now)) >= minimum_days
    middle = float(now.median() - before.median()) if len(before) and len(now) else np.nan
    tested = _tested(before, now, resamples) if enough else None
    spread = float(1.4826 * (before - before.median()).abs().median()) if len(before) else np.nan
    return Shift(
        before=float(before.median()) if len(before) else np.nan,
        now=float(now.median()) if len(now) else np.nan,
        spread=spread,
        p_value=tested.p_value if tested and np.isfinite(middle) else None,
        smallest_detectable=tested.smallest_detectable if tested else np.nan,
        days_before=len(before),
        days_now=len(now),
        correlation=tested.correlation if tested else np.nan,
        trend=trend_of(levelled(days), tested.correlation) if tested else None,
    )


@dataclass(frozen=True)
class _Tested:
    p_value: float
    smallest_detectable: float
    correlation: float


def _tested(before: pd.Series, now: pd.Series, resamples: int) -> _Tested:
    """Two-sided test of the medians, weekends brought to the level of working days."""
    halves = _levelled(before, now)
    difference = abs(float(halves[1].median() - halves[0].median()))
    resampled = float(np.std(_resampled(halves, resamples)))
    correlation = correlation_of(halves)
    if resampled <= 0:
        return _Tested(1.0 if difference == 0 else 1 / resamples, 0.0, correlation.cautious)
    possible, likely = correlation.possible()
    tests = np.array([_test(halves, difference, resampled, float(one)) for one in possible])
    level, path, reach = likely @ tests
    p_value = min(1.0, level / LEVEL_SHARE, path / (1 - LEVEL_SHARE))
    return _Tested(float(p_value), float(reach), correlation.cautious)


def _test(
    halves: Sequence[pd.Series], difference: float, resampled: float, correlation: float
) -> tuple[float, float, float]:
    """P-values of the level and of the path, and the smallest shift that shows, were this the correlation."""
    lengths = np.array([len(half) for half in halves])
    error = resampled * _widening(correlation, lengths)
    degrees = max(FEWEST_DEGREES, float((lengths / inflation(correlation)).sum()) - 2)
    level = 2 * float(student.sf(difference / error, degrees))
    path = _path_test(halves, correlation, max(FEWEST_DEGREES, degrees - 1))  # it has one number more
    reach = float(student.ppf(1 - LEVEL_SHARE * SIZE / 2, degrees) + student.ppf(POWER, degrees))
    return level, path, reach * error


def _path_test(halves: Sequence[pd.Series], correlation: float, degrees: float) -> float:
    """P-value of a step at the month's beginning and a slope in it, together, in correlated days.

    A month that moves all the time has days that differ widely, which resampled medians take for noise; about
    the path itself they differ little. Least squares, the errors of an autoregression of first order, and an F
    test of both coefficients; the variance is freed of what the path takes from it.
    """
    values = np.concatenate([_without_incidents(half) for half in halves])
    day = np.concatenate([((half.index - halves[1].index[0]) / pd.Timedelta(days=1)).to_numpy() for half in halves])
    now = np.repeat([0.0, 1.0], [len(half) for half in halves])
    path = np.column_stack([np.ones(len(day)), now, now * day])
    solve = np.linalg.pinv(path)
    rest = values - path @ (solve @ values)
    alike = correlation ** np.abs(np.subtract.outer(day, day))
    variance = float(rest @ rest) / float(np.trace(alike) - np.trace(path @ solve @ alike))
    moved, errors = (solve @ values)[1:], (variance * solve @ alike @ solve.T)[1:, 1:]
    if variance <= ROUNDING * float(values @ values):
        return 1.0  # nothing but the level to look at
    return float(fisher.sf(float(moved @ np.linalg.solve(errors, moved)) / len(moved), len(moved), degrees))


def _without_incidents(half: pd.Series) -> NDArray[np.float64]:
    """Days brought back to within `FAR` of their line, so that a single incident does not decide."""
    day = ((half.index - half.index[0]) / pd.Timedelta(days=1)).to_numpy()
    values = half.to_numpy(dtype="float64")
    line = np.polyval(np.polyfit(day, values, 1), day)
    far = FAR * 1.4826 * float(np.median(np.abs(values - line)))
    return np.asarray(line + np.clip(values - line, -far, far)) if far else values


def _levelled(before: pd.Series, now: pd.Series) -> list[pd.Series]:
    """Both sides without the step between working days and others, which is estimated over both together.

    Months hold different numbers of weekends; that alone must not move their medians.
    """
    step = weekend_step((before, now))
    return [half - np.where(half.index.day_of_week >= 5, step, 0.0) for half in (before, now)]


def levelled(days: pd.Series) -> pd.Series:
    """One stretch of days without the step between working days and others."""
    return days - np.where(days.index.day_of_week >= 5, weekend_step([days]), 0.0)


def weekend_step(parts: Sequence[pd.Series]) -> float:
    """How much higher days off are than working days, over all parts; 0 where either kind is missing."""
    weekend = [part.index.day_of_week >= 5 for part in parts]
    steps = [
        float(part[days].median() - part[~days].median())
        for part, days in zip(parts, weekend, strict=True)
        if days.any() and not days.all()
    ]
    return float(np.mean(steps)) if steps else 0.0


def _widening(correlation: float, lengths: NDArray[np.int64]) -> float:
    """How much wider than the resampled error the true one is, days being correlated.

    Blocks hold the correlation inside them, and none across their edges; and the days of a short
    month lie closer to their own level than to the true one, which every block of theirs inherits.
    """
    lags = np.arange(1, BLOCK_DAYS)
    within = 1 + 2 * float(((1 - lags / BLOCK_DAYS) * correlation**lags).sum())
    true = inflation(correlation)
    inherited = true * BLOCK_DAYS * KINDS / lengths.min()
    return float(np.sqrt(true / max(within - inherited, SMALLEST_SHARE * within)))


def _resampled(halves: Sequence[pd.Series], resamples: int) -> NDArray[np.float64]:
    """Differences of medians (now minus before) over resampled days, working days and others apart."""
    rng = np.random.default_rng(SEED)
    medians = []
    for days in halves:
        kinds = [days[days.index.day_of_week < 5], days[days.index.day_of_week >= 5]]
        draws = [_blocks(rng, kind.to_numpy(), resamples) for kind in kinds if len(kind)]
        medians.append(np.median(np.concatenate(draws, axis=1), axis=1))
    return np.asarray(medians[1] - medians[0])


def _blocks(rng: np.random.Generator, values: NDArray[np.float64], resamples: int) -> NDArray[np.float64]:
    """Circular block bootstrap: as many values as there are, in blocks of consecutive ones."""
    count = -(-len(values) // BLOCK_DAYS)
    starts = rng.integers(len(values), size=(resamples, count, 1))
    places = (starts + np.arange(BLOCK_DAYS)) % len(values)
    return np.asarray(values[places.reshape(resamples, -1)[:, : len(values)]])


def discoveries(shifts: Sequence[Shift], rate: float) -> list[bool]:
    """Which shifts are real, with at most this share of false ones among them."""
    tested = [place for place, shift in enumerate(shifts) if shift.p_value is not None]
    real = [False] * len(shifts)
    if tested:
        adjusted = false_discovery_control([shifts[place].p_value for place in tested])
        for place, p_value in zip(tested, adjusted, strict=True):
            real[place] = bool(p_value <= rate)
    return real
