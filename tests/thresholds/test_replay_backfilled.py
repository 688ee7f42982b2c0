"""Replay of stored data beside a plain transcription of Prometheus's own loop, fed with small pieces of raw answers.

The window has more slots than one answer holds, and data that spans many chunks of the TSDB.
"""

from datetime import timedelta
from itertools import pairwise

import pytest

from analysis.prometheus.rule_files import groups_of_text
from analysis.thresholds.replay_document import replay_document
from analysis.window import Window, unix_ms

PIECE = 700  # slots in one raw answer of the oracle: its borders never fall on the client's own
RULES = """groups:
- name: seconds
  interval: 1s
  rules:
  - {alert: Plain, expr: "load > 52"}
  - {alert: Below, expr: "50 > queue", for: 2m}
  - {alert: For, expr: "load > 52", for: 90s}
  - {alert: Held, expr: "load > 54", for: 30s, keep_firing_for: 4m, labels: {severity: page, job: ""}}
  - {alert: Scaled, expr: "100 - load * 2 < -8"}
  - {alert: HeldOnly, expr: "queue < 47", keep_firing_for: 7m}
- name: quarters
  interval: 15s
  rules:
  - {alert: Both, expr: "load > 50 and on (job) max by (job) (queue) > 53", for: 1m, keep_firing_for: 1m}
  - {alert: Missing, expr: "absent(load{instance='i2'})", for: 45s}
  - {alert: Changes, expr: "changes(load[5m]) < 18", for: 2m, labels: {who: "{{ $labels.instance | toUpper }}"}}
  - {alert: Stepped, expr: "max_over_time(avg(load)[10m:1m]) > 53", keep_firing_for: 30s}
  - {alert: Broken, expr: "load * on (job) queue > 1"}
  - {alert: Always, expr: "vector(1)", for: 10m}
"""


def raw_results(prom, expr, slots):
    """Per slot: the label sets of the result, from the API's own JSON."""
    found = {slot: set() for slot in slots}
    step = slots[1] - slots[0]
    for first in range(0, len(slots), PIECE):
        piece = slots[first : first + PIECE]
        params = {"query": expr, "start": piece[0] / 1000, "end": piece[-1] / 1000, "step": step / 1000}
        for series in prom.session.get(f"{prom.api.url}/api/v1/query_range", params=params).json()["data"]["result"]:
            labels = tuple(sorted((n, v) for n, v in series["metric"].items() if n != "__name__"))
            for stamp, _ in series["values"]:
                found[round(stamp * 1000)].add(labels)
    return found


def evaluated(results, slots, for_ms, keep_ms):
    """``AlertingRule.Eval``, slot after slot: (labels, state, slot, ActiveAt)."""
    active, written = {}, set()
    for slot in slots:
        for labels in results[slot]:
            active.setdefault(labels, {"at": slot, "firing": False, "since": None})
        for labels, alert in list(active.items()):
            if labels not in results[slot]:
                alert["since"] = slot if alert["since"] is None else alert["since"]
                if not (alert["firing"] and slot - alert["since"] < keep_ms):
                    del active[labels]
                    continue
            else:
                alert["since"] = None
                alert["firing"] |= slot - alert["at"] >= for_ms
            written.add((labels, "firing" if alert["firing"] else "pending", slot, alert["at"]))
    return written


def with_rule_labels(labels, rule):
    given = dict(labels)
    for name, value in rule.labels.items():
        given[name] = given.get("instance", "").upper() if "{{" in value else value
    return tuple(sorted((n, v) for n, v in given.items() if v))


def replayed(document, rule, interval_ms):
    for alert in (a for a in document["alerts"] if a["alert"] == rule.name):
        for run in alert["intervals"]:
            low, high = round(run["start"] * 1000), round(run["end"] * 1000)
            active_at = None if run["active_at"] is None else round(run["active_at"] * 1000)
            for slot in range(low, high + 1, interval_ms):
                yield tuple(sorted(alert["labels"].items())), run["state"], slot, active_at


@pytest.fixture(scope="module")
def groups():
    return groups_of_text(RULES, "backfilled.yml")


@pytest.fixture(scope="module")
def document(restless_server, groups):
    pairs = [(group, rule) for group in groups for rule in group.alerts]
    window = Window(restless_server.window.start, restless_server.window.start + timedelta(hours=4))
    before = len(restless_server.prom.queries)
    found = replay_document(restless_server.prom, pairs, window, timedelta(minutes=1))
    return found, window, restless_server.prom.queries[before:]


def test_every_slot_is_what_the_loop_gives(restless_server, groups, document):
    found, window, _ = document
    compared = 0
    for group in groups:
        step = round(group.interval.total_seconds() * 1000)
        phase = next(round(g["phase"] * 1000) for g in found["groups"] if g["name"] == group.name)
        begin = unix_ms(window.start) - 3_600_000
        first = begin + (phase - begin) % step
        slots = list(range(first, unix_ms(window.end), step))
        for rule in (rule for rule in group.alerts if rule.name != "Broken"):
            results = raw_results(restless_server.prom, rule.expr, slots)
            results = {slot: {with_rule_labels(labels, rule) for labels in some} for slot, some in results.items()}
            for_ms, keep_ms = (round(d.total_seconds() * 1000) for d in (rule.for_duration, rule.keep_firing_for))
            truth = {s for s in evaluated(results, slots, for_ms, keep_ms) if s[2] >= unix_ms(window.start)}
            ours = set(replayed(found, rule, step))
            assert {s[:3] for s in ours} == {s[:3] for s in truth}, rule.name
            assert {s for s in ours if s[3] is not None} <= truth, rule.name
            unknown = {s for s in ours if s[3] is None}
            assert len(unknown) <= len(ours) / 10 or rule.name == "Always", rule.name
            compared += len(truth)
    assert compared > 20_000


def test_the_window_is_longer_than_one_answer(document):
    found, _, _ = document
    spans = [run for alert in found["alerts"] for run in alert["intervals"]]
    assert 4 * 3600 > 11_000
    assert max(run["end"] for run in spans) - min(run["start"] for run in spans) > 11_000


def test_a_failing_rule_is_skipped_and_stops_nothing(document):
    found, _, _ = document
    assert [(s["group"], s["rule"], s["alert"]) for s in found["skipped"]] == [("quarters", 4, "Broken")]
    assert "many-to-many" in found["skipped"][0]["reason"] or "multiple matches" in found["skipped"][0]["reason"]


def test_rules_that_share_a_side_ask_for_it_once(document):
    _, _, asked = document
    for side in ("(load) >= 52", "(queue) <= 50"):  # "queue < 47" is among what "50 > queue" needs
        samples = [query.samples for query in asked if query.expr == side]
        assert max(samples) > 3600, side
        assert sum(samples) < 1.5 * max(samples), side  # what lies before the window, and never the window again
    assert not any(query.expr.startswith(("load > 52", "queue < 47")) for query in asked)


def test_alerts_come_in_the_order_of_the_rules(document):
    found, _, _ = document
    places = [(a["group"], a["rule"]) for a in found["alerts"] if a["group"] == "seconds"]
    assert all(a <= b for a, b in pairwise(places)), places


def test_a_rule_that_reads_alerts_that_were_never_recorded_is_unknown(restless_server):
    rules = (
        "{alert: Read, expr: 'load > 52'}, {alert: Reads, expr: 'count(ALERTS{alertname=~\"Rea.\"}) > 1'}, "
        "{alert: ReadsOther, expr: 'ALERTS{alertname=\"Never\"} == 1'}, {alert: Never, expr: 'load > 1e9'}"
    )
    [group] = groups_of_text(f"groups: [{{name: g, interval: 1m, rules: [{rules}]}}]", "r.yml")
    pairs = [(group, rule) for rule in group.alerts]
    found = replay_document(restless_server.prom, pairs, restless_server.window, timedelta(minutes=1))
    [span] = found["unknown"]
    assert span["scope"] == "r.yml;g;1"
    assert "the alerts of Read," in span["reason"]
    assert found["agreement"] is None
