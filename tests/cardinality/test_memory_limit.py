"""The limit of memory, turned into series through the server's own bytes per series."""

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

DAYS, BYTES_PER_SERIES = 20, 4_000
START = END - timedelta(days=DAYS)


@pytest.fixture(scope="module")
def server():
    """Two new series a day, on a server that says what its head holds and how much memory it takes."""
    index = pd.date_range(START, END, freq="2min", name="time")
    day = (index - START) / pd.Timedelta(days=1)
    data = np.column_stack([np.where(day >= n / 2, 1.0, np.nan) for n in range(2 * DAYS)])
    names = ["job", "instance", "n"]
    keys = pd.MultiIndex.from_tuples([("app", "a:1", f"{n}") for n in range(2 * DAYS)], names=names)
    own = pd.MultiIndex.from_tuples([("prometheus", "p:9090", "")], names=names)
    head = np.full((len(index), 1), 2_000.0)
    with PrivatePrometheus(arguments=SERVER_ARGUMENTS) as made:
        backfill(
            made.url,
            {
                "app_total": pd.DataFrame(data, index=index, columns=keys),
                "prometheus_tsdb_head_series": pd.DataFrame(head, index=index, columns=own),
                "process_resident_memory_bytes": pd.DataFrame(head * BYTES_PER_SERIES, index=index, columns=own),
            },
        )
        yield made


def reviewed(server, **values):
    settings = CardinalityGrowthSettings(start=START.isoformat(), end=END.isoformat(), **values)
    with connect(server.url) as prom:
        return review(prom, settings, settings.window()).document


def test_memory_becomes_series_and_the_date_they_are_reached(server):
    document = reviewed(server, limit_series=None, limit_memory_bytes=82 * BYTES_PER_SERIES)
    assert document.bytes_per_series == BYTES_PER_SERIES
    assert document.forecast["limit"] == 82
    assert document.forecast["trend"] == pytest.approx(2, rel=0.05)
    early, late = document.forecast["interval"]
    assert early <= document.forecast["reached_at"] <= late
    days = (document.forecast["reached_at"] - END) / timedelta(days=1)
    assert days == pytest.approx((82 - 42) / 2, abs=3)


def test_the_smaller_limit_counts(server):
    assert reviewed(server, limit_series=60, limit_memory_bytes=10**9).forecast["limit"] == 60
    assert reviewed(server, limit_series=10**9, limit_memory_bytes=320_000).forecast["limit"] == 80


def test_a_memory_limit_that_cannot_be_turned_into_series_is_said(known_server):
    document = reviewed(known_server, limit_series=None, limit_memory_bytes=10**9)
    assert (document.forecast["limit"], document.forecast["reason"]) == (None, "no_limit")
    assert [gap.reason for gap in document.coverage.gaps if gap.scope == "the memory limit"] == [
        "the server does not scrape itself: bytes per series are unknown, so the limit of memory was not looked at"
    ]
