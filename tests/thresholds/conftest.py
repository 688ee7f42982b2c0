"""A real Prometheus with some hours of restless series: noise, gaps, NaN, churn."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from analysis.datasets.backfill import SERVER_ARGUMENTS, backfill
from analysis.prometheus import connect
from analysis.prometheus.private_server import PrivatePrometheus
from analysis.window import Window

STEP = pd.Timedelta("15s")
START = pd.Timestamp("2026-09-07T06:00:00Z")


def restless(rng, index, width, churn):
    """A frame of autocorrelated series with gaps of all lengths; some end, and another begins."""
    noise = rng.normal(0, 1, (len(index), width))
    walk = pd.DataFrame(noise).ewm(halflife=20).mean().to_numpy() * 12 + 50 + noise
    for column in range(width):
        for _ in range(6):
            begin = rng.integers(len(index))
            walk[begin : begin + rng.integers(1, 90), column] = np.nan
    if churn:
        half = len(index) // 2
        walk[half:, 0], walk[:half, 1] = np.nan, np.nan
    columns = pd.MultiIndex.from_tuples([("app", f"i{n}") for n in range(width)], names=["job", "instance"])
    return pd.DataFrame(walk.round(2), index=index, columns=columns)


@pytest.fixture(scope="session")
def restless_server():
    """The server, and the window that its data covers."""
    rng = np.random.default_rng(20260907)
    index = pd.date_range(START, periods=6 * 240, freq=STEP, name="time")
    samples = {"load": restless(rng, index, 4, churn=True), "queue": restless(rng, index, 3, churn=False)}
    with PrivatePrometheus(arguments=SERVER_ARGUMENTS) as server, connect(server.url) as prom:
        backfill(server.url, samples)
        window = Window(index[240].to_pydatetime(), index[-1].to_pydatetime())
        yield SimpleNamespace(prom=prom, window=window)
