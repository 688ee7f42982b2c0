"""The doctor tells the guide's three cases apart, on real servers; Grafana is not to be had here and is played."""

import json
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

from analysis import connect
from analysis.prometheus.private_server import PrivatePrometheus
from analysis.prometheus.programs import find_program
from analysis.stack.check import Check
from analysis.stack.doctor import examine
from analysis.stack.troubleshooting import CASES, cases, grafana

RULES = "groups: [{name: g, rules: [{alert: A, expr: vector(0) > 1}]}]\n"
CONFIG = """global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [rules.yml]
alerting: {alertmanagers: [{static_configs: [{targets: ['MANAGER']}]}]}
scrape_configs: [{job_name: self, scrape_timeout: 1s, static_configs: [{targets: ['TARGET']}]}]
"""


def examined(server, target, manager):
    """The checks by name, once the server has scraped this target and knows this Alertmanager and no other."""
    config = CONFIG.replace("TARGET", target).replace("MANAGER", manager)
    server.reload({"prometheus.yml": config, "rules.yml": RULES})
    deadline = time.monotonic() + 60
    with connect(server.url) as prom:
        while (seen := _configured(prom)) != {(target, True), (manager, True)}:
            assert time.monotonic() < deadline, seen
            time.sleep(0.2)
        return {check.name: check for check in examine(prom, [])}


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
    checks = examined(server, f"127.0.0.1:{server.port}", alertmanager)
    for name in ("targets", "rules", "alertmanager"):
        assert checks[name].state == "ok", checks[name]
    assert cases(checks.values()) == []


def test_prometheus_not_scraping(server, alertmanager):
    checks = examined(server, "127.0.0.1:9", alertmanager)
    assert cases(checks.values()) == ["Prometheus not scraping metrics"]
    assert "refused" in checks["targets"].detail


def test_alerts_not_firing(server):
    checks = examined(server, f"127.0.0.1:{server.port}", "127.0.0.1:9")
    assert cases(checks.values()) == ["Alerts not firing"]
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
    with PlayedGrafana(statuses) as url:
        checks = list(grafana(url, {"GRAFANA_PASSWORD": "hidden"}))
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


class PlayedGrafana:
    """Answers like Grafana's API, with these statuses in place of 200."""

    def __init__(self, statuses):
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self.handler(statuses))

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    @staticmethod
    def handler(statuses):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                body = json.dumps([{"type": "prometheus", "uid": "p", "name": "Prometheus"}]).encode()
                self.send_response(statuses.get(self.path, 200))
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        return Handler
