"""The package by hand, in a real kernel and a real terminal: bars, pictures, and errors that say what to do."""

import os
import pty
import subprocess
import sys
import termios
from contextlib import suppress

import numpy as np
import pandas as pd
import pytest

from analysis.drawing import description, svg_text
from analysis.errors import InputError
from analysis.prometheus.progress import PullBar
from analysis.prometheus.pulled import PulledFrame, pulled
from analysis.prometheus.units import unit_of
from tests.notebooks.kernel import kernel

WIDGET = "application/vnd.jupyter.widget-view+json"
PREPARED = """
from analysis import connect
from analysis.settings import load_settings
prom = connect()
load = lambda model, **given: load_settings(model, None, given)
"""
LONGEST = 3  # lines of an error


@pytest.fixture(scope="module")
def cells(empty_prometheus):
    """A kernel in which `prom` is connected."""
    with kernel(PROMETHEUS_URL=empty_prometheus.url) as started:
        assert started.run(PREPARED) == []
        yield started


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("prom.range('sum(', '-30d', 'now', '1h')", "unclosed left parenthesis"),
        ("prom.range('up', 'soon', 'now', '1h')", "-30d"),
        ("prom.range('up', '-30d', 'now', 'often')", "write one as Prometheus does"),
        ("connect('nonsense')", "http"),
        ("prom.range('time()', '-1d', 'now', '1h').plot(timezone='Mars')", "Mars"),
        (
            "from analysis.settings.upkeep import DailyCheckSettings\nload(DailyCheckSettings, month='2026-13')",
            "YYYY-MM",
        ),
        ("connect('http://127.0.0.1:9').range('time()', '-30d', 'now', '1m')", "is it running"),
    ],
)
def test_an_error_is_at_most_three_lines_that_say_what_to_do(cells, code, advice):
    [error] = [output for output in cells.run(code) if output["type"] == "error"]
    shown = "\n".join(error["traceback"])
    assert len(shown.splitlines()) <= LONGEST
    assert advice in shown
    assert "Traceback" not in shown


def test_a_pull_shows_one_bar_for_all_of_a_cell(cells):
    outputs = cells.run("for _ in range(3):\n    frame = prom.range('time()', '-30d', 'now', '1m')\nlen(frame)")
    bars = [output for output in outputs if WIDGET in output.get("data", {})]
    assert len(bars) == 1
    assert "100%" in bars[0]["data"]["text/plain"] or "0%" in bars[0]["data"]["text/plain"]
    assert outputs[-1]["data"]["text/plain"] == str(30 * 24 * 60)
    [state] = cells.run("from analysis.prometheus import progress\nprogress._in_cell and 'kept'")
    assert state["data"]["text/plain"] == "'kept'"
    [told] = cells.run("bar = next(iter(progress._in_cell.values()))\nprint(bar.n == bar.total == 43200, bar.desc)")
    assert told["text"].strip() == "True time()"


def test_a_frame_in_a_notebook_is_a_table_and_a_picture(cells):
    cells.run("frame = prom.range('time()', '-1d', 'now', '1h')")
    assert "text/html" in cells.run("frame")[-1]["data"]
    picture = cells.run("frame.plot(timezone='Europe/Berlin')")[-1]["data"]["image/svg+xml"]
    assert "<title>" in picture or "dc:title" in picture


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("from analysis import con", "connect"),
        ("prom.ran", "range"),
        ("prom.range('up', '-1h', 'now', '1m').pl", "plot"),
    ],
)
def test_names_are_completed(cells, typed, offered):
    assert offered in "".join(cells.complete(typed))


def run_in_terminal(code, url, **environment):
    """What a terminal shows of standard error."""
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (40, 100))
    command = [sys.executable, "-c", f"from analysis import connect\nprom = connect({url!r})\n{code}"]
    with subprocess.Popen(command, stderr=slave, env=os.environ | environment) as process:
        os.close(slave)
        shown = b""
        with suppress(OSError):  # how the end of a terminal reads
            while part := os.read(master, 4096):
                shown += part
    os.close(master)
    assert process.returncode == 0, shown
    return shown.decode()


PULL = "prom.range('time()', '-30d', 'now', '1m')"


def test_a_terminal_shows_a_bar_that_goes_and_a_pipe_shows_none(empty_prometheus):
    shown = run_in_terminal(PULL, empty_prometheus.url)
    assert "time():" in shown
    assert "%|" in shown
    assert shown.rstrip("\n").endswith("\r")
    assert run_in_terminal(PULL, empty_prometheus.url, TQDM_DISABLE="1") == ""
    command = [sys.executable, "-c", f"from analysis import connect\nprom = connect({empty_prometheus.url!r})\n{PULL}"]
    ran = subprocess.run(command, capture_output=True, check=True)
    assert (ran.stdout, ran.stderr) == (b"", b"")


def test_a_bar_never_passes_its_end():
    class Bar:
        total, n = 10, 0

        def update(self, stamps):
            self.n += stamps

        def refresh(self):
            pass

    bar = Bar()
    told = PullBar(bar)
    told.add(8)
    told.add(8)
    assert bar.n == 10
    told.fill()
    assert bar.n == 10


def frame(width=3, rows=100):
    index = pd.date_range("2026-10-01", periods=rows, freq="5min", tz="UTC", name="time")
    columns = pd.MultiIndex.from_tuples([(f"$i{n}$<b>", "j") for n in range(width)], names=["instance", "job"])
    values = np.arange(rows)[:, None] + np.arange(width)
    return pulled(pd.DataFrame(values.astype(float), index=index, columns=columns), "rate(x_bytes_total[5m])")


def test_a_frame_plots_itself_with_title_unit_and_zone():
    made = frame().iloc[10:].plot(timezone="Europe/Berlin")
    [ax] = made.axes
    assert ax.get_xlabel() == "time (Europe/Berlin)"
    assert ax.get_ylabel() == "bytes per second"
    assert "x_bytes_total" in made.get_suptitle()
    assert [line.get_label() for line in ax.lines] == [rf"instance \$i{n}\$<b>" for n in (2, 1, 0)]
    assert "&lt;b&gt;" in svg_text(made) or "<b>" not in svg_text(made)


def test_many_series_are_the_highest_and_say_so_and_none_is_said_too():
    assert "the 8 highest of 20 series" in description(frame(width=20).plot())
    assert "no data" in description((frame() * np.nan).plot())


def test_pandas_still_plots_what_is_asked_of_it():
    axes = frame().plot(kind="hist")
    assert axes.get_ylabel() == "Frequency"
    assert isinstance(frame().tail(), PulledFrame)


def test_a_zone_that_is_none_is_refused():
    with pytest.raises(InputError, match="Mars"):
        frame().plot(timezone="Mars")


@pytest.mark.parametrize(
    ("expr", "unit"),
    [
        ("sum by (job) (rate(http_requests_total[5m]))", "per second"),
        ("rate(node_network_receive_bytes_total[5m])", "bytes per second"),
        ("histogram_quantile(0.9, sum by (le) (rate(auth_request_duration_seconds_bucket[5m])))", "seconds"),
        ("max_over_time(node_memory_MemFree_bytes[1h])", "bytes"),
        ("count by (job) (up)", "series"),
        ("increase(auth_failed_logins_total[5m])", "count"),
        ("a_bytes / b_bytes", "value"),
        ("sum(", "value"),
    ],
)
def test_a_unit_is_told_only_where_a_name_tells_it(expr, unit):
    assert unit_of(expr) == unit
