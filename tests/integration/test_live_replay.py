"""A live Prometheus writes ALERTS; the replay has to give the same samples."""

import time
from datetime import UTC, datetime, timedelta

from analysis.prometheus import connect
from analysis.prometheus.private_server import PrivatePrometheus
from analysis.prometheus.rules import groups_of_api
from analysis.thresholds.replay_document import replay_document
from analysis.window import Window

RULES = """groups:
- name: live
  interval: 1s
  rules:
  - {alert: Waves, expr: "vector(time() % 10) > 6", for: 2s, labels: {severity: page}}
  - {alert: Held, expr: "vector(time() % 12) < 2", keep_firing_for: 3s}
  - {alert: Always, expr: "vector(1)", for: 3s, labels: {team: a}}
"""
CONFIG = "global: {evaluation_interval: 1s}\nrule_files: [rules.yml]\n"
LIVE_SECONDS = 25


def test_no_recorded_sample_differs():
    with PrivatePrometheus(CONFIG, {"rules.yml": RULES}) as server:
        time.sleep(LIVE_SECONDS)
        now = datetime.now(UTC).replace(microsecond=0)
        window = Window(now - timedelta(seconds=15), now - timedelta(seconds=2))
        with connect(server.url) as prom:
            groups = groups_of_api(prom.rules())
            pairs = [(group, rule) for group in groups for rule in group.alerts]
            document = replay_document(prom, pairs, window, timedelta(seconds=1))
            asked = {"query": "ALERTS[1m]", "time": window.end.timestamp()}
            data = prom.api.get("query", asked)
    recorded = {
        (s["metric"]["alertname"], s["metric"]["alertstate"], round(t * 1000))
        for s in data["result"]
        for t, _ in s["values"]
        if window.start.timestamp() <= t < window.end.timestamp()
    }
    replayed = {
        (a["alert"], i["state"], t)
        for a in document["alerts"]
        for i in a["intervals"]
        for t in range(round(i["start"] * 1000), round(i["end"] * 1000) + 1, 1000)
    }
    assert {name for name, _, _ in recorded} >= {"Waves", "Held", "Always"}
    assert replayed == recorded
