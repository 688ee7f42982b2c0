"""Rules of every shape over targets that do not rest, on a live Prometheus that things are done to.

Nothing in here trusts a clock: what is done is noted with the time at which it really was, conditions are waited
for, and slots at which a rule and a scrape raced are read from how long the scrapes took. So a machine that stalls
for seconds gives a longer life, or one that is told to have been raced, not a wrong one.
"""

import json
import signal
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from math import sin
from urllib.request import urlopen

from analysis.prometheus import connect
from analysis.prometheus.private_server import PrivatePrometheus
from analysis.prometheus.rule_files import groups_of_text
from analysis.prometheus.rules import groups_of_api
from analysis.thresholds.replay_document import replay_document
from analysis.thresholds.slots import computed_phase
from analysis.window import Window

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
  file_sd_configs: [{files: [targets.json], refresh_interval: 1s}]
- job_name: mortal
  static_configs: [{targets: ["127.0.0.1:%d"]}]
"""
BEFORE, AFTER = 0.03, 0.18  # seconds of no slot around a scrape, on a loaded machine
COMMIT_SECONDS = 0.06  # from the end of a scrape to where a rule sees its samples
STALLED_SECONDS = 0.4  # a scrape that takes longer, or comes later, shows that the machine stood still
PATIENCE_SECONDS = 120  # until something that has to come is taken for something that does not come
SLOTS_BEFORE = 2  # a rule that reads another one's alerts or recordings sees what that one saw a slot earlier
TIMELESS = ("Always", "Clock", "Held", "HeldPending")  # ask no target, so that no scrape can come between
DISCOVERY_SECONDS = 7  # from a start to the first scrape
MISSED = "prometheus_rule_group_iterations_missed_total"
TRIES = 5  # lives, where the machine stood still in those before


def page(now: float) -> str:
    """What a target says at a time."""
    second = int(now)
    lines = [f'wave{{kind="k{n}",n="{n}"}} {sin(now / 5 + n):.3f}' for n in range(3)]
    lines += ["steady 1", f"flap {(second // 5) % 2}", f"hits_total {second * (6 if second % 30 < 12 else 3)}"]
    lines += [f"sometimes_nan {'NaN' if second % 7 < 3 else second % 3}"]
    lines += [f'churn{{pod="p{second // 13}"}} {1 if second % 13 < 9 else 0}']
    return "\n".join(lines) + "\n"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        body = page(time.time()).encode()
        with suppress(ConnectionError):  # who asked has stopped waiting
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *_):
        pass


class Target:
    """A target that can die and come back on the same port."""

    def __init__(self, port: int = 0) -> None:
        self.server = ThreadingHTTPServer(("127.0.0.1", port), _Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def die(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def window_of(begin, end):
    """Whole seconds between two times."""
    return Window(*(datetime.fromtimestamp(int(moment), UTC) for moment in (begin + 1, end)))


def until(condition, what):
    """The first true answer of a condition."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"{what} did not come within {PATIENCE_SECONDS} s"
        time.sleep(0.2)
    return answer


class Life:
    """A Prometheus that scrapes two targets and evaluates the rules, and what is done to it, and when.

    Args:
        texts: of the rules, the first one and those that will be loaded later: the file gets a name that fits all.
        arguments: flags of the server.
    """

    def __init__(self, *texts: str, arguments: tuple[str, ...] = ()) -> None:
        self.texts = texts or (RULES,)
        self.times = {}  # when what was done to the server was done
        self.missed = 0  # evaluations, beside those that the server counts now
        self.targets = [Target(), Target()]
        files = {"targets.json": json.dumps([{"targets": [f"127.0.0.1:{self.targets[0].port}"]}])}
        self.server = PrivatePrometheus(self._config(""), files, arguments=arguments)

    def __enter__(self):
        """Begin, with the rules loaded."""
        self.server.__enter__()
        self.name = self._clear_name()
        self.server.reload({self.name: self.texts[0], "prometheus.yml": self._config(self.name)})
        self.times["began"] = time.time()
        return self

    def __exit__(self, *_):
        """End."""
        self.server.close()
        for target in self.targets:
            target.die()

    def raw(self, selector, since, until=None):
        """Series with their raw samples, stamped at or after `since`."""
        end = until or max(time.time(), since) + 1
        with connect(self.server.url) as prom:
            asked = {"query": f"{selector}[{round((end - since) * 1000)}ms]", "time": end}
            return prom.api.get("query", asked)["result"]

    def stamps(self, group, since):
        """When the alerts of a group were written."""
        groups = [found for text in self.texts for found in groups_of_text(text, self.name)]
        names = {rule.name for found in groups if found.name == group for rule in found.alerts}
        return sorted({t for s in self.raw(f'ALERTS{{alertname=~"{"|".join(names)}"}}', since) for t, _ in s["values"]})

    def until_written(self, group, count, since):
        """Wait until a group has written alerts at so many slots."""
        until(lambda: len(self.stamps(group, since)) >= count, f"{count} slots of {group}")

    def until_past(self, moment):
        """Wait until the fastest group, which always writes, has written after a time."""
        until(lambda: self.stamps("fast", moment), "a slot of the fastest group")

    def kill_for(self, seconds):
        """Kill the server, and start it again after some time."""
        self.missed += self._missed()
        self.server.process.send_signal(signal.SIGKILL)
        self.server.process.wait()
        self.times["killed"] = time.time()
        time.sleep(seconds)
        self.times["started"] = time.time()
        self.server.start()
        self.times["scraping"] = time.time() + DISCOVERY_SECONDS

    def pause_for(self, seconds):
        """Stop the server for some time, its memory kept."""
        missed = self._missed()
        self.server.process.send_signal(signal.SIGSTOP)
        self.times["paused"] = time.time()
        time.sleep(seconds)
        self.times["resumed"] = time.time()
        self.server.process.send_signal(signal.SIGCONT)
        self.until_past(self.times["resumed"] + 3)
        self.missed -= self._missed() - missed  # on purpose

    def load(self, text):
        """Give the server other rules."""
        self.server.reload({self.name: text})
        self.times["loaded"] = time.time()

    def let_leave(self):
        """Take a target out of service discovery, and wait until its series are ended."""
        (self.server.folder / "targets.json").write_text("[]", encoding="utf-8")
        with connect(self.server.url) as prom:
            until(lambda: prom.instant('up{job="restless"}').empty, "the end of a target that left")

    def lived(self, window):
        """What the replay says of a window, and what the server recorded in it."""
        low, past = window.start.timestamp(), window.end.timestamp()
        with connect(self.server.url) as prom:
            pairs = [(group, rule) for group in groups_of_api(prom.rules()) for rule in group.alerts]
            document = replay_document(prom, pairs, window, timedelta(seconds=1))
        recorded = [self.raw(name, low, past - 0.001) for name in ("ALERTS", "ALERTS_FOR_STATE")]
        groups = [group for text in self.texts for group in groups_of_text(text, self.name)]
        scrapes = [
            (at, float(took))
            for series in self.raw("scrape_duration_seconds", low - PATIENCE_SECONDS, past)
            for at, took in series["values"]
        ]
        missed = self.missed + self._missed()
        return Lived(document, *recorded, window, sorted(scrapes), groups, self.times, missed)

    def _missed(self):
        """How many evaluations the server says it has missed since it started."""
        with urlopen(f"{self.server.url}/metrics", timeout=PATIENCE_SECONDS) as answer:
            lines = [line for line in answer.read().decode().splitlines() if line.startswith(MISSED)]
        return sum(float(line.split()[-1]) for line in lines)

    def _config(self, rules):
        return CONFIG % (rules, self.targets[1].port)

    def _clear_name(self):
        """A name for the rule file that puts the slots of every group clear of all scrapes."""
        scrapes = self._scrape_phases()
        for number in range(20_000):
            name = f"rules{number}.yml"
            groups = [group for text in self.texts for group in groups_of_text(text, str(self.server.folder / name))]
            slots = [computed_phase(group, group.interval).total_seconds() % 1 for group in groups]
            if all(AFTER < (slot - scrape) % 1 < 1 - BEFORE for slot in slots for scrape in scrapes):
                return name
        raise AssertionError(f"no slot is clear of {scrapes}")

    def _scrape_phases(self):
        """Seconds within the second at which each target is scraped, once all of them are."""
        found = until(lambda: self._scraped(time.time() - 4), "a scrape of every target")
        return [stamp % 1 for series in found for stamp, _ in series["values"]]

    def _scraped(self, since):
        found = self.raw("up", since)
        return found if len(found) == len(self.targets) else None


@dataclass(frozen=True)
class Lived:
    """A window of a life.

    Attributes:
        document: of the replay.
        alerts: the raw series of ``ALERTS``.
        ages: the raw series of ``ALERTS_FOR_STATE``.
        window: what was replayed.
        scrapes: of every target: its stamp, and the seconds it took.
        groups: that were ever evaluated.
        times: at which something was done.
        missed: evaluations that the server missed, but for those that it was kept from.
    """

    document: dict
    alerts: list
    ages: list
    window: Window
    scrapes: list
    groups: list
    times: dict
    missed: float

    @property
    def stalls(self):
        """How the machine stood still: scrapes that took long or came late, evaluations missed; none on a calm one."""
        stamps = [at for at, _ in self.scrapes if at > self.times["began"]]
        late = [(at, after - at - self._stopped(at, after)) for at, after in pairwise(stamps)]
        long = [(at, took) for at, took in self.scrapes if took > STALLED_SECONDS]
        wide = [(at, gap) for at, gap in late if gap > 1 + STALLED_SECONDS]
        return long + wide + ([("missed", self.missed)] if self.missed > 0 else [])

    def _stopped(self, low, high):
        """For how much of a stretch the server was stopped on purpose, until it had to scrape again."""
        pairs = (("killed", "scraping"), ("paused", "resumed"))
        spans = [(self.times[begin], self.times[end]) for begin, end in pairs if begin in self.times]
        return sum(max(0, min(end, high) - max(begin, low)) for begin, end in spans)

    def differing(self):
        """Samples of ``ALERTS`` that only one side has, compared here without the product's own comparison.

        Returns:
            Those that no race explains, those that one does, and those that both sides have.
        """
        removed = {a["alert"] for a in self.document["alerts"] if a["approximate"]}
        left_out = removed | {s["alert"] for s in self.document["skipped"]}
        ours, theirs = self._replayed(), self._recorded()
        different = {s for s in ours ^ theirs if s[0] not in left_out and not self._is_unknown(s[0], s[3])}
        raced = {s for s in different if self.is_raced(s[0], self._since(*s), s[3])}
        return different - raced, raced, ours & theirs

    def wrong_ages(self):
        """Samples of ``ALERTS_FOR_STATE`` that no race explains, of another age than the replay's; how many agree."""
        same, wrong = 0, []
        for series in self.ages:
            labels = {n: v for n, v in series["metric"].items() if n not in ("__name__", "alertname")}
            name = series["metric"]["alertname"]
            mine = [a for a in self.document["alerts"] if (a["alert"], a["labels"]) == (name, labels)]
            for at, value in series["values"]:
                for run in (run for alert in mine for run in alert["intervals"] if run["start"] <= at <= run["end"]):
                    if run["active_at"] is None or int(run["active_at"]) == float(value):
                        same += 1
                    elif not self.is_raced(name, min(float(value), run["active_at"]), at):
                        wrong.append((name, at, value, run["active_at"]))
        return wrong, same

    def is_raced(self, alert, since, until):
        """Whether the group of an alert had, between two times, a slot at which a scrape was stamped but not stored."""
        if alert in TIMELESS:
            return False
        names, _ = self._rules[alert]
        before = since - SLOTS_BEFORE * max(e["interval"] for e in self.document["groups"] if e["name"] in names)
        pauses = [s for s in self.document["unknown"] if s["scope"].split(";")[1] in names and "down" in s["reason"]]
        for pause in sorted(pauses, key=lambda pause: -pause["start"]):  # in which nothing was forgotten
            if before < pause["end"] and pause["start"] < until:
                before -= pause["end"] - pause["start"]
        return any(before <= slot <= until for name in names for slot in self._raced_slots.get(name, ()))

    def _since(self, alert, _state, labels, at):
        """From when on a slot may have made a difference to a sample: its alert's age on both sides, or its memory."""
        ages = [at - self._rules[alert][1]]
        for entry in self.document["alerts"]:
            if (entry["alert"], tuple(sorted(entry["labels"].items()))) == (alert, labels):
                ages += [r["active_at"] or 0 for r in entry["intervals"] if r["start"] <= at <= r["end"]]
        for series in self.ages:
            metric = {n: v for n, v in series["metric"].items() if n not in ("__name__", "alertname")}
            if series["metric"]["alertname"] == alert and tuple(sorted(metric.items())) == labels:
                ages += [float(value) for stamp, value in series["values"] if abs(stamp - at) < 0.001]
        return min(ages)

    @cached_property
    def _rules(self):
        """Of each alert: the names its group had, and how many seconds its rule remembers."""
        rules = {}
        for group in self.groups:
            for rule in group.alerts:
                memory = (rule.for_duration + rule.keep_firing_for).total_seconds()
                rules.setdefault(rule.name, (set(), memory))[0].add(group.name)
        return rules

    @cached_property
    def _raced_slots(self):
        """Of each group, the slots at which a scrape was stamped but not yet stored."""
        found = {}
        for entry in self.document["groups"]:
            slots = found.setdefault(entry["name"], set())
            for at, took in self.scrapes:
                number = -(-(at - entry["phase"]) // entry["interval"])
                while (slot := number * entry["interval"] + entry["phase"]) <= at + took + COMMIT_SECONDS:
                    slots.add(slot)
                    number += 1
        return found

    def _replayed(self):
        samples = set()
        for alert in self.document["alerts"]:
            mine = [g for g in self.document["groups"] if (g["file"], g["name"]) == (alert["file"], alert["group"])]
            for run in alert["intervals"]:
                step = next(g["interval"] for g in mine if g["start"] <= run["start"] < g["end"])
                for number in range(round((run["end"] - run["start"]) / step) + 1):
                    at = round(run["start"] + number * step, 3)
                    samples.add((alert["alert"], run["state"], tuple(sorted(alert["labels"].items())), at))
        return samples

    def _recorded(self):
        samples = set()
        for series in self.alerts:
            metric = {n: v for n, v in series["metric"].items() if n != "__name__"}
            name, state = metric.pop("alertname"), metric.pop("alertstate")
            samples |= {(name, state, tuple(sorted(metric.items())), round(at, 3)) for at, _ in series["values"]}
        return samples

    def _is_unknown(self, alert, at):
        """Whether the document calls an alert's group, or the rule itself, unknown at a time."""
        spans = [span for span in self.document["unknown"] if span["start"] <= at < span["end"]]
        scopes = {tuple(span["scope"].split(";")[1:]) for span in spans}
        places = {(g.name, str(r.index)) for g in self.groups for r in g.alerts if r.name == alert}
        return any(place in scopes or place[:1] in scopes for place in places)


def lives(live):
    """What a life gave: lived anew where something no race explains differs and the machine stood still meanwhile."""
    for number in range(TRIES):
        lived = live()
        different, (wrong, _) = sorted(lived.differing()[0]), lived.wrong_ages()
        if not (different or wrong) or not lived.stalls:
            return lived
        print(f"life {number + 1}: {len(different)} samples and {len(wrong)} ages differ: {different[:9]} {wrong[:9]}")
        print(f"and the machine had stood still: {lived.stalls}")
    return lived
