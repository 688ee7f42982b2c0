"""Prometheus and Alertmanager behind TLS and basic authentication, as docs/security.md shows, read by promreview."""

import os
import re
import subprocess
import sys
import time

import pytest
import requests

from analysis.prometheus.private_server import free_port
from analysis.prometheus.programs import find_program
from tests.stack.native import ROOT

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
    deadline = time.monotonic() + 60
    while True:
        try:
            answer = requests.get(f"{url}/-/ready", verify=folder / "ca.pem", auth=("reviewer", PASSWORD), timeout=10)
            if answer.status_code == 200:
                return url, process
        except requests.ConnectionError:
            pass
        assert process.poll() is None, (folder / f"{name}.log").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.2)


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


def test_nobody_reads_it_without_credentials(folder, prometheus):
    asked = requests.get(f"{prometheus}/api/v1/query?query=1", verify=folder / "ca.pem", timeout=30)
    assert asked.status_code == 401


def test_alertmanager_takes_the_same_file(folder):
    arguments = ("--storage.path=am", "--cluster.listen-address=")
    url, process = served(folder, "prometheus-alertmanager", *arguments)
    try:
        assert requests.get(f"{url}/api/v2/status", verify=folder / "ca.pem", timeout=30).status_code == 401
    finally:
        process.terminate()
        process.wait(30)
