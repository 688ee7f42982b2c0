"""How often the drift test cries wolf, and what it finds: months without and with a shift, at known correlations.

Constants of analysis/thresholds/drift.py were chosen on the seeds from 10 000 on (CAUTION with a look at
those from 50 000 on), that of the change points on those from 30 000 on. This judges on others, on which
nothing was set.
"""

import sys

import numpy as np
import pandas as pd
from scipy.signal import lfilter

from analysis.thresholds.drift import shift_of
from analysis.thresholds.months import changes_of

JUDGED_FROM = 900_000
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


def rejected(months, correlation, *, noise="normal", shift=0.0, first_seed=JUDGED_FROM, resamples=400):
    """Share of pairs of months that the test calls different, and the mean smallest detectable shift."""
    shifts = []
    for seed in range(first_seed, first_seed + months):
        series, start = days_of(seed, correlation, noise, shift=shift)
        shifts.append(shift_of(series, start, 14, resamples))
    return np.mean([s.p_value <= LEVEL for s in shifts]), np.mean([s.smallest_detectable for s in shifts])


def dated(months, correlation, *, noise="normal", shift=0.0, first_seed=JUDGED_FROM):
    """Share of pairs of months with any change point, and with one within two days of the true change."""
    found, right = [], []
    for seed in range(first_seed, first_seed + months):
        series, start = days_of(seed, correlation, noise, shift=shift)
        changes = changes_of(series, shift_of(series, start, 14, 200).correlation)
        found.append(bool(changes))
        right.append(any(abs(change.at - start) <= pd.Timedelta(days=2) for change in changes))
    return np.mean(found), np.mean(right)


def main(months=2000, first_seed=JUDGED_FROM):
    print(f"{months} pairs of months each, level {LEVEL:.0%}; standard deviation of days 1")
    print(f"{'noise':28} {'correlation':>11} {'false alarms':>13} {'detectable':>11} {'found there':>12}")
    for noise in NOISES:
        for correlation in (0.0, 0.3, 0.6, 0.8):
            false, smallest = rejected(months, correlation, noise=noise, first_seed=first_seed)
            found, _ = rejected(months // 4, correlation, noise=noise, shift=smallest, first_seed=first_seed + months)
            print(f"{noise:28} {correlation:11} {false:13.1%} {smallest:11.2f} {found:12.1%}")
    print("change points: found without a change; dated within two days at a change of 3 and of 5 deviations")
    for noise in NOISES:
        for correlation in (0.0, 0.3, 0.6, 0.8):
            false, _ = dated(months // 4, correlation, noise=noise, first_seed=first_seed)
            right = [dated(months // 4, correlation, noise=noise, shift=s, first_seed=first_seed)[1] for s in (3, 5)]
            print(f"{noise:28} {correlation:11} {false:13.1%} {right[0]:11.1%} {right[1]:12.1%}")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
