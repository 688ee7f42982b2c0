"""750 combinations of threshold, for and keep_firing_for, beside fetching the side that they are tried on."""

import sys
import time
from datetime import timedelta

import numpy as np
import pandas as pd

from analysis.datasets.backfill import SERVER_ARGUMENTS, backfill
from analysis.prometheus import connect
from analysis.prometheus.private_server import PrivatePrometheus
from analysis.prometheus.rules import Rule, RuleGroup
from analysis.settings.thresholds import ThresholdDriftSettings
from analysis.thresholds.collect import Grid
from analysis.thresholds.subjects import grid_choices, subject_of
from analysis.thresholds.whatif import evaluated, warm_up
from analysis.window import Window

STEP, DAYS = pd.Timedelta("15s"), 32
ROUNDS = 5
GOAL = 0.1  # of the fetch


def load_of(series):
    """Autocorrelated load of some series, restless enough that every threshold tried is crossed."""
    rng = np.random.default_rng(4)
    index = pd.date_range("2026-09-01T00:00Z", periods=DAYS * 5760, freq=STEP, name="time")
    noise = pd.DataFrame(rng.normal(0, 1, (len(index), series)))
    values = 50 + 40 * noise.ewm(halflife=40).mean().to_numpy() + noise.to_numpy()
    columns = pd.MultiIndex.from_tuples([(f"i{n}",) for n in range(series)], names=["instance"])
    return pd.DataFrame(values, index=index, columns=columns)


def main(series=10):
    frame = load_of(series)
    rule = Rule(kind="alerting", name="Load", expr="load > 70", index=0)
    group = RuleGroup(file="f.yml", name="g", rules=(rule,), interval=timedelta(seconds=15))
    subject = subject_of(group, rule, Grid(group.interval, timedelta(), "computed"), ThresholdDriftSettings())
    minutes = [timedelta(minutes=n) for n in (0, 1, 2, 5, 10, 15)]
    choices = grid_choices(subject.today, [np.arange(60, 85)], minutes, minutes[:5])
    end = frame.index[-1].to_pydatetime()
    window = Window(end - timedelta(days=30), end)
    asked = Window(window.start - warm_up(choices) - group.interval, window.end)
    with PrivatePrometheus(arguments=SERVER_ARGUMENTS) as server, connect(server.url) as prom:
        backfill(server.url, {"load": frame})
        fetches, grids = [], []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            decoded = prom.decoded("load", asked.start, asked.end, group.interval)
            fetched = time.perf_counter()
            table = evaluated(subject, choices, window, asked, lambda _, answer=decoded: answer).table()
            fetches.append(fetched - began)
            grids.append(time.perf_counter() - fetched)
    fetch, grid = np.median(fetches), np.median(grids)
    print(f"{series} series, 30 days at 15 s, {len(choices)} combinations, {table['alerts'].sum()} alerts in all")
    print(
        f"fetch {fetch:.2f} s, all combinations {grid:.3f} s: {grid / fetch:.1%} of the fetch; goal at most {GOAL:.0%}"
    )


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
