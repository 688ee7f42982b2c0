"""A group whose first evaluation never ends: a remote store that it reads accepts a question and gives no answer."""

import socket
import time
from datetime import UTC, datetime, timedelta

import pytest

from analysis.prometheus import connect
from analysis.prometheus.private_server import PrivatePrometheus
from analysis.settings.thresholds import ThresholdDriftSettings
from analysis.thresholds.measure import FIRST_EVALUATIONS
from analysis.thresholds.review import judged_rules
from analysis.window import Window

PATIENCE_SECONDS = 90
RULES = """groups:
- {name: stuck, interval: 1s, rules: [{alert: Stuck, expr: 'far{job="far"} > 1'}]}
- {name: fine, interval: 1s, rules: [{alert: Fine, expr: vector(1)}]}
- {name: patient, interval: 1h, rules: [{alert: Patient, expr: vector(1)}]}
"""
CONFIG = """rule_files: [rules.yml]
remote_read:
- {url: "http://127.0.0.1:%d/read", remote_timeout: 10m, read_recent: true, required_matchers: {job: far}}
"""


@pytest.fixture
def mute():
    """The port of a server that accepts and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def test_a_group_that_never_came_to_an_end_is_told_and_the_others_are_judged(mute):
    with PrivatePrometheus(CONFIG % mute, {"rules.yml": RULES}) as server, connect(server.url) as prom:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not prom.instant(f'count_over_time(ALERTS{{alertname="Fine"}}[1m]) > {FIRST_EVALUATIONS + 2}').shape[0]:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        now = datetime.now(UTC)
        judged = judged_rules(prom, ThresholdDriftSettings(), Window(now - timedelta(days=20), now))
        server.process.kill()  # it would wait for the answer
    verdicts = {item.rule.name: judgements[0] for item, _, judgements in judged}
    assert verdicts["Stuck"].verdict == "never_evaluated"
    assert "has never been evaluated" in verdicts["Stuck"].reason
    assert {verdicts[name].verdict for name in ("Fine", "Patient")} == {"unknown"}  # seconds of data; not its turn yet
