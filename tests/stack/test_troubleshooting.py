"""The doctor tells the guide's three cases apart, on real servers; Grafana is not to be had here and is played."""

import json
import re
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import HTTPError
from urllib.parse import urlsplit

import pytest

from analysis import connect
from analysis.prometheus.private_server import PrivatePrometheus
from analysis.prometheus.programs import find_program
from analysis.stack.check import Check
from analysis.stack.doctor import examine
from analysis.stack.scraping import cause, targets
from analysis.stack.troubleshooting import CASES, cases, configuration, grafana
from tests.prometheus.faulty_server import before
from tests.waiting import until

RULES = "groups: [{name: g, rules: [{alert: A, expr: vector(0) > 1}]}]\n"
CONFIG = """global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [rules.yml]
alerting: {alertmanagers: [{static_configs: [{targets: ['MANAGER']}]}]}
scrape_configs: [{job_name: self, scrape_timeout: 1s, static_configs: [{targets: ['TARGET']}]}]
"""


def examined(server, target, manager, expected):
    """The checks by name, once the server knows this target and this Alertmanager alone, and these are the cases.

    A machine that stalls misses a scrape, which is a case of its own for as long as a second.
    """
    config = CONFIG.replace("TARGET", target).replace("MANAGER", manager)
    server.reload({"prometheus.yml": config, "rules.yml": RULES})
    with connect(server.url) as prom:
        wanted = {(target, True), (manager, True)}
        until(lambda: _configured(prom) == wanted, told=lambda: _configured(prom))
        checks = {}

        def seen():
            checks.update((check.name, check) for check in examine(prom, []))
            return cases(checks.values()) == expected

        until(seen, told=checks.values)
        return checks


def _configured(prom):
    """Addresses that the server goes by, each with whether it was tried: a reload takes effect only seconds later."""
    targets = prom.targets()["activeTargets"]
    managers = prom.api.get("alertmanagers").get("activeAlertmanagers")
    scraped = {(urlsplit(target["scrapeUrl"]).netloc, target["health"] != "unknown") for target in targets}
    return scraped | {(urlsplit(manager["url"]).netloc, True) for manager in managers}


@pytest.fixture(scope="module")
def server():
    with PrivatePrometheus() as one:
        yield one


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory):
    folder = tmp_path_factory.mktemp("am")
    (folder / "am.yml").write_text("route: {receiver: none}\nreceivers: [{name: none}]\n")
    from analysis.prometheus.private_server import free_port

    port = free_port()
    command = [find_program("prometheus-alertmanager"), "--config.file=am.yml", "--cluster.listen-address="]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--storage.path=data"]
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.DEVNULL) as process:
        yield f"127.0.0.1:{port}"
        process.terminate()


def test_all_is_well(server, alertmanager):
    checks = examined(server, f"127.0.0.1:{server.port}", alertmanager, [])
    for name in ("targets", "rules", "alertmanager"):
        assert checks[name].state == "ok", checks[name]


def test_prometheus_not_scraping(server, alertmanager):
    checks = examined(server, "127.0.0.1:9", alertmanager, ["Prometheus not scraping metrics"])
    assert "refused" in checks["targets"].detail


def test_each_reason_why_a_target_does_not_answer_is_told_apart(server, alertmanager):
    pages = {"/secret": 401, "/gone": 404, "/bad": 200, "/slow": 200}
    with Page(pages, slow="/slow") as address:
        jobs = {
            "locked": (address, "metrics_path: /secret, params: {token: [hidden-token]}"),
            "moved": (address, "metrics_path: /gone"),
            "prose": (address, "metrics_path: /bad"),
            "slow": (address, "metrics_path: /slow"),
            "plain": (address, "scheme: https"),
            "nobody": ("127.0.0.1:9", ""),
        }
        scrapes = "".join(
            f"  - {{job_name: {name}, static_configs: [{{targets: ['{where}']}}], {more}}}\n"
            for name, (where, more) in jobs.items()
        )
        with (
            PrivatePrometheus(
                "global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n" + scrapes
            ) as broken,
            connect(broken.url) as prom,
        ):
            # a machine that stalls makes any of them too slow, until the next scrape
            until(lambda: told_apart(prom), told=lambda: errors(prom))
            until(lambda: targets(prom).detail.startswith("6 of 6 targets"))
            found = targets(prom)
    assert set(EXPECTED) == set(jobs)
    assert found.state == "failed"
    assert "and 3 more" in found.detail
    assert "hidden-token" not in found.detail


def test_a_target_that_was_not_scraped_yet_is_not_called_well():
    config = "scrape_configs: [{job_name: rare, scrape_interval: 1h, static_configs: [{targets: ['127.0.0.1:9']}]}]\n"
    with PrivatePrometheus(config) as server, connect(server.url) as prom:
        until(lambda: prom.targets()["activeTargets"])
        found = targets(prom)
    assert found.state == "unknown"
    assert "not been scraped yet" in found.detail


@pytest.mark.parametrize(("ahead", "state"), [(90, "failed"), (-3600, "failed"), (0, "ok")])
def test_a_servers_clock_that_is_off_is_told(server, ahead, state):
    def fault(path, _):
        if "query=time" not in path:
            return None
        now = time.time() + ahead
        data = {"resultType": "scalar", "result": [now, str(now)]}
        return 200, json.dumps({"status": "success", "data": data}).encode()

    with before(server.url, fault) as relay, connect(relay) as prom:
        [clock] = [check for check in examine(prom, []) if check.name == "clock"]
    assert clock.state == state
    if ahead:
        assert abs(float(re.search(r"[+-][\d.]+", clock.detail)[0]) - ahead) < 60  # a machine may stall meanwhile


def test_a_rule_that_is_wrong_is_told_though_the_old_ones_work_on():
    with PrivatePrometheus("rule_files: [rules.yml]\n", {"rules.yml": RULES}) as server, connect(server.url) as prom:
        assert configuration(prom).state == "ok"
        with pytest.raises(HTTPError):
            server.reload({"rules.yml": RULES.replace("vector(0)", "vector(")})
        checks = list(examine(prom, []))
    [found] = [check for check in checks if check.name == "configuration"]
    assert found.state == "failed"
    assert "promtool check config" in found.advice
    assert "Alerts not firing" in cases(checks)


def test_a_server_behind_tls_that_is_asked_without_says_so():
    """What Go's own server answers; a real one runs behind TLS in test_secured."""
    said = b"Client sent an HTTP request to an HTTPS server.\n"
    with Page({"/api/v1/status/buildinfo": 400}, body=said) as address:
        command = [sys.executable, "-m", "analysis", "doctor", "--url", f"http://{address}"]
        ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert ran.returncode == 3
    assert "begin the URL with https://" in ran.stderr


def test_alerts_not_firing(server):
    checks = examined(server, f"127.0.0.1:{server.port}", "127.0.0.1:9", ["Alerts not firing"])
    assert checks["alertmanager"].state == "failed"


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ({}, {"grafana": "ok", "datasource": "ok"}),
        ({"/api/health": 503}, {"grafana": "failed"}),
        ({"/api/datasources": 401}, {"grafana": "ok", "datasource": "unknown"}),
        ({"/api/datasources/uid/p/health": 400}, {"grafana": "ok", "datasource": "failed"}),
    ],
)
def test_grafana_and_its_data_source(statuses, expected):
    with played_grafana(statuses) as address:
        checks = list(grafana(f"http://{address}", {"GRAFANA_PASSWORD": "hidden"}))
    assert {check.name: check.state for check in checks} == expected
    loading = "failed" in expected.values()
    assert cases(checks) == (["Grafana dashboard not loading"] if loading else [])
    assert "hidden" not in repr(checks)


def test_a_grafana_that_is_down():
    assert cases(grafana("http://127.0.0.1:9")) == ["Grafana dashboard not loading"]


def test_every_case_has_checks_that_exist(server):
    with connect(server.url) as prom:
        names = {check.name for check in examine(prom, [])} | {"grafana", "datasource"}
    assert {name for names_of_case in CASES.values() for name in names_of_case} <= names
    assert cases([Check("targets", "unknown", "")]) == []


def test_the_command_says_which_case_it_is(server):
    command = [sys.executable, "-m", "analysis", "doctor", "--url", server.url, "--grafana", "http://127.0.0.1:9"]
    table = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert table.returncode == 1
    assert "the case: Grafana dashboard not loading" in table.stdout
    asked = subprocess.run([*command, "--format", "json"], capture_output=True, text=True, check=False, timeout=120)
    assert "Grafana dashboard not loading" in json.loads(asked.stdout)["cases"]


EXPECTED = {
    "locked": "credentials",
    "moved": "metrics_path",
    "prose": "exposition format",
    "slow": "too slowly",
    "plain": "plain HTTP",
    "nobody": "nothing listens",
}


def errors(prom):
    """What is wrong with each job's target."""
    return {target["labels"]["job"]: target["lastError"] for target in prom.targets()["activeTargets"]}


def told_apart(prom):
    """Whether every job's target is down for the reason that was planted."""
    seen = errors(prom)
    return seen.keys() == EXPECTED.keys() and all(word in cause(seen[name]) for name, word in EXPECTED.items())


class Page:
    """A server that answers these paths with these statuses, every other with `otherwise`, always with one body.

    One of the paths is answered later than any scrape waits.
    """

    def __init__(self, statuses, *, body=b"this is prose, not metrics\n", otherwise=404, slow=""):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                path = self.path.split("?")[0]
                time.sleep(2 if path == slow else 0)
                self.send_response(statuses.get(path, otherwise))
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return f"127.0.0.1:{self.server.server_address[1]}"

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def played_grafana(statuses):
    """Answers like Grafana's API, with these statuses in place of 200."""
    sources = [{"type": "prometheus", "uid": "p", "name": "Prometheus"}]
    return Page(statuses, body=json.dumps(sources).encode(), otherwise=200)
