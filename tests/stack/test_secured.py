"""Prometheus and Alertmanager behind TLS and basic authentication, as docs/security.md shows, read by promreview."""

import json
import os
import re
import subprocess
import sys

import pytest
import requests
from ruamel.yaml import YAML

from analysis.prometheus.private_server import PrivatePrometheus, free_port
from analysis.prometheus.programs import find_program
from tests.stack.native import ROOT
from tests.waiting import answers, until

PASSWORD = "reviewer-password"
HASH = "$2b$06$abcdefghijklmnopqrstuuSMl6Pa7w4P8Ii/N7vnA34add.25tNXW"  # of the password, six rounds


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a certificate of a made-up authority, and the web configuration of the documentation."""
    where = tmp_path_factory.mktemp("secured")
    shown = (ROOT / "docs/security.md").read_text()
    commands = re.search(r"```sh\n(# certificate.*?)```", shown, re.DOTALL)[1]
    subprocess.run(["bash", "-euc", commands], cwd=where, check=True, capture_output=True)
    web = re.search(r"```yaml\n(# web\.yml.*?)```", shown, re.DOTALL)[1]
    (where / "web.yml").write_text(re.sub(r"\$2b\$\S+", lambda _: HASH, web))
    (where / "password.txt").write_text(PASSWORD + "\n")
    (where / "prometheus.yml").write_text("global: {scrape_interval: 1s}\n")
    (where / "alertmanager.yml").write_text("route: {receiver: none}\nreceivers: [{name: none}]\n")
    return where


def served(folder, name, *arguments):
    """Start a program with web.yml; its URL, and the process."""
    port = free_port()
    command = [find_program(name), f"--config.file={name.removeprefix('prometheus-')}.yml", *arguments]
    command += ["--web.config.file=web.yml", f"--web.listen-address=127.0.0.1:{port}"]
    log = (folder / f"{name}.log").open("wb")
    process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    log.close()
    url = f"https://localhost:{port}"

    def ready():
        assert process.poll() is None, (folder / f"{name}.log").read_text()
        return answers(f"{url}/-/ready", verify=folder / "ca.pem", auth=("reviewer", PASSWORD))

    until(ready)
    return url, process


@pytest.fixture(scope="module")
def prometheus(folder):
    url, process = served(folder, "prometheus", "--storage.tsdb.path=data")
    yield url
    process.terminate()
    process.wait(30)


def promreview(folder, url, **environment):
    variables = {"PROMETHEUS_URL": url, "PROMETHEUS_CA_FILE": str(folder / "ca.pem"), "PROMETHEUS_ARCHIVE": "off"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PROMETHEUS_")}
    command = [sys.executable, "-m", "analysis", "pull", "vector(1)", "--start", "-1m", "--step", "15s"]
    command += ["--timeout", "20"]
    everything = {name: value for name, value in (kept | variables | environment).items() if value}
    return subprocess.run(command, env=everything, capture_output=True, text=True, check=False, timeout=120)


def credentials(folder):
    return {"PROMETHEUS_USERNAME": "reviewer", "PROMETHEUS_PASSWORD_FILE": str(folder / "password.txt")}


def test_promreview_reads_a_secured_prometheus(folder, prometheus):
    ran = promreview(folder, prometheus, **credentials(folder))
    assert ran.returncode == 0, ran.stderr
    assert len(ran.stdout.strip().splitlines()) >= 4


@pytest.mark.parametrize("changed", [{"PROMETHEUS_PASSWORD_FILE": "wrong.txt"}, {"PROMETHEUS_CA_FILE": ""}])
def test_without_the_password_or_the_authority_it_is_refused_in_one_line(folder, prometheus, changed):
    (folder / "wrong.txt").write_text("another")
    changed = {name: value and str(folder / value) for name, value in changed.items()}
    ran = promreview(folder, prometheus, **(credentials(folder) | changed))
    assert ran.returncode == 3, ran.stderr
    assert len(ran.stderr.strip().splitlines()) == 1
    assert PASSWORD not in ran.stderr + ran.stdout
    assert "local issuer certificate; look at" in ran.stderr or "answers 401" in ran.stderr


def test_nobody_reads_it_without_credentials(folder, prometheus):
    asked = requests.get(f"{prometheus}/api/v1/query?query=1", verify=folder / "ca.pem", timeout=30)
    assert asked.status_code == 401


@pytest.fixture
def alertmanager(folder):
    url, process = served(folder, "prometheus-alertmanager", "--storage.path=am", "--cluster.listen-address=")
    yield url
    process.terminate()
    process.wait(30)


@pytest.fixture
def exporters(folder):
    """Addresses of node_exporter and redis_exporter, each behind TLS."""
    ports = {"node": free_port(), "redis": free_port()}
    commands = {
        "node": ["prometheus-node-exporter", "--web.config.file=web.yml", "--web.listen-address"],
        "redis": ["prometheus-redis-exporter", "-tls-server-cert-file=server.pem", "-tls-server-key-file=server.key"],
    }
    commands["redis"].append("-web.listen-address")
    started = []
    for name, (program, *arguments) in commands.items():
        command = [find_program(program), *arguments, f"127.0.0.1:{ports[name]}"]
        started.append(subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    yield {name: f"localhost:{port}" for name, port in ports.items()}
    for process in started:
        process.terminate()
        process.wait(30)


def documented(key):
    """The section of prometheus.yml that the page shows under this key."""
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/security.md").read_text(), re.DOTALL)
    return next(loaded[key] for block in blocks if key in (loaded := YAML(typ="safe").load(block)))


def test_nobody_asks_a_secured_alertmanager_without_credentials(folder, alertmanager):
    assert requests.get(f"{alertmanager}/api/v2/status", verify=folder / "ca.pem", timeout=30).status_code == 401


def scraped_jobs(folder, alertmanager):
    """Jobs of the alerts that this Alertmanager has."""
    asked = {"verify": folder / "ca.pem", "auth": ("reviewer", PASSWORD), "timeout": 30}
    return {alert["labels"]["job"] for alert in requests.get(f"{alertmanager}/api/v2/alerts", **asked).json()}


def test_prometheus_scrapes_and_alerts_through_tls_as_the_page_shows(folder, alertmanager, exporters):
    (scraped,) = documented("scrape_configs")
    (told,) = documented("alerting")["alertmanagers"]
    redis = {"job_name": "redis-exporter", "scheme": "https", "tls_config": scraped["tls_config"]}
    jobs = {"node": scraped, "redis": redis}
    for name, job in jobs.items():
        job.pop("file_sd_configs", None)
        job["static_configs"] = [{"targets": [exporters[name]]}]
    told.pop("file_sd_configs")
    told["static_configs"] = [{"targets": [alertmanager.removeprefix("https://")]}]
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": ["rules.yml"],
        "alerting": {"alertmanagers": [told]},
        "scrape_configs": list(jobs.values()),
    }
    rules = "groups: [{name: g, rules: [{alert: Scraped, expr: up == 1}]}]\n"
    files = {name: (folder / name).read_text() for name in ("ca.pem", "password.txt")} | {"rules.yml": rules}
    with PrivatePrometheus(json.dumps(config), files):
        until(lambda: scraped_jobs(folder, alertmanager) == {"node-exporter", "redis-exporter"})
    bare = requests.get(f"https://{exporters['node']}/metrics", verify=folder / "ca.pem", timeout=30)
    assert bare.status_code == 401
    with pytest.raises(requests.RequestException):
        requests.get(f"http://{exporters['redis']}/metrics", timeout=30).raise_for_status()
