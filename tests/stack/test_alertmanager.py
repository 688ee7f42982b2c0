"""The routing table of the guide, row by row, as Alertmanager's own tool reads it."""

import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from analysis.prometheus.programs import find_program
from analysis.prometheus.rule_files import groups_of_files
from analysis.window import parse_duration

CONFIG = "monitoring/alertmanager/alertmanager.yml"
ROWS = [
    ("critical", "security", ["security", "email-slack-pagerduty"]),
    ("critical", "infrastructure", ["default", "email-slack"]),
    ("high", "security", ["security", "email-slack"]),
    ("high", "performance", ["default", "slack"]),
    ("medium", "performance", ["default", "email"]),
    ("medium", "security", ["security", "email"]),
    ("low", "infrastructure", ["default"]),
    ("none", "heartbeat", ["heartbeat"]),
]
RESPONSE = {
    ("critical", "security"): "immediately",
    ("critical", "infrastructure"): "5m",
    ("high", "security"): "30m",
    ("high", "performance"): "1h",
}
MEDIUM = "4h"  # whatever the category


def amtool(*arguments):
    return subprocess.run([find_program("amtool"), *arguments], capture_output=True, text=True, check=False, timeout=60)


def test_the_configuration_is_right():
    checked = amtool("check-config", CONFIG)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize(("severity", "category", "receivers"), ROWS)
def test_each_row_goes_to_its_receivers(severity, category, receivers):
    labels = [f"severity={severity}", f"category={category}"]
    labels += ["alertname=Watchdog"] if category == "heartbeat" else []
    verified = f"--verify.receivers={','.join(receivers)}"
    told = amtool("config", "routes", "test", f"--config.file={CONFIG}", verified, *labels)
    assert told.returncode == 0, told.stdout + told.stderr


def test_the_heartbeat_comes_more_often_than_anybody_waits_for_it():
    route, *_ = YAML(typ="safe").load(Path(CONFIG).read_text())["route"]["routes"]
    assert (route["matchers"], route["receiver"]) == (['alertname="Watchdog"'], "heartbeat")
    assert "continue" not in route
    assert parse_duration(route["repeat_interval"]) <= timedelta(minutes=5)


def test_the_response_time_of_the_table_stands_on_every_alert():
    seen = set()
    for path in Path("monitoring/prometheus").glob("*.yml"):
        if path.name == "prometheus.yml":
            continue
        for rule in (rule for group in groups_of_files([path]) for rule in group.alerts):
            row = rule.labels["severity"], rule.labels["category"]
            seen.add(row)
            due = MEDIUM if row[0] == "medium" else RESPONSE.get(row, rule.labels["respond_within"])
            assert rule.labels["respond_within"] == due, rule.name
    assert seen >= RESPONSE.keys()
    assert "medium" in {severity for severity, _ in seen}


def test_no_secret_stands_in_the_configuration():
    text = Path(CONFIG).read_text()
    assert "password:" not in text
    assert "api_url:" not in text
    assert "routing_key:" not in text
