"""How often next month's number of alerts lies in the predicted interval, and how wide that is, for many habits.

Run: python -m benchmarks.prediction [MONTHS] [FIRST_SEED]
"""

import sys

import numpy as np

from analysis.thresholds.predict import predict
from benchmarks.alert_habits import LOOKED_AT, MONTH_DAYS, NEVER_LOOKED_AT

JUDGED_FROM = 800_000
LEVEL = 0.9


def held(months, habit, *, past=61, level=LEVEL, first_seed=JUDGED_FROM):
    """For each month: whether the interval held it, whether alerts were seen to size it by, its width, and the truth.

    Returns:
        Shape (months, 4).
    """
    rows = []
    for seed in range(first_seed, first_seed + months):
        daily = habit(np.random.default_rng([seed, past]), past + MONTH_DAYS)
        prediction, came = predict(daily[:past], level), daily[past:].sum()
        inside = prediction.low <= came <= prediction.high
        rows.append((inside, prediction.limits is None, prediction.high - prediction.low, came))
    return np.array(rows, dtype="float64")


def show(name, rows):
    inside, seen, width, came = rows.T
    shares = f"{inside.mean():7.1%} {where_seen(rows):10.1%} {seen.mean():6.0%}"
    print(f"{name:28} {shares} {np.median(width):7.0f} {came.mean():7.1f}")


def where_seen(rows):
    """Share inside of the months that had alerts to size them by; 1 without any."""
    return rows[rows[:, 1] == 1, 0].mean() if rows[:, 1].any() else 1.0


def main(months=300, first_seed=JUDGED_FROM):
    for past in (30, 61):
        print(f"{past} past days, {months} months each, level {LEVEL:.0%}; rates and storms are per month")
        print(f"{'':28} {'inside':>7} {'where seen':>10} {'seen':>6} {'median':>7} {'mean':>7}")
        print(f"{'':28} {'':7} {'':10} {'':6} {'width':>7} {'truth':>7}")
        for title, habits in (("looked at", LOOKED_AT), ("never looked at", NEVER_LOOKED_AT)):
            parts = []
            for name, habit in habits.items():
                parts.append(held(months, habit, past=past, first_seed=first_seed))
                show(name, parts[-1])
            show(f"all {title}", np.concatenate(parts))
            shares = np.array([where_seen(part) for part in parts])
            print(f"  of {len(parts)} habits, where seen: {(shares < 0.87).sum()} below 87 %, worst {shares.min():.1%}")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
