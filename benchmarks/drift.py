"""How often the drift test cries wolf, and what it finds: months without and with a shift, at known correlations.

Constants of analysis/thresholds/drift.py were chosen on the seeds from 10 000 on (CAUTION with a look at
those from 50 000 on), those of its correlation on those from 60 000 and 900 000 on, that of the change points on
those from 30 000 on. This judges on others, on which
nothing was set.
"""

import sys

import numpy as np
import pandas as pd
from scipy.signal import lfilter

from analysis.thresholds.drift import shift_of
from analysis.thresholds.months import changes_of

JUDGED_FROM = 950_000
NOISES = {
    "normal": lambda rng, n: rng.normal(0, 1, n),
    "heavy tails (t, 3 degrees)": lambda rng, n: rng.standard_t(3, n),
    "skewed (lognormal)": lambda rng, n: rng.lognormal(0, 0.8, n),
}
LEVEL = 0.05


def days_of(seed, correlation, noise="normal", days=61, shift=0.0):
    """Daily headroom over two months: weekends apart, days correlated, the second month shifted."""
    rng = np.random.default_rng(seed)
    values = lfilter([np.sqrt(1 - correlation**2)], [1, -correlation], NOISES[noise](rng, days + 60))[60:]
    index = pd.date_range("2026-09-01", periods=days, freq="D", tz="UTC")
    series = pd.Series(20 + values + np.where(index.day_of_week >= 5, 3.0, 0.0), index=index)
    start = index[30]
    series[index >= start] += shift
    return series, start


def rejected(months, correlation, *, noise="normal", shift=0.0, first_seed=JUDGED_FROM, resamples=400, level=LEVEL):
    """Share of pairs of months that the test calls different, and the mean smallest detectable shift."""
    shifts = []
    for seed in range(first_seed, first_seed + months):
        series, start = days_of(seed, correlation, noise, shift=shift)
        shifts.append(shift_of(series, start, 14, resamples))
    return np.mean([s.p_value <= level for s in shifts]), np.mean([s.smallest_detectable for s in shifts])


def of_one(rng, correlation):
    """Days that remember the one before, with a standard deviation of 1."""
    return lfilter([np.sqrt(1 - correlation**2)], [1, -correlation], rng.normal(size=361))[300:]


# Days that remember more than the one before; the test knows no such model.
MEMORIES = {
    "of second order": lambda rng: 0.6 * lfilter([1], [1, -0.5, -0.3], rng.normal(size=161))[100:],
    "sum of four memories": lambda rng: sum(of_one(rng, c) for c in (0.0, 0.5, 0.9, 0.97)) / 2,
    "random walk": lambda rng: np.cumsum(0.2 * rng.normal(size=61)),
}


def remembered(months, memory, *, first_seed=JUDGED_FROM):
    """P-values of pairs of months of days with such a memory and no change."""
    index = pd.date_range("2026-09-01", periods=61, freq="D", tz="UTC")
    made = (20 + MEMORIES[memory](np.random.default_rng(seed)) for seed in range(first_seed, first_seed + months))
    return np.array([shift_of(pd.Series(values, index=index), index[30], 14, 200).p_value for values in made])


def dated(months, correlation, *, noise="normal", shift=0.0, first_seed=JUDGED_FROM):
    """Share of pairs of months with any change point, and with one within two days of the true change."""
    found, right = [], []
    for seed in range(first_seed, first_seed + months):
        series, start = days_of(seed, correlation, noise, shift=shift)
        changes = changes_of(series, shift_of(series, start, 14, 200).correlation)
        found.append(bool(changes))
        right.append(any(abs(change.at - start) <= pd.Timedelta(days=2) for change in changes))
    return np.mean(found), np.mean(right)


def falling(seed, kind, correlation):
    """Two months of headroom that goes to zero on a straight line at their end, and the days left until it is there."""
    rng = np.random.default_rng(seed)
    day, slope, level = np.arange(-61, 1), rng.uniform(0.15, 0.6), rng.uniform(3, 25)
    since = -rng.integers(14, 42)
    line = level - slope * day
    if kind == "bend":
        line = level - slope * np.maximum(day, since)
    elif kind == "turn":
        line = line - np.where(day < since, 2 * slope * (since - day), 0.0)
    elif kind == "step":
        line = line + np.where(day < since, 6.0, 0.0)
    noise = lfilter([np.sqrt(1 - correlation**2)], [1, -correlation], rng.normal(size=162))[100:]
    index = pd.date_range("2026-08-01", periods=62, freq="D", tz="UTC")
    return pd.Series(line + noise, index=index), level / slope


def foretold(months, kind, correlation, *, first_seed=JUDGED_FROM):
    """Share of headrooms with a date, share of their dates that hold the true one to a day, median width in days."""
    dates = []
    for seed in range(first_seed, first_seed + months):
        series, left = falling(seed, kind, correlation)
        trend = shift_of(series, series.index[31], 14, 200).trend
        slopes = (trend.steepest, trend.flattest)
        early, late = (
            (at - trend.until) / pd.Timedelta(days=1) if at else np.nan for at in map(trend.reached_at, slopes)
        )
        dates.append((early - 1 <= left <= late + 1, late - early))
    held, width = np.array(dates, dtype="float64").T
    dated = np.isfinite(width)
    return dated.mean(), held[dated].mean(), np.median(width[dated])


def main(months=2000, first_seed=JUDGED_FROM):
    print(f"{months} pairs of months each, level {LEVEL:.0%}; standard deviation of days 1")
    print(f"{'noise':28} {'correlation':>11} {'false alarms':>13} {'at 1 %':>7} {'detectable':>11} {'found there':>12}")
    for noise in NOISES:
        for correlation in (0.0, 0.3, 0.6, 0.8):
            false, smallest = rejected(months, correlation, noise=noise, first_seed=first_seed)
            rare, _ = rejected(months, correlation, noise=noise, first_seed=first_seed, level=0.01)
            found, _ = rejected(months // 4, correlation, noise=noise, shift=smallest, first_seed=first_seed + months)
            print(f"{noise:28} {correlation:11} {false:13.1%} {rare:7.1%} {smallest:11.2f} {found:12.1%}")
    print("days with a longer memory: false alarms at 5 % and at 1 %")
    for memory in MEMORIES:
        found = remembered(months // 4, memory, first_seed=first_seed)
        print(f"{memory:28} {(found <= LEVEL).mean():13.1%} {(found <= 0.01).mean():11.1%}")
    print("change points: found without a change; dated within two days at a change of 3 and of 5 deviations")
    for noise in NOISES:
        for correlation in (0.0, 0.3, 0.6, 0.8):
            false, _ = dated(months // 4, correlation, noise=noise, first_seed=first_seed)
            right = [dated(months // 4, correlation, noise=noise, shift=s, first_seed=first_seed)[1] for s in (3, 5)]
            print(f"{noise:28} {correlation:11} {false:13.1%} {right[0]:11.1%} {right[1]:12.1%}")
    print("dates at which a falling headroom is used up (95 %): given, held, median width in days")
    for kind in ("line", "bend", "turn", "step"):
        for correlation in (0.0, 0.3, 0.6, 0.8):
            dated_share, held, width = foretold(months // 4, kind, correlation, first_seed=first_seed)
            print(f"{kind:28} {correlation:11} {dated_share:13.0%} {held:11.0%} {width:12.0f}")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
