"""Every command of scripts/start-monitoring.sh, on the real programs."""

import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from analysis.cardinality.templating import askable
from analysis.prometheus.promql import metric_names
from tests.stack import boards, played_grafana
from tests.stack.native import ROOT, SCRIPT, NativeStack, runs
from tests.waiting import until

SERVICES = [
    "redis",
    "redis-exporter",
    "node-exporter",
    "stand-in",
    "forwarder",
    "alertmanager",
    "prometheus",
    "grafana",
]


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """The whole stack; Grafana is not to be had here, and is played."""
    folder = tmp_path_factory.mktemp('a "stack"')
    with NativeStack(folder, **played_grafana.installed(folder)) as native:
        started = native.run("start")
        assert started.returncode == 0, started.stderr
        native.started = started
        yield native


def retention(stack):
    """For how long the stack's Prometheus keeps metrics."""
    return ask(stack, "prometheus", "/api/v1/status/flags")["storage.tsdb.retention.time"]


def ask(stack, service, path):
    """The data of an answer of its API."""
    return requests.get(stack.url(service) + path, timeout=30).json()["data"]


def healthy(stack):
    """Wait until everything is well; a machine that stalls misses a scrape, which is told until the next one."""
    seen = []

    def well():
        seen.append(stack.run("health"))
        return seen[-1].returncode == 0 and not re.search("DOWN|unknown", seen[-1].stdout)

    until(well, told=lambda: seen[-1].stdout)


def listeners(numbers):
    """Addresses that these processes listen on."""
    said = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True, check=True).stdout
    lines = [line for line in said.splitlines() if any(f"pid={number}," in line for number in numbers)]
    return [line.split()[3] for line in lines]


def test_everything_is_up_and_says_where(stack):
    assert "http://localhost:" in stack.started.stdout
    assert "No auth" in stack.started.stdout
    assert set(stack.processes()) >= set(SERVICES)
    healthy(stack)
    assert "grafana_password.txt" in stack.run("endpoints").stdout


def test_nothing_listens_beyond_loopback(stack):
    addresses = listeners(stack.processes().values())
    assert len(addresses) >= 10
    assert [address for address in addresses if not address.startswith(("127.0.0.1:", "[::1]:"))] == []


def test_secrets_are_random_and_for_nobody_else(stack):
    folder = stack.folder / "secrets"
    files = list(folder.iterdir())
    assert {"grafana_password.txt", "redis_password.txt", "forwarder_token.txt"} <= {file.name for file in files}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert len({file.read_text() for file in files}) == len(files)
    assert min(len(file.read_text().strip()) for file in files) >= 24
    arguments = [Path(f"/proc/{n}/cmdline").read_bytes().decode() for n in stack.processes().values()]
    assert not [line for line in arguments for file in files if file.read_text().strip() in line]


def test_who_is_told_nothing_yet_is_said_and_known_to_prometheus(stack):
    said = next(line for line in stack.started.stderr.splitlines() if "nobody is told by" in line)
    files = {"email": "smtp_password.txt", "slack": "slack_url.txt", "pagerduty": "pagerduty_key.txt"}
    for integration, file in files.items():
        assert re.search(rf"{integration} \([^)]*/secrets/{file}\)", said)
        assert (stack.folder / "secrets" / file).read_text().startswith("placeholder-")
    assert "nobody notices when the monitoring itself dies" in stack.started.stderr

    def placeholders():
        found = ask(stack, "prometheus", "/api/v1/query?query=monitoring_receiver_placeholder")["result"]
        return {series["metric"]["integration"]: series["value"][1] for series in found}

    until(lambda: placeholders() == dict.fromkeys(files, "1"), told=placeholders)
    (stack.folder / "secrets/slack_url.txt").write_text("https://hooks.example.com/real")
    (stack.folder / "secrets/heartbeat_url.txt").write_text("https://ping.example.com/real")
    again = stack.run("start").stderr
    assert "slack" not in again
    assert "nobody notices" not in again
    until(lambda: placeholders()["slack"] == "0", told=placeholders)


def test_a_second_start_changes_nothing(stack):
    before = stack.processes()
    again = stack.run("start")
    assert again.returncode == 0, again.stderr
    assert "runs already" in again.stderr
    assert stack.processes() == before


def test_the_jobs_and_instances_are_those_of_the_compose_file(stack):
    written = "".join(path.read_text() for path in (ROOT / "monitoring/prometheus/targets").glob("*.yml"))
    labels = set(re.findall(r"instance: '(.*)'", written))

    def up():
        found = ask(stack, "prometheus", "/api/v1/query?query=up")["result"]
        return {(series["metric"]["instance"], series["value"][1]) for series in found}

    until(lambda: up() == {(instance, "1") for instance in labels}, told=up)
    jobs = {series["metric"]["job"] for series in ask(stack, "prometheus", "/api/v1/query?query=up")["result"]}
    assert jobs >= {"auth-service", "policy-service", "dashboard", "node-exporter"}
    assert retention(stack) == "15d"


def test_grafana_gets_its_port_its_password_and_what_it_provisions(stack):
    seen = played_grafana.environment(stack.folder)
    assert (seen["GF_SERVER_HTTP_ADDR"], seen["GF_SECURITY_ADMIN_USER"]) == ("127.0.0.1", "admin")
    assert seen["GF_SERVER_HTTP_PORT"] == str(stack.ports["GRAFANA_PORT"])
    assert Path(seen["GF_SECURITY_ADMIN_PASSWORD__FILE"]) == stack.folder / "secrets/grafana_password.txt"
    for source in boards.provisioned("datasources", seen)["datasources"]:
        assert requests.get(f"{source['url']}/-/ready", timeout=30).status_code == 200, source
    [provider] = boards.provisioned("dashboards", seen)["providers"]
    assert sorted(Path(provider["options"]["path"]).rglob("*.json")) == boards.FILES


def test_the_live_services_have_every_metric_that_the_dashboards_ask_for(stack):
    """What rules record and what a review leaves comes later; both are tried elsewhere."""
    asked = {
        name for query in boards.QUERIES if query.kind == "panel" for name in metric_names(next(askable(query.expr)))
    }
    asked = {name for name in asked if ":" not in name and not name.startswith(("ALERTS", "promreview_"))}

    def missing():
        return asked - set(ask(stack, "prometheus", "/api/v1/label/__name__/values"))

    until(lambda: not missing(), told=missing)
    assert len(asked) > 40


def test_node_exporter_shows_process_statistics(stack):
    assert "node_processes_state" in requests.get(f"{stack.url('node_exporter')}/metrics", timeout=30).text


def test_status_and_logs_name_every_service(stack):
    status, logs = stack.run("status").stdout, stack.run("logs").stdout
    for service in SERVICES:
        assert re.search(rf"^{service} +running", status, re.MULTILINE)
    assert {"prometheus", "alertmanager"} <= {line.split(" | ")[0] for line in logs.splitlines()}
    only = stack.run("logs", "alertmanager").stdout.splitlines()
    assert only
    assert {line.split(" | ")[0] for line in only} == {"alertmanager"}
    assert stack.run("logs", "nonsense").returncode == 2


def test_health_says_what_is_down_and_restart_mends_it(stack):
    os.kill(stack.processes()["redis-exporter"], signal.SIGKILL)
    health = stack.run("health")
    assert health.returncode == 1
    assert re.search("^redis-exporter +DOWN", health.stdout, re.MULTILINE)
    assert re.search("^prometheus +ok", health.stdout, re.MULTILINE)
    before = stack.processes()
    restarted = stack.run("restart", PROMETHEUS_RETENTION="20d")
    assert restarted.returncode == 0, restarted.stderr
    assert retention(stack) == "20d"
    healthy(stack)
    assert not set(before.values()) & set(stack.processes().values())
    assert not [number for number in before.values() if runs(number)]


def test_stop_ends_what_start_has_started_and_nothing_else(stack):
    """A file that names somebody else's process, as after a restart of the machine, ends nobody."""
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1200)"])
    try:
        ours = stack.processes()
        exporter = stack.folder / "data/run/node-exporter.pid"
        kept = exporter.read_text()
        exporter.write_text(f"{other.pid} 12345\n")
        stopped = stack.run("stop")
        assert stopped.returncode == 0
        assert other.poll() is None
        assert runs(ours["node-exporter"])
        assert not [n for name, n in ours.items() if name != "node-exporter" and runs(n)]
        exporter.write_text(kept)
        assert stack.run("stop").returncode == 0
        assert not runs(ours["node-exporter"])
        assert stack.run("stop").returncode == 0
    finally:
        other.kill()
        other.wait()


def test_a_port_in_use_is_named_with_its_owner_and_nothing_is_started(tmp_path):
    native = NativeStack(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", native.ports["PROMETHEUS_PORT"]))
        taken.listen()
        refused = native.run("start")
    assert refused.returncode == 2
    assert f"port {native.ports['PROMETHEUS_PORT']} for prometheus is in use by" in refused.stderr
    assert f"process {os.getpid()};" in refused.stderr
    assert "PROMETHEUS_PORT" in refused.stderr
    assert native.processes() == {}


def test_an_interrupted_start_leaves_what_it_started_running_and_a_second_one_takes_it_up(tmp_path):
    deaf = tmp_path / "bin" / "curl"  # so that it waits until it is interrupted
    deaf.parent.mkdir()
    deaf.write_text("#!/bin/sh\nexit 7\n")
    deaf.chmod(0o755)
    with NativeStack(tmp_path) as native:
        script = subprocess.Popen(
            ["bash", str(SCRIPT)],
            env=native.environment | {"PATH": f"{deaf.parent}:{os.environ['PATH']}"},
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        until(lambda: "prometheus" in native.processes())
        os.killpg(script.pid, signal.SIGINT)  # as Ctrl-C does: to every process of the terminal's foreground
        _, said = script.communicate(timeout=200)
        assert script.returncode == 130
        assert "interrupted" in said
        numbers = native.processes()
        assert all(runs(number) for number in numbers.values())
        again = native.run("start")
        assert again.returncode == 0, again.stderr
        assert native.processes() == numbers


def test_what_ends_at_once_is_told_with_its_last_words(tmp_path):
    shutil.copytree(ROOT / "monitoring", tmp_path / "config")
    with (tmp_path / "config/alertmanager/alertmanager.yml").open("a") as file:
        file.write("nonsense: true\n")
    with NativeStack(tmp_path, MONITORING_CONFIG=str(tmp_path / "config")) as native:
        refused = native.run("start")
    assert refused.returncode == 1
    assert re.search(
        "^alertmanager +DOWN: it has ended; its last words: .*field nonsense not found", refused.stderr, re.MULTILINE
    )


def test_a_program_that_is_missing_is_named_before_anything_is_started(tmp_path):
    native = NativeStack(tmp_path, PROMREVIEW_PROMETHEUS="no-prometheus", MONITORING_PYTHON="/bin/false")
    refused = native.run("start")
    assert refused.returncode == 2
    assert "no-prometheus for prometheus is not installed" in refused.stderr
    assert "/bin/false does not have promreview" in refused.stderr
    assert native.processes() == {}


@pytest.mark.parametrize(
    ("arguments", "said"), [(["begin"], "there is no command begin"), (["logs", "a", "b"], "usage:")]
)
def test_wrong_usage_is_told(tmp_path, arguments, said):
    ran = NativeStack(tmp_path).run(*arguments)
    assert ran.returncode == 2
    assert said in ran.stderr


def test_without_a_docker_engine_the_deployment_says_so(tmp_path):
    ran = subprocess.run(
        ["bash", str(ROOT / "deploy-docker-production.sh")],
        env=NativeStack(tmp_path).environment | {"DOCKER_HOST": "tcp://127.0.0.1:9"},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert ran.returncode == 2
    assert "MONITORING_MODE=native" in ran.stderr


def test_the_scripts_pass_shellcheck():
    scripts = [*sorted((ROOT / "scripts").glob("*monitoring*.sh")), ROOT / "deploy-docker-production.sh"]
    ran = subprocess.run(
        [str(Path(sys.executable).with_name("shellcheck")), "-x", *map(str, scripts)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert ran.returncode == 0, ran.stdout
