"""The guide of this repository says what is: its commands, alerts, ports and metrics, held against the stack."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from analysis.prometheus.rule_files import groups_of_files
from analysis.settings import load_settings
from analysis.settings.upkeep import MonitoringGapsSettings
from analysis.upkeep import review_gaps
from analysis.upkeep.documentation import parts, section_states, sections
from tests.stack.native import ROOT
from tests.stack.watched import RULE_FILES, watched_platform

GUIDE = (ROOT / "docs/monitoring-guide.md").read_text()
COVERAGE = (ROOT / "docs/coverage.md").read_text()
CHECKS = re.findall(r"`((?:promtool|amtool) (?:check|config)[^`\n]*)`", re.sub(r"\n\s*", " ", GUIDE))
LEFT_OPEN = {"unwatched_failures", "new_metrics"}  # what a team evaluates, month by month


@pytest.fixture(scope="module")
def gaps(tmp_path_factory):
    with watched_platform(tmp_path_factory.mktemp("watched")) as prom:
        given = {"start": "-24h", "end": "now"}
        settings = load_settings(MonitoringGapsSettings, Path("params/monitoring_gaps.yaml"), given)
        yield review_gaps(prom, settings, settings.window())


def test_the_shipped_stack_lacks_nothing_that_the_monthly_review_looks_for(gaps):
    found = [finding.title for finding in gaps.document.findings if finding.kind not in LEFT_OPEN]
    assert found == []
    assert len(gaps.tables["guide"]) > 30
    assert gaps.tables["alerts"]["has_runbook"].all()


def test_failures_that_nobody_watches_are_named(gaps):
    (finding,) = [f for f in gaps.document.findings if f.labels == {"job": "policy-service"}]
    assert "policy_errors_total" in finding.title


def test_every_section_is_accounted_for_and_a_lost_part_is_noticed():
    states = section_states(GUIDE, parts(COVERAGE), ROOT)
    assert set(states.values()) == {""}
    assert {part.section for part in parts(COVERAGE)} - {"section"} == set(sections(GUIDE))
    lost = COVERAGE.replace("`docs/upgrades.md`", "`docs/gone.md`").replace("| Escalation |", "| Else |")
    broken = {title: state for title, state in section_states(GUIDE, parts(lost), ROOT).items() if state}
    assert broken == {"Best practices": "names files that are not there: docs/gone.md", "Escalation": "no part"}


def test_the_guide_names_every_alert_and_no_other():
    shipped = {rule.name for group in groups_of_files(RULE_FILES) for rule in group.alerts}
    named = set(re.findall(r"`([A-Z][a-z]+(?:[A-Z][a-z]+)+|Watchdog)`", GUIDE))
    assert named == shipped


def test_the_scripts_commands_are_those_of_the_guide():
    named = set(re.findall(r"scripts/start-monitoring\.sh ([a-z]+)", GUIDE))
    usage = subprocess.run(
        ["bash", str(ROOT / "scripts/start-monitoring.sh"), "help"], capture_output=True, text=True, check=True
    ).stdout
    known = set(re.search(r"\[(start\|.*?)\]\n", usage)[1].replace(" [SERVICE]", "").split("|"))
    assert named == known - {"start"}  # which is no argument


def test_addresses_are_those_that_the_script_gives():
    told = subprocess.run(
        ["bash", str(ROOT / "scripts/start-monitoring.sh"), "endpoints"],
        capture_output=True,
        text=True,
        check=True,
        env={"MONITORING_MODE": "native", "PATH": "/usr/bin:/bin"},
    ).stdout
    for service, url in re.findall(r"^\| (\w+) \| (http\S+) \|", GUIDE, re.MULTILINE):
        assert re.search(rf"^{service}\s+{url}\s", told, re.MULTILINE), service


@pytest.mark.parametrize("command", sorted(set(CHECKS)))
def test_the_checks_of_the_guide_run(command):
    program, *arguments = command.split()
    if arguments in (["check", "config"], ["check-config"]):
        arguments.append(
            f"monitoring/{'prometheus/prometheus' if program == 'promtool' else 'alertmanager/alertmanager'}.yml"
        )
    ran = subprocess.run(
        [shutil.which(program), *arguments], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_values_that_the_guide_prints_stand_in_the_configuration():
    prometheus = YAML(typ="safe").load((ROOT / "monitoring/prometheus/prometheus.yml").read_text())
    assert prometheus["global"]["scrape_interval"] == prometheus["global"]["evaluation_interval"] == "15s"
    every = {job["job_name"]: job.get("scrape_interval", "15s") for job in prometheus["scrape_configs"]}
    assert {job for job, interval in every.items() if interval == "10s"} == {"auth-service"}
    assert set(every.values()) == {"10s", "15s"}
    assert all(f"`{job}`" in GUIDE for job in every)
    route = YAML(typ="safe").load((ROOT / "monitoring/alertmanager/alertmanager.yml").read_text())["route"]
    assert (route["group_by"], route["group_wait"], route["receiver"]) == (
        ["alertname", "cluster", "service"],
        "10s",
        "default",
    )
