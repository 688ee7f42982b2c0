"""The commands as a user runs them, against a real Prometheus that scrapes itself."""

import io
import json
import socket
import subprocess
import sys

import pandas as pd
import pytest

from analysis import connect
from analysis.prometheus.private_server import PrivatePrometheus
from tests.waiting import until


def promreview(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "analysis", *arguments], capture_output=True, text=True, timeout=300, check=False
    )


@pytest.fixture(scope="module")
def server():
    with PrivatePrometheus() as prometheus:
        target = f"targets: ['127.0.0.1:{prometheus.port}']"
        labels = "labels: {value: '=cmd()', path: 'a\"b\\\\c'}"
        job = f"{{job_name: self, static_configs: [{{{target}, {labels}}}]}}"
        prometheus.reload(
            {"prometheus.yml": f"global: {{scrape_interval: 5s, scrape_timeout: 5s}}\nscrape_configs: [{job}]\n"}
        )
        with connect(prometheus.url) as prom:
            until(lambda: prom.range("up == 1", "-10s", step="1s").shape[1])
        yield prometheus


def test_pull_prints_one_row_per_sample_and_nothing_else(server):
    run = promreview("pull", "up", "--start", "-10s", "--step", "1s", "--url", server.url, "--format", "csv")
    assert run.returncode == 0, run.stderr
    rows = pd.read_csv(io.StringIO(run.stdout))
    assert rows.columns[0] == "time"
    assert rows.columns[-1] == "value"
    assert "label_value" in rows.columns
    assert set(rows["value"]) == {1}
    assert set(rows["label_value"]) == {"'=cmd()"}  # no formula for a spreadsheet


def test_pull_writes_parquet_that_holds_the_labels_unchanged(server, tmp_path):
    out = tmp_path / "up.parquet"
    run = promreview("pull", "up", "--start", "-10s", "--step", "1s", "--url", server.url, "--out", str(out))
    assert run.returncode == 0, run.stderr
    rows = pd.read_parquet(out)
    assert set(rows["path"]) == {'a"b\\\\c'}
    assert set(rows["label_value"]) == {"=cmd()"}
    assert [path.name for path in tmp_path.iterdir()] == ["up.parquet"]


def test_a_summary_has_one_row_per_series(server):
    expr = '{__name__=~"up|scrape_samples_scraped"}'
    asked = ("pull", expr, "--start", "-10s", "--step", "1s", "--summary", "--url", server.url)
    rows = json.loads(promreview(*asked, "--format", "json").stdout)
    assert [row["__name__"] for row in rows] == ["scrape_samples_scraped", "up"]
    up = rows[1]
    assert (up["minimum"], up["median"], up["maximum"], up["drops"]) == (1, 1, 1, 0)
    assert 1 <= up["samples"] <= 10
    assert up["value"] == "=cmd()"
    table = pd.read_csv(io.StringIO(promreview(*asked, "--format", "csv").stdout))
    assert set(table["value"]) == {"'=cmd()"}
    assert pd.to_datetime(table["first"]).notna().all()


def test_an_empty_result_is_said(server):
    run = promreview("pull", "no_such_metric", "--url", server.url, "--format", "json")
    assert run.returncode == 0
    assert json.loads(run.stdout) == []
    assert "no sample" in run.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["pull", "up{", "--url", "URL"], 2, "parse error"),
        (["pull", "up", "--start", "yesterday", "--url", "URL"], 2, "not a time"),
        (["pull", "up", "--step", "5", "--url", "URL"], 2, "duration"),
        (["pull", "up", "--out", "x.xlsx", "--url", "URL"], 2, ".parquet"),
        (["pull", "up", "--url", "http://127.0.0.1:1", "--timeout", "1"], 3, "refused"),
        (["doctor", "--url", "http://127.0.0.1:1", "--timeout", "1"], 3, "refused"),
        (["pull", "up", "--url", "nonsense"], 2, "not the URL"),
        (["rules", "replay", "--alert", "Nobody", "--url", "URL"], 2, "no alerting rule is named Nobody"),
        (["run", "no_such_notebook"], 2, "no notebook"),
        (["run", "threshold_drift", "-p", "alerts_per_wek", "2"], 2, "alerts_per_week"),
    ],
)
def test_what_is_wrong_is_told_in_one_line_with_its_exit_code(server, arguments, code, words):
    run = promreview(*[server.url if argument == "URL" else argument for argument in arguments])
    assert run.returncode == code, run.stderr
    assert words in run.stderr
    assert len(run.stderr.strip().splitlines()) == 1
    assert not run.stdout


@pytest.mark.parametrize(
    ("arguments", "way"),
    [
        (["pull", "up"], "variable"),
        (["logins", "--start", "-1h"], "option"),
        (["review", "--month", "2026-10", "--dry-run"], "option"),
    ],
)
def test_patience_with_a_silent_server_is_that_of_the_option_or_the_variable(arguments, way, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as silent:  # the system takes connections, and nobody answers
        monkeypatch.setenv("PROMETHEUS_TIMEOUT_SECONDS", "1.25" if way == "variable" else "90")
        option = ["--timeout", "1.25"] if way == "option" else []
        run = promreview(*arguments, "--url", f"http://127.0.0.1:{silent.getsockname()[1]}", *option)
    assert run.returncode == 3, run.stderr
    assert "within 1.25 s" in run.stderr


def test_the_doctor_names_what_is_missing(server):
    run = promreview("doctor", "--url", server.url, "--format", "json")
    assert run.returncode == 1
    states = {check["name"]: check for check in json.loads(run.stdout)["checks"]}
    assert states["reachable"]["state"] == "ok"
    assert states["clock"]["state"] == "ok"
    assert states["targets"]["state"] == "ok"
    assert states["retention"]["state"] == "failed"
    assert "auth_failed_logins_total" in states["metrics"]["detail"]
    assert states["rules"]["state"] == "failed"
