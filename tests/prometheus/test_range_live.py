"""Ranges against a real Prometheus, held against its own answer to the same query in one piece."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_api_client import PrometheusConnect

from analysis.datasets import SERVER_ARGUMENTS, backfill
from analysis.prometheus import client as client_module
from analysis.prometheus import connect
from analysis.prometheus.private_server import PrivatePrometheus
from analysis.prometheus.promql import quote

END = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOURS = 3
HOSTILE = ['quote " here', "back\\slash", "line\nbreak", '"values":[[', "]]", "ключ 🔑", "{{ x }}", "a,b"]
QUERIES = [
    "odd",
    "odd > 3",
    "sum by (l) (odd)",
    "rate(counted[5m])",
    '{__name__=~"odd|counted"}',
    "absent(odd)",
    "vector(7)",
    "scalar(sum(odd))",
    "time()",
    "odd / 0",
    "0 * odd / 0",
    "nothing_of_this_name",
    "odd * 1e-320",
    "label_replace(odd, 'values', '$1', 'l', '(.*)')",
    "topk(2, odd)",  # its series come and go
]


def frames():
    index = pd.date_range(END - timedelta(hours=HOURS), END, freq="15s", name="time")
    generator = np.random.default_rng(11)
    odd = generator.normal(0, 5, (len(index), len(HOSTILE)))
    for place in range(len(HOSTILE)):  # every series has a hole, longer than the server looks back
        start = 40 + 60 * place
        odd[start : start + 40 + 10 * place, place] = np.nan
    counted = np.cumsum(generator.poisson(3, (len(index), 2)), axis=0).astype(float)
    counted[len(index) // 2 :] -= counted[len(index) // 2]
    return {
        "odd": pd.DataFrame(odd, index, pd.MultiIndex.from_arrays([HOSTILE], names=["l"])),
        "counted": pd.DataFrame(counted, index, pd.MultiIndex.from_arrays([["x", "y"]], names=["l"])),
    }


@pytest.fixture(scope="module")
def url():
    with PrivatePrometheus(arguments=SERVER_ARGUMENTS) as server:
        backfill(server.url, frames())
        yield server.url


def in_one_piece(url, expr, start, end, step):
    """Samples by labels and stamp, as the library gives them for the closed range of the same stamps."""
    answer = PrometheusConnect(url=url).custom_query_range(expr, start, end - step, f"{step.total_seconds():g}")
    return {
        (tuple(sorted(item["metric"].items())), float(stamp)): float(value)
        for item in answer
        for stamp, value in item["values"]
    }


def as_samples(decoded):
    frame, present = decoded.frame, decoded.present
    stamps = frame.index.as_unit("ms").asi8 / 1000
    labels = [
        tuple(sorted((n, v) for n, v in zip(frame.columns.names, key, strict=True) if v)) for key in frame.columns
    ]
    rows, places = np.nonzero(present)
    values = frame.to_numpy()
    return {(labels[p], stamps[r]): values[r, p] for r, p in zip(rows, places, strict=True)}


@given(
    expr=st.sampled_from(QUERIES),
    first=st.integers(0, HOURS * 240 - 10),
    points=st.integers(1, 60),
    step_seconds=st.sampled_from([1, 7, 15, 60, 61, 300]),
    chunk=st.integers(1, 25),
    connections=st.integers(1, 3),
)
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_range_is_what_the_server_answers_in_one_piece(
    url, monkeypatch, expr, first, points, step_seconds, chunk, connections
):
    step = timedelta(seconds=step_seconds)
    begin = END - timedelta(hours=HOURS) + timedelta(seconds=15 * first)
    start = datetime.fromtimestamp(-(-int(begin.timestamp()) // step_seconds) * step_seconds, UTC)
    end = start + points * step
    monkeypatch.setattr(client_module, "MAX_POINTS", chunk)
    with connect(url) as prom:
        prom.settings.connections = connections
        got = as_samples(prom.decoded(expr, start, end, step))
    want = in_one_piece(url, expr, start, end, step)
    assert got.keys() == want.keys()
    assert all(np.array_equal(got[key], want[key], equal_nan=True) for key in want)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20))
@settings(max_examples=60, deadline=None)
def test_a_quoted_text_is_one_text_to_the_server_and_no_more(url, text):
    with connect(url) as prom:
        named = prom.instant(
            f"count_values({quote('l')}, vector(1)) * 0 + on() group_left() absent(odd{{l={quote(text)}}})"
        )
    assert named.index.get_level_values("l").tolist() == ["1"]  # no matcher broke out of its quotes


def test_the_labels_that_come_back_are_the_ones_that_were_written(url):
    with connect(url) as prom:
        frame = prom.range("odd", END - timedelta(hours=HOURS), END, "1m")
        assert sorted(frame.columns.get_level_values("l")) == sorted(HOSTILE)
        for value in HOSTILE:
            alone = prom.range(f"odd{{l={quote(value)}}}", END - timedelta(hours=HOURS), END, "1m")
            assert alone.columns.get_level_values("l").tolist() == [value]


@pytest.mark.parametrize("step", [1.001, 1.08, 2.003, 0.999])
def test_a_step_with_milliseconds_is_the_one_that_was_asked_for(url, step):
    with connect(url) as prom:
        times = prom.range("time()", END, END + timedelta(minutes=5), step)
        assert times.notna().to_numpy().all()
        assert np.allclose(np.diff(times.to_numpy()[:, 0]), step)
