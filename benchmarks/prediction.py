"""How often next month's number of alerts lies in the predicted interval, for alerts of many habits.

Constants of analysis/thresholds/predict.py were chosen on the seeds from 20 000 on; this judges on others,
on which nothing was set. Clusters of eight were looked at, but not aimed at.
"""

import sys

import numpy as np

from analysis.thresholds.predict import MONTH_DAYS, predict

JUDGED_FROM = 800_000


def days_of(rng, days, rate, cluster, trend=1.0):
    """Alerts per day: incidents come at random, each brings on average `cluster` alerts over two days.

    `rate` is that of the day on which the last month begins, and changes by the factor `trend` in a month.
    """
    months = (np.arange(days) - (days - MONTH_DAYS)) / MONTH_DAYS
    incidents = rng.poisson(rate / cluster * trend**months)
    sizes = np.array([rng.geometric(1 / cluster, n).sum() if n else 0 for n in incidents])
    later = rng.binomial(sizes, 0.3)
    return sizes - later + np.concatenate([[0], later[:-1]])


def held(months, rate, cluster, *, trend=1.0, past=61, level=0.9, first_seed=JUDGED_FROM):
    """Share of months whose number lies in the interval."""
    inside = []
    for seed in range(first_seed, first_seed + months):
        daily = days_of(np.random.default_rng(seed), past + MONTH_DAYS, rate, cluster, trend)
        prediction = predict(daily[:past], level)
        inside.append(prediction.low <= daily[past:].sum() <= prediction.high)
    return float(np.mean(inside))


def main(months=1000, first_seed=JUDGED_FROM):
    print(f"{months} months each, level 90 %; share of months inside the interval")
    print(f"{'alerts per month':>17} {'per incident':>13} {'a month later':>14} {'past days':>10} {'inside':>8}")
    habits = [(rate, cluster, 1.0) for rate in (0.5, 4, 15, 60) for cluster in (1.0, 2.0, 4.0, 8.0)]
    habits += [(rate, 1.0, trend) for rate in (4, 15, 60) for trend in (0.5, 0.7, 1.4, 2.0)]
    for past in (30, 61):
        for rate, cluster, trend in habits:
            share = held(months, rate / 30, cluster, trend=trend, past=past, first_seed=first_seed)
            print(f"{rate:17} {cluster:13} {trend:14} {past:10} {share:8.1%}")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
