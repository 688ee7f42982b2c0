"""The table of faults: what happens to a range query, and what is said of it."""

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.datasets import SERVER_ARGUMENTS, backfill
from analysis.errors import AccessError, NotPrometheusError, SourceError, TooLargeError, UnreachableError
from analysis.prometheus import chunks as chunks_module
from analysis.prometheus import connect
from analysis.prometheus import connection as connection_module
from analysis.prometheus.archive import Archive
from analysis.prometheus.private_server import PrivatePrometheus
from analysis.settings import ConnectionSettings
from tests.prometheus.faulty_server import before, endless, http, once, scripted, server, stalled
from tests.waiting import until

DAYS = 4
END = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=2)
START = END - timedelta(days=DAYS)
TEAMS, HOSTS = ("a", "b.c", "d|e", ""), 6
FEW_SAMPLES = 34  # that the limited server lets one query load
EMPTY = b'{"status":"success","data":{"resultType":"matrix","result":[]}}'


def load():
    index = pd.date_range(START, END, freq="5min", name="time", inclusive="left")
    values = np.random.default_rng(5).normal(10, 1, (len(index), len(TEAMS) * HOSTS)).round(2)
    labels = [(team, f"host-{number}") for team in TEAMS for number in range(HOSTS)]
    return {"load": pd.DataFrame(values, index, pd.MultiIndex.from_tuples(labels, names=["team", "host"]))}


@pytest.fixture(scope="module")
def url():
    with PrivatePrometheus(arguments=SERVER_ARGUMENTS) as running:
        backfill(running.url, load())
        yield running.url


@pytest.fixture(scope="module")
def limited():
    """The same data on a server that soon calls a query too large."""
    with PrivatePrometheus(arguments=(*SERVER_ARGUMENTS, f"--query.max-samples={FEW_SAMPLES}")) as running:
        backfill(running.url, load())
        yield running.url


@pytest.fixture
def impatient(monkeypatch):
    """Whoever tries again does so at once."""
    monkeypatch.setattr(connection_module, "FIRST_PAUSE_SECONDS", 0.01)


def reached(url, **more):
    """A client without an archive."""
    more = {"archive": "off", "timeout_seconds": 60, **more}
    return connect(url, ConnectionSettings(**more))


def test_days_that_came_before_the_server_failed_are_kept(url, tmp_path, impatient):
    def fails_later(path, number):
        return (503, b"gone") if "query_range" in path and number > 2 else None

    with before(url, fails_later) as relay:
        kept = ConnectionSettings(archive=str(tmp_path), archive_source=url, connections=1)
        with connect(relay, kept) as prom, pytest.raises(UnreachableError, match="503 gone"):
            prom.range("load", START, END, "30s")
    held = [day for dataset in Archive(tmp_path).datasets() for day in dataset.held]
    assert len(held) == 2
    with connect(url, ConnectionSettings(archive=str(tmp_path))) as prom, reached(url) as plain:
        pd.testing.assert_frame_equal(prom.range("load", START, END, "30s"), plain.range("load", START, END, "30s"))


def test_a_server_is_asked_for_no_more_at_once_than_set(url, tmp_path):
    lock, now, most = threading.Lock(), [0], [0]

    def counted(path, _number):
        if "query_range" in path:
            with lock:
                now[0] += 1
                most[0] = max(most[0], now[0])
            time.sleep(0.05)  # long enough that others would come meanwhile
            with lock:
                now[0] -= 1

    with before(url, counted) as relay, connect(relay, ConnectionSettings(archive=str(tmp_path))) as prom:
        prom.range("load", START, END, "10s")  # days in blocks, and several requests for each
    assert 1 <= most[0] <= prom.settings.connections


def test_an_error_names_the_chunk(url, impatient):
    with before(url, lambda path, number: (500, b"disk") if "query_range" in path and number > 1 else None) as relay:
        prom = reached(relay, connections=1)
        with pytest.raises(UnreachableError, match=r"500 disk.*asked: load.*chunk 20\S+Z to 20\S+Z"):
            prom.range("load", START, END, "20s")


@given(
    expr=st.sampled_from(
        [
            "max_over_time(load[1h])",
            "sum by (team) (sum_over_time(load[2h]))",
            "sum without (host) (avg_over_time(load[90m])) > 50",
            "avg_over_time(load[1h]) / on (team, host) group_left () max_over_time(load[1h])",
            "avg_over_time(load[1h]) unless on (host) max_over_time(load[1h]) > 12.9",
            'label_replace(count_over_time(load[2h]), "host", "x$1", "host", "(.*)")',
            "topk by (team) (2, max_over_time(load[90m]))",
        ]
    ),
    hours=st.integers(1, 20),
)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_too_large_is_split_in_time_and_by_a_label_without_a_difference(url, limited, expr, hours):
    window = (START + timedelta(hours=3), START + timedelta(hours=3 + hours), "20m")
    with reached(url) as whole, reached(limited) as split:
        with pytest.raises(TooLargeError):  # or else nothing is tested
            split.api.get("query", {"query": expr, "time": window[1].timestamp()})
        pd.testing.assert_frame_equal(split.range(expr, *window), whole.range(expr, *window))


def test_what_cannot_be_split_says_what_the_server_said(limited):
    with reached(limited) as prom, pytest.raises(TooLargeError, match="too many samples"):
        prom.range("sum(max_over_time(load[2h]))", START + timedelta(hours=3), END, "6h")


def test_splitting_has_an_end(limited, monkeypatch):
    monkeypatch.setattr(chunks_module, "MAXIMUM_REQUESTS", 20)
    with reached(limited) as prom, pytest.raises(SourceError, match="split into 20 requests"):
        prom.range("max_over_time(load[2h])", START + timedelta(hours=3), END, "10m")


def test_a_long_query_is_asked_in_the_body(url):
    names = "|".join(f"host-{number}" for number in range(3000))
    with reached(url) as prom:
        got = prom.range(f'load{{host=~"{names}"}}', START, END, "1h")
        assert got.shape == (24 * DAYS, len(TEAMS) * HOSTS)


def test_an_answer_without_an_end_is_bounded_by_size(monkeypatch):
    monkeypatch.setattr(connection_module, "MAXIMUM_BYTES", 4 << 20)
    head = (
        b'HTTP/1.1 200 OK\r\n\r\n{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[['
    )
    with scripted(endless(head, b'1,"2"],[' * 1000)) as url, reached(url) as prom, pytest.raises(SourceError):
        prom.range("up", START, START + timedelta(hours=1), "30m")


def test_headers_without_an_end_are_bounded_in_time():
    slow = b"HTTP/1.1 200 OK\r\n" + b"X-A: 1\r\n" * 10_000
    with server(slow, pause=0.02) as (url, _), pytest.raises(UnreachableError, match=r"within 1 s"):
        reached(url, timeout_seconds=1).range("up", START, END, "1h")


def test_an_answer_that_stops_is_asked_for_again():
    scripts = (stalled(http(EMPTY[:20], length=len(EMPTY))), once(http(EMPTY)))
    with scripted(*scripts) as url, reached(url, idle_timeout_seconds=0.5, timeout_seconds=60) as prom:
        assert prom.range("up", START, END, "1h").empty


def test_tls_with_a_server_that_speaks_none_names_the_settings():
    with server(http(EMPTY)) as (url, _), pytest.raises(AccessError, match="PROMETHEUS_CA_FILE"):
        reached(url.replace("http:", "https:")).range("up", START, END, "1h")


def test_a_login_page_is_shown_with_its_first_words():
    page = b"<!doctype html><title>Sign in</title>" + b"x" * (1 << 20)
    with server(http(page)) as (url, _), pytest.raises(NotPrometheusError, match=r"not a Prometheus API.*Sign in"):
        reached(url).range("up", START, END, "1h")


def test_a_clock_that_is_off_is_said():
    there = format_datetime(datetime.now(UTC) + timedelta(minutes=7), usegmt=True)
    with server(http(EMPTY, headers=f"Date: {there}\r\n")) as (url, _), reached(url) as prom:
        prom.range("up", START, END, "1h")
        assert any("clock is 7m ahead" in text for text in prom.queries[-1].warnings)


def test_a_window_that_is_not_over_is_said(url):
    with reached(url) as prom:
        prom.range("load", START, datetime.now(UTC) + timedelta(days=1), "1h")
        assert any("future" in text for text in prom.queries[-1].warnings)
        prom.range("load", START, END, "1h")
        assert prom.queries[-1].warnings == []


def test_what_lies_before_the_retention_is_said(url):
    with PrivatePrometheus(retention="3d") as running, reached(running.url) as prom:
        prom.range("up", datetime.now(UTC) - timedelta(days=5), datetime.now(UTC), "1h")
        assert any("keeps 3d" in text for text in prom.queries[-1].warnings)
    with reached(url) as prom:  # keeps much longer than that: nothing there is nothing there
        prom.range("load", START - timedelta(days=2), END, "1h")
        assert prom.queries[-1].warnings == []


@pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_ctrl_c_and_term_end_at_once_and_leave_nothing(tmp_path, how, code):
    asked, told = ["--start", "2026-01-01T00:00:00Z", "--end", "2026-03-01T00:00:00Z", "--step", "15s"], []

    def trickle(wfile, stop):
        told.append(wfile.write(b"HTTP/1.1 200 OK\r\n\r\n{"))
        while not stop.wait(0.1):  # for minutes: never idle, never at its end
            wfile.write(b" ")

    with scripted(trickle) as url:
        command = [sys.executable, "-m", "analysis", "pull", "up", "--url", url, "--out", "up.parquet", *asked]
        environment = os.environ | {"PROMETHEUS_ARCHIVE": str(tmp_path / "kept")}
        process = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True)
        until(lambda: told)
        process.send_signal(how)
        _, said = process.communicate(timeout=60)  # long before the answer would end, or the query's own bound
        assert process.returncode == code
        assert said == "interrupted\n"
        assert not list(tmp_path.rglob("*.parquet"))
