"""Jobs scraped every ten minutes, servers without a platform, and edges without data."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from analysis.cardinality import review
from analysis.datasets import SERVER_ARGUMENTS, backfill
from analysis.prometheus import connect
from analysis.prometheus.private_server import PrivatePrometheus
from analysis.settings.cardinality import CardinalityGrowthSettings
from tests.cardinality.known import END

START = END - timedelta(hours=4)
SLOW = 'slow"|.*\\'


@pytest.fixture(scope="module")
def server():
    """A fast job, and a slow one whose last scrape lies seven minutes before the end of the window."""
    index = pd.date_range(START - timedelta(hours=2), END + timedelta(hours=1), freq="1min", name="time")
    minutes = (index - index[0]) // pd.Timedelta(minutes=1)
    scraped = np.where(minutes % 10 == 3, 1.0, np.nan)
    late = np.where(index > START + timedelta(hours=2), scraped, np.nan)
    columns = [("fast", "f:1", "0"), *((SLOW, "s:1", str(n)) for n in range(6))]
    data = np.column_stack([np.ones(len(index)), *[scraped] * 4, late, late])
    keys = pd.MultiIndex.from_tuples(columns, names=["job", "instance", "n"])
    with PrivatePrometheus(arguments=SERVER_ARGUMENTS) as made:
        backfill(made.url, {"size_bytes": pd.DataFrame(data, index=index, columns=keys)})
        yield made


def reviewed(server, start, end):
    settings = CardinalityGrowthSettings(start=start.isoformat(), end=end.isoformat())
    with connect(server.url) as prom:
        return review(prom, settings, settings.window()).document


def test_series_between_two_slow_scrapes_are_alive(server):
    document = reviewed(server, START, END)
    assert document.series == {"start": 5, "end": 7}
    assert document.slow_jobs == {SLOW: pytest.approx(1500)}
    assert [(c["kind"], c["metric"], c["label"], c["delta"]) for c in document.causes] == [
        ("label_values", "size_bytes", "n", 2)
    ]


def test_an_edge_without_data_is_coverage_and_not_growth(server):
    document = reviewed(server, START - timedelta(hours=4), END)
    assert document.series["start"] == 5
    assert sum(cause["delta"] for cause in document.causes) == 2
    assert document.coverage.share == pytest.approx(0.75, abs=0.07)
    assert any("before the first sample" in gap.reason for gap in document.coverage.gaps)


def test_a_window_without_any_data_is_unknown_and_not_zero(server):
    document = reviewed(server, START - timedelta(days=9), START - timedelta(days=8))
    assert document.series == {"start": None, "end": None}
    assert [finding.severity for finding in document.findings] == ["unknown"]
    assert document.coverage.share == 0


def test_an_empty_server_is_unknown(empty_prometheus):
    assert [f.kind for f in reviewed(empty_prometheus, START, END).findings] == ["no_data"]
