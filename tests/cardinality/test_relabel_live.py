"""Savings and collisions against a real Prometheus that scrapes the same target with the proposal."""

import json
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.cardinality import relabel
from analysis.cardinality.model import Reader
from analysis.prometheus import connect
from analysis.prometheus.private_server import PrivatePrometheus
from analysis.prometheus.programs import find_program
from tests.cardinality.known import EVIL
from tests.waiting import until


def escaped(value):
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def exposition():
    """A page with a label that may go, one that collides, and hostile values."""
    rows = []
    for user in range(30):
        codes = ("200", "500") if user % 3 else ("200",)
        rows += [("requests_total", {"user": f"u{user}", "code": code, "shard": str(user % 2)}) for code in codes]
    rows += [("evil_total", {"path": EVIL + str(n), "code": "200"}) for n in range(6)]
    rows += [("evil_total", {"path": f"a{n}.b", "code": "500"}) for n in range(4)]
    rows += [("pure_info", {"version": "1", "build": "7", "twin": "7"})]
    lines = []
    for number, (name, labels) in enumerate(rows):
        inside = ",".join(f'{key}="{escaped(value)}"' for key, value in labels.items())
        lines.append(f"{name}{{{inside}}} {number + 1}\n")
    return rows, "".join(lines)


ROWS, PAGE = exposition()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(PAGE.encode())

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture(scope="module")
def target():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def series_of(metric):
    reader = Reader()
    return [("app", reader.read({"__name__": metric, **labels})[1]) for name, labels in ROWS if name == metric]


def config(target, proposal=""):
    indented = "".join(f"    {line}\n" for line in proposal.splitlines())
    return (
        "global: {scrape_interval: 1s}\nscrape_configs:\n  - job_name: app\n"
        f"    static_configs: [{{targets: [{json.dumps(target)}]}}]\n{indented}"
    )


def scraped(text):
    """Series by metric as a real Prometheus has them under this configuration."""
    with PrivatePrometheus(text) as server, connect(server.url) as prom:
        counted = 'count by (__name__) ({__name__=~"requests_total|evil_total|pure_info"}) and on () up == 1'
        until(lambda: len(prom.instant("up == 1")))
        return until(lambda: {name: int(n) for (name,), n in prom.instant(counted).items()})


BEFORE = {"requests_total": 50, "evil_total": 10, "pure_info": 1}
KEPT = [EVIL + "1", EVIL + "4", "a2.b"]
CHANGES = {
    "drop the metric": (relabel.drop_metric("requests_total"), {"evil_total": 10, "pure_info": 1}),
    "drop a label": (
        relabel.drop_label("requests_total", "user"),
        BEFORE | {"requests_total": relabel.without_label(series_of("requests_total"), "user").after},
    ),
    "keep hostile values": (relabel.keep_values("evil_total", "path", KEPT), BEFORE | {"evil_total": 3}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_remains_is_what_a_real_prometheus_keeps(target, name, tmp_path):
    proposal, expected = CHANGES[name]
    text = config(target, proposal)
    file = tmp_path / "prometheus.yml"
    file.write_text(text, encoding="utf-8")
    checked = subprocess.run(
        [find_program("promtool"), "check", "config", str(file)], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert scraped(text) == expected


def test_without_a_proposal_everything_is_there(target):
    assert scraped(config(target)) == BEFORE


def test_an_aggregation_is_a_rule_file_that_promtool_accepts(tmp_path):
    file = tmp_path / "rules.yml"
    file.write_text(relabel.aggregate("requests_total", "user", counter=True), encoding="utf-8")
    run = [find_program("promtool"), "check", "rules", str(file)]
    assert subprocess.run(run, capture_output=True, check=False).returncode == 0


def test_collisions_are_the_series_that_share_an_identity():
    effect = relabel.without_label(series_of("requests_total"), "user")
    assert (effect.before, effect.after, effect.collisions) == (50, 4, 50)
    twin = relabel.without_label(series_of("pure_info"), "twin")
    assert (twin.before, twin.after, twin.collisions) == (1, 1, 0)


LABELS = st.fixed_dictionaries({"a": st.sampled_from("xyz"), "b": st.sampled_from(["", "1", "2"])})


@given(st.lists(LABELS, max_size=12))
@settings(max_examples=60, deadline=None)
def test_nothing_collides_exactly_when_nothing_is_lost(rows):
    reader = Reader()
    series = {("j", reader.read({"__name__": "m", **row})[1]) for row in rows}
    effect = relabel.without_label(series, "b")
    assert effect.before == len(series)
    assert (effect.collisions == 0) == (effect.after == effect.before)
    assert effect.before - effect.after <= effect.collisions
