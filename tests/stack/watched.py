"""A Prometheus that has everything the dashboards ask for: platform data, live exporters, alerts, and a review."""

import socket
import subprocess
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta

import pandas as pd

from analysis import connect
from analysis.datasets import SERVER_ARGUMENTS, backfill, make_attack, make_platform
from analysis.datasets.live import ConstantLoad
from analysis.datasets.recorded import backfill_recordings
from analysis.prometheus.private_server import PrivatePrometheus, free_port
from analysis.prometheus.programs import find_program
from analysis.prometheus.rule_files import groups_of_files
from analysis.report.metrics import write_metrics
from analysis.report.review import write_summary
from analysis.report.status import Status
from analysis.window import Window
from tests.report.handmade import document, finding, put
from tests.stack.native import ROOT
from tests.waiting import until

PAST = timedelta(hours=26)  # longer than the day that RequestRateAnomaly looks back
ALERTS_SINCE = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
SCRAPES = 4  # of each exporter, so that rates can be told
RULE_FILES = [path for path in (ROOT / "monitoring/prometheus").glob("*.yml") if path.name != "prometheus.yml"]
LIVE = 'up{instance=~"127.*"}'
CONFIG = "global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files: [RULES]\nscrape_configs:\n"


@contextmanager
def watched_platform(folder):
    """The server's connection."""
    with ExitStack() as stack:
        targets, store = _exporters(stack, folder)
        rules = {path.name: path.read_text() for path in RULE_FILES}
        server = stack.enter_context(PrivatePrometheus(files=rules, arguments=SERVER_ARGUMENTS))
        prom = stack.enter_context(connect(server.url))
        _fill(prom)
        targets["prometheus"] = f"127.0.0.1:{server.port}"
        jobs = "".join(f"- {{job_name: {n}, static_configs: [{{targets: ['{t}']}}]}}\n" for n, t in targets.items())
        server.reload({"prometheus.yml": CONFIG.replace("RULES", ", ".join(rules)) + jobs})
        _wait(prom, store)
        yield prom


def _exporters(stack, folder):
    """Addresses by job of real exporters: a machine with a review's metrics, a Redis, an Alertmanager."""
    node, store, store_exporter, manager = (free_port() for _ in range(4))
    _review(folder)
    (folder / "am.yml").write_text("route: {receiver: none}\nreceivers: [{name: none}]\n")
    listen = "web.listen-address=127.0.0.1:"
    for program, arguments in {
        "prometheus-node-exporter": f"--{listen}{node} --collector.processes --collector.textfile.directory={folder}",
        "redis-server": f"--bind 127.0.0.1 --port {store} --save  --maxmemory 64mb",
        "prometheus-redis-exporter": f"-{listen}{store_exporter} -redis.addr redis://127.0.0.1:{store}",
        "prometheus-alertmanager": f"--config.file=am.yml --cluster.listen-address= --{listen}{manager}",
    }.items():
        command = [find_program(program), *arguments.split(" ")]
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        stack.callback(_end, process)
    ports = {"node-exporter": node, "redis-exporter": store_exporter, "alertmanager": manager}
    return {job: f"127.0.0.1:{port}" for job, port in ports.items()}, store


def _end(process):
    process.terminate()
    process.wait(60)


def _review(folder):
    """What a review leaves: findings of two reports, one of which failed in its last run."""
    month = folder / "2026-10"
    put(month, document("threshold_drift", [finding(), finding(identity="b", severity="low")], share=0.5))
    put(month, document("login_anomalies", [finding("login_anomalies", severity="critical")]))
    write_summary(month, ["threshold_drift", "login_anomalies"])
    done = [Status("threshold_drift", "done", seconds=3.0), Status("login_anomalies", "done", seconds=2.0)]
    write_metrics(folder, month, "production", done)
    write_metrics(folder, month, "production", [done[0], Status("login_anomalies", "failed", "no answer")])


def _fill(prom):
    """A day of the platform with an attack at its end, what the rules recorded, and the alerts that fired."""
    now = datetime.now(UTC).replace(second=0, microsecond=0) + MINUTE
    window = Window(now - PAST, now)
    attack = make_attack("brute_force", now - ALERTS_SINCE, minutes=120, strength=8, country="BR")
    platform = make_platform(window, seed=7, rhythm=ConstantLoad(load=0.8), attacks=[attack])
    backfill(prom.api.url, platform.samples)
    groups = groups_of_files(RULE_FILES)
    backfill_recordings(prom, groups, window)
    for rule in (rule for group in groups for rule in group.alerts):
        _fire(prom, rule, now)


def _fire(prom, rule, now):
    """The rule's ALERTS of the last hour, its `for` left out."""
    frame = prom.range(rule.expr, now - ALERTS_SINCE, now, MINUTE)
    if not frame.shape[1]:
        return
    added = {**rule.labels, "alertname": rule.name, "alertstate": "firing"}
    names = [*(name for name in frame.columns.names if name not in added), *added]
    rows = [dict(zip(frame.columns.names, _key(key), strict=True)) | added for key in frame.columns]
    frame.columns = pd.MultiIndex.from_tuples([tuple(row[name] for name in names) for row in rows], names=names)
    backfill(prom.api.url, {"ALERTS": frame.where(frame.isna(), 1.0)})


def _key(key):
    return key if isinstance(key, tuple) else (key,)


def _wait(prom, store):
    """Until every exporter was scraped some times, while Redis is asked for keys, some of which are there."""
    with socket.create_connection(("127.0.0.1", store), timeout=30) as client:

        def scraped():
            client.sendall(b"SET there 1\r\nGET there\r\nGET missing\r\n")
            return len(prom.instant(f"min(count_over_time({LIVE}[1m])) >= {SCRAPES} and min({LIVE}) == 1"))

        until(scraped, told=prom.targets)
