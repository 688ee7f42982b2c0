"""A live Prometheus writes ALERTS; the replay has to give the same samples, whatever shape a rule has.

Targets spike, flap, vanish, churn labels and send NaN; the server is restarted once. The rule file's name is
chosen so that no slot follows closely upon a scrape: a scrape stamped before a slot and committed after it is a
known limit of asking afterwards. PROMREVIEW_LIVE_SECONDS can be lengthened for a soak.
"""

import json
import os
import signal
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from analysis.prometheus import connect
from analysis.prometheus.private_server import PrivatePrometheus
from analysis.prometheus.rule_files import groups_of_text
from analysis.prometheus.rules import groups_of_api
from analysis.thresholds.replay_document import replay_document
from analysis.thresholds.slots import computed_phase
from analysis.window import Window

LIVE_SECONDS = float(os.environ.get("PROMREVIEW_LIVE_SECONDS", "75"))
RULES = """groups:
- name: fast
  interval: 1s
  rules:
  - {record: "fast:wave", expr: "sum(wave)"}
  - {alert: Always, expr: "vector(1)", labels: {severity: none}}
  - {alert: Clock, expr: "vector(time() % 10) > 6", for: 2s, labels: {severity: page}}
  - {alert: Held, expr: "vector(time() % 12) < 2", keep_firing_for: 3s}
  - {alert: HeldPending, expr: "vector(time() % 9) < 4", for: 2s, keep_firing_for: 2s}
  - {alert: Wave, expr: "wave > 0"}
  - {alert: WaveFor, expr: "wave > 0.3", for: 3s}
  - {alert: WaveLeft, expr: "0.2 < wave"}
  - {alert: WaveBool, expr: "wave > bool 0.5"}
  - {alert: WaveBoth, expr: "wave > 0 and on (instance) up == 1"}
  - {alert: WaveBetween, expr: "wave > 0 < 0.8"}
  - {alert: WaveOr, expr: "wave > 0.9 or wave < -0.9", for: 1s}
  - {alert: WaveUnless, expr: "wave > 0 unless wave > 0.5"}
  - {alert: Recorded, expr: "fast:wave > 0", for: 1s}
  - {alert: Summed, expr: "sum by (kind) (wave) > 0.1", labels: {kind: "", owner: us}}
- name: slow
  interval: 2s
  rules:
  - {alert: Flap, expr: "flap == 1", for: 4s, keep_firing_for: 6s}
  - {alert: FlapRate, expr: "rate(hits_total[10s]) > 4", for: 2s}
  - {alert: Nan, expr: "sometimes_nan > 0"}
  - {alert: NanNot, expr: "sometimes_nan != 1"}
  - {alert: Churn, expr: "churn > 0", for: 4s}
  - {alert: Named, expr: "churn > 0", labels: {who: "{{ $labels.pod | toUpper }}-x", none: "{{ $labels.nothing }}"}}
  - {alert: Valued, expr: "churn > 0", labels: {now: "{{ $value }}"}}
  - {alert: Down, expr: "up == 0", for: 2s}
  - {alert: Gone, expr: "absent(up{job='mortal'} == 1)", for: 4s}
  - {alert: Ratio, expr: "sum(rate(hits_total[10s])) / sum(rate(hits_total[20s])) > 1", for: 2s}
  - {alert: Anchored, expr: "flap @ start() == 1"}
  - {alert: Changes, expr: "changes(flap[20s]) > 2", for: 2s}
  - {alert: AnchoredInside, expr: "count_over_time((flap @ end() == 1)[10s:1s]) > 2"}
  - {alert: Sub, expr: "max_over_time(avg(wave)[10s:2s]) > 0.4"}
- name: itself
  interval: 2s
  rules:
  - {alert: ReadsLater, expr: "later:wave > 1", for: 2s}
  - {alert: ReadsLaterAlert, expr: 'ALERTS{alertname="After",alertstate="firing"} == 1'}
  - {record: "later:wave", expr: "sum(wave)"}
  - {alert: After, expr: "wave > 0.5", for: 2s}
  - {alert: Renames, expr: "label_replace(wave > 0, 'alertname', 'other', '', '')", labels: {alertname: shadow}}
  - {alert: Says, expr: "wave > 0", labels: {was: "{{ $labels.__name__ }}"}}
  - {alert: Chooses, expr: "wave > 0", labels: {to: "{{ if eq $labels.n `1` }}page{{ else }}ticket{{ end }}"}}
- name: restored
  interval: 2s
  rules:
  - {alert: Short, expr: "steady > 0", for: 6s}
  - {alert: Kept, expr: "steady > 0", for: 12s}
  - {alert: Delayed, expr: "steady > 0", for: 24s}
  - {alert: Moved, expr: "steady > 0", for: 1h}
  - {alert: Forgotten, expr: "vector(time() % 40) < 20", keep_firing_for: 30s}
- name: limited
  interval: 2s
  limit: 2
  rules:
  - {alert: Limited, expr: "wave > 0", for: 2s}
  - {alert: LimitedHeld, expr: "wave > 0.2", keep_firing_for: 4s}
- name: failing
  interval: 3s
  rules:
  - {alert: Failing, expr: "flap * on (job) group_left () (flap > 0)", for: 3s}
  - {alert: Twins, expr: "label_replace(wave > 0, 'instance', '', '', '')", labels: {kind: one}}
"""
CONFIG = """
global: {evaluation_interval: 1s, scrape_interval: 1s}
rule_files: [%s]
scrape_configs:
- job_name: restless
  static_configs: [{targets: ["127.0.0.1:%d"]}]
- job_name: mortal
  static_configs: [{targets: ["127.0.0.1:%d"]}]
"""
BEFORE, AFTER = 0.03, 0.18  # seconds of no slot around a scrape, on a loaded machine


TIMELESS = ("Always", "Clock", "Held", "HeldPending")  # ask no target, so that no scrape can come between
# Share of samples that scrapes may move which are stamped before a slot and committed after it: the rule saw the
# samples before, the replay sees them. On a busy machine a scrape takes long enough for that.
RACED = 0.02


def page(now: float) -> str:
    from math import sin

    second = int(now)
    lines = [f'wave{{kind="k{n}",n="{n}"}} {sin(now / 5 + n):.3f}' for n in range(3)]
    lines += ["steady 1", f"flap {(second // 5) % 2}", f"hits_total {second * (6 if second % 30 < 12 else 3)}"]
    lines += [f"sometimes_nan {'NaN' if second % 7 < 3 else second % 3}"]
    lines += [f'churn{{pod="p{second // 13}"}} {1 if second % 13 < 9 else 0}']
    return "\n".join(lines) + "\n"


class Target:
    """A target that can die and come back on the same port."""

    def __init__(self, port: int = 0) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                body = page(time.time()).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def die(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def scrape_phases(server, targets):
    """Seconds within the second at which each target is scraped, once all of them are."""
    with connect(server.url) as prom:
        for _ in range(60):
            found = prom.api.get("query", {"query": "up[3s]"})["result"]
            if len(found) == targets:
                return [stamp % 1 for series in found for stamp, _ in series["values"]]
            time.sleep(0.5)
    raise AssertionError(f"only {len(found)} of {targets} targets are scraped")


def clear_name(server, targets, texts=(RULES,)):
    """A name for the rule file that puts the slots of every group clear of all scrapes."""
    scrapes = scrape_phases(server, targets)
    for number in range(20_000):
        name = f"rules{number}.yml"
        groups = [group for text in texts for group in groups_of_text(text, str(server.folder / name))]
        slots = [computed_phase(group, group.interval).total_seconds() % 1 for group in groups]
        if all(AFTER < (slot - scrape) % 1 < 1 - BEFORE for slot in slots for scrape in scrapes):
            return name
    raise AssertionError(f"no slot is clear of {scrapes}")


def add_rules(server, ports, texts=(RULES,)):
    name = clear_name(server, len(ports), texts)
    server.reload({name: texts[0], "prometheus.yml": CONFIG % (name, *ports)})
    return name


def replayed_and_recorded(server, window):
    with connect(server.url) as prom:
        groups = groups_of_api(prom.rules())
        pairs = [(group, rule) for group in groups for rule in group.alerts]
        document = replay_document(prom, pairs, window, timedelta(seconds=1))
        seconds = round(window.duration.total_seconds())
        raw = {
            name: prom.api.get("query", {"query": f"{name}[{seconds}s]", "time": window.end.timestamp() - 0.001})[
                "result"
            ]
            for name in ("ALERTS", "ALERTS_FOR_STATE")
        }
    return document, raw


def stamps(series, window):
    return {t for t, _ in series["values"] if window.start.timestamp() <= t < window.end.timestamp()}


def by_hand(document, raw, window):
    """Every sample of ALERTS that only one side has: compared here without the product's own comparison."""
    removed = {a["alert"] for a in document["alerts"] if a["approximate"]}
    skipped = {s["alert"] for s in document["skipped"]}
    unknown = [(span["scope"], span["start"], span["end"]) for span in document["unknown"]]
    ours = set()
    group_of = {}
    for alert in document["alerts"]:
        mine = [g for g in document["groups"] if (g["file"], g["name"]) == (alert["file"], alert["group"])]
        for run in alert["intervals"]:
            step = next(g["interval"] for g in mine if g["start"] <= run["start"] < g["end"])
            count = round((run["end"] - run["start"]) / step)
            for n in range(count + 1):
                at = round(run["start"] + n * step, 3)
                ours.add((alert["alert"], run["state"], tuple(sorted(alert["labels"].items())), at))
        group_of[alert["alert"]] = f"{alert['file']};{alert['group']}"
    theirs = set()
    for series in raw["ALERTS"]:
        metric = {n: v for n, v in series["metric"].items() if n != "__name__"}
        name, state = metric.pop("alertname"), metric.pop("alertstate")
        theirs |= {(name, state, tuple(sorted(metric.items())), round(t, 3)) for t in stamps(series, window)}

    def is_unknown(sample):
        scope = group_of.get(sample[0], "?")
        return any(s.startswith(scope) and start <= sample[3] < end for s, start, end in unknown)

    different = {s for s in ours ^ theirs if s[0] not in removed | skipped and not is_unknown(s)}
    return different, ours & theirs


def mortal_life(target: Target, stop: threading.Event) -> None:
    """Dies for some seconds, again and again."""
    while not stop.wait(9):
        target.die()
        stop.wait(6)
        target.__init__(target.port)


@pytest.fixture(scope="module")
def lived():
    restless, mortal, stop = Target(), Target(), threading.Event()
    life = threading.Thread(target=mortal_life, args=(mortal, stop), daemon=True)
    ports = restless.port, mortal.port
    with PrivatePrometheus(CONFIG % ("", *ports)) as server:
        add_rules(server, ports)
        life.start()
        time.sleep(LIVE_SECONDS)
        stop.set()
        life.join()
        now = datetime.now(UTC).replace(microsecond=0)
        window = Window(now - timedelta(seconds=LIVE_SECONDS - 30), now - timedelta(seconds=3))
        yield (*replayed_and_recorded(server, window), window)
    restless.die()
    mortal.die()


def test_every_rule_is_replayed(lived):
    document, _, _ = lived
    assert document["skipped"] == []
    approximate = {alert["alert"] for alert in document["alerts"] if alert["approximate"]}
    assert approximate == {"Valued"}
    fired = {alert["alert"] for alert in document["alerts"]}
    assert len(fired) >= 24, fired


def test_no_recorded_sample_differs(lived):
    document, raw, window = lived
    different, equal = by_hand(document, raw, window)
    assert len(equal) > 500
    assert not [sample for sample in different if sample[0] in TIMELESS], sorted(different)[:10]
    assert len(different) <= RACED * len(equal), sorted(different)[:10]


def test_active_since_is_what_the_server_says(lived):
    document, raw, _ = lived
    right, wrong = 0, []
    for series in raw["ALERTS_FOR_STATE"]:
        labels = {n: v for n, v in series["metric"].items() if n not in ("__name__", "alertname")}
        name = series["metric"]["alertname"]
        mine = [a for a in document["alerts"] if (a["alert"], a["labels"]) == (name, labels)]
        for at, value in series["values"]:
            for run in (run for alert in mine for run in alert["intervals"] if run["start"] <= at <= run["end"]):
                if run["active_at"] is None or int(run["active_at"]) == float(value):
                    right += 1
                else:
                    wrong.append((name, at, value, run["active_at"]))
    assert right > 500
    assert not [what for what in wrong if what[0] in TIMELESS], wrong[:10]
    assert len(wrong) <= 4 * RACED * right, wrong[:10]  # one raced slot moves the whole life that begins there


def test_the_comparison_says_the_same(lived):
    document, raw, window = lived
    different, _ = by_hand(document, raw, window)
    agreement = document["agreement"]
    assert agreement["compared"] > 500
    beside = agreement["compared"] - agreement["equal"]
    assert beside <= len(different) + RACED * agreement["compared"], json.dumps(agreement["differing"][:5])


def test_a_restart_is_unknown_and_nothing_else_differs():
    restless, mortal = Target(), Target()
    ports = restless.port, mortal.port
    arguments = ("--rules.alert.for-grace-period=8s",)  # longer ones are restored
    with PrivatePrometheus(CONFIG % ("", *ports), arguments=arguments) as server:
        add_rules(server, ports)
        time.sleep(20)
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
        time.sleep(8)
        server.start()
        time.sleep(25)
        now = datetime.now(UTC).replace(microsecond=0)
        window = Window(now - timedelta(seconds=48), now - timedelta(seconds=3))
        document, raw = replayed_and_recorded(server, window)
    restless.die()
    mortal.die()
    spans = [(s["start"], s["end"]) for s in document["unknown"] if "down" in s["reason"]]
    assert spans
    assert all(5 < end - start < 25 for start, end in spans)
    different, equal = by_hand(document, raw, window)
    assert len(equal) > 200
    assert not [sample for sample in different if sample[0] in TIMELESS], sorted(different)[:10]
    assert len(different) <= RACED * len(equal), sorted(different)[:10]


def test_a_pause_a_new_interval_and_a_new_name_are_read_from_what_was_recorded():
    restless, mortal = Target(), Target()
    ports = restless.port, mortal.port
    later = RULES.replace("name: itself\n  interval: 2s", "name: itself\n  interval: 3s").replace("restored", "renamed")
    with PrivatePrometheus(CONFIG % ("", *ports)) as server:
        name = add_rules(server, ports, (RULES, later))
        time.sleep(8)
        server.process.send_signal(signal.SIGSTOP)
        time.sleep(4.5)
        server.process.send_signal(signal.SIGCONT)
        time.sleep(10)
        server.reload({name: later})
        time.sleep(14)
        now = datetime.now(UTC).replace(microsecond=0)
        window = Window(now - timedelta(seconds=33), now - timedelta(seconds=3))
        document, raw = replayed_and_recorded(server, window)
    restless.die()
    mortal.die()
    stretches = {
        n: [g["interval"] for g in document["groups"] if g["name"] == n] for n in ("fast", "itself", "renamed")
    }
    assert stretches == {"fast": [1], "itself": [2, 3], "renamed": [2, 2]}
    different, equal = by_hand(document, raw, window)
    assert len(equal) > 500
    assert not [sample for sample in different if sample[0] in TIMELESS], sorted(different)[:10]
    assert len(different) <= RACED * len(equal), sorted(different)[:10]
