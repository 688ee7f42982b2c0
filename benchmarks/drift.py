"""How often the drift test cries wolf, and what it finds: months without and with a shift, at known correlations.

Constants of analysis/thresholds/drift.py were chosen on the seeds from 10 000 on. Those from 50 000
on, which this judges on, were looked at once while CAUTION was set: give another first seed for an
untouched range.
"""

import sys

import numpy as np
import pandas as pd
from scipy.signal import lfilter

from analysis.thresholds.drift import shift_of

JUDGED_FROM = 50_000
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


def main(months=2000, first_seed=JUDGED_FROM):
    print(f"{months} pairs of months each, level {LEVEL:.0%}; standard deviation of days 1")
    print(f"{'noise':28} {'correlation':>11} {'false alarms':>13} {'detectable':>11} {'found there':>12}")
    for noise in NOISES:
        for correlation in (0.0, 0.3, 0.6, 0.8):
            false, smallest = rejected(months, correlation, noise=noise, first_seed=first_seed)
            found, _ = rejected(months // 4, correlation, noise=noise, shift=smallest, first_seed=first_seed + months)
            print(f"{noise:28} {correlation:11} {false:13.1%} {smallest:11.2f} {found:12.1%}")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
