"""The shipped alert rules: labelled, explained, and tested so that a wrong threshold would be noticed."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from analysis.prometheus.programs import find_program
from analysis.prometheus.promql import comparisons, format_number, parse, with_thresholds
from analysis.prometheus.rule_files import groups_of_files

FOLDER = Path("monitoring/prometheus")
TESTED = sorted(path.name for path in (FOLDER / "tests").glob("*.yml"))
ALERTS = [(name, rule) for name in TESTED for group in groups_of_files([FOLDER / name]) for rule in group.alerts]
IDS = [rule.name for _, rule in ALERTS]
HEARTBEAT = "Watchdog"  # never silent, by design


def promtool(*arguments, cwd=None):
    command = [find_program("promtool"), *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=120)


def unit_tests(folder, name):
    return promtool("test", "rules", name, cwd=folder / "tests")


def copied(tmp_path, name, text, alert):
    """These rules with the tests of one alert, which have to notice by themselves."""
    (tmp_path / "tests").mkdir()
    (tmp_path / name).write_text(text)
    tests = yaml.safe_load((FOLDER / "tests" / name).read_text())
    tests["tests"] = [test for test in tests["tests"] if test["name"].split()[0] == alert]
    (tmp_path / "tests" / name).write_text(yaml.safe_dump(tests))
    return tmp_path


def test_every_file_with_alerts_has_tests():
    with_alerts = {
        path.name for path in FOLDER.glob("*.yml") if re.search(r"^\s+- alert:", path.read_text(), re.MULTILINE)
    }
    assert set(TESTED) == with_alerts


@pytest.mark.parametrize("name", TESTED)
def test_the_shipped_rules_pass_their_unit_tests(name):
    checked, run = promtool("check", "rules", str(FOLDER / name)), unit_tests(FOLDER, name)
    assert checked.returncode == 0, checked.stderr
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize(("name", "rule"), ALERTS, ids=IDS)
def test_every_alert_is_tested_both_ways(name, rule):
    text = (FOLDER / "tests" / name).read_text()
    assert f"name: {rule.name} fires" in text
    assert (f"name: {rule.name} stays silent" in text) != (rule.name == HEARTBEAT)


MOVABLE = [
    (name, rule)
    for name, rule in ALERTS
    if any(compared.threshold for compared in comparisons(parse(rule.expr)))  # ten times 0 is 0
]


@pytest.mark.parametrize("factor", [10.0, 0.1])
@pytest.mark.parametrize(("name", "rule"), MOVABLE, ids=[rule.name for _, rule in MOVABLE])
def test_a_threshold_that_is_wrong_tenfold_is_noticed(tmp_path, name, rule, factor):
    tree = parse(rule.expr)
    moved = {place: compared.threshold * factor for place, compared in enumerate(comparisons(tree))}
    text = (FOLDER / name).read_text()
    line = re.search(
        rf"- alert: {rule.name}\n\s+expr: (?:[|>]-?\n)?(.*?)\n\s+(?:for|labels|keep_firing_for):", text, re.DOTALL
    )
    wrong = text[: line.start(1)] + " ".join(with_thresholds(tree, moved).split()) + text[line.end(1) :]
    assert format_number(next(iter(moved.values()))) in wrong
    assert unit_tests(copied(tmp_path, name, wrong, rule.name), name).returncode != 0


@pytest.mark.parametrize(("name", "rule"), ALERTS, ids=IDS)
def test_every_alert_says_who_what_and_where_to_look(name, rule):
    assert {"severity", "category", "respond_within"} <= rule.labels.keys()
    of_a_service = "service:" in rule.expr or "service_" in rule.expr  # these metrics bring the label
    assert "service" in rule.labels or of_a_service or "escalated" in rule.labels  # the last keep that of their alert
    assert rule.annotations["summary"]
    assert rule.annotations["description"]
    runbook = Path("docs/runbooks", f"{rule.name}.md")
    assert rule.annotations["runbook_url"].endswith(str(runbook))
    text = runbook.read_text()
    assert "## Check first" in text
    assert rule.name in text
