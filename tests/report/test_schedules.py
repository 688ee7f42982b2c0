"""Schedules, each checked as far as it can be without its engine."""

import ast
import re
import subprocess
from pathlib import Path
from shutil import which

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from analysis.cli import app

ROOT = Path(__file__).parents[2]
SCHEDULES = ROOT / "schedules"


def yaml(path):
    return YAML(typ="safe").load((SCHEDULES / path).read_text())


@pytest.mark.skipif(which("systemd-analyze") is None, reason="no systemd here")
def test_the_timer_is_due_on_the_second_of_each_month():
    timer = (SCHEDULES / "systemd/promreview-review.timer").read_text()
    when = re.search(r"OnCalendar=(.*)", timer)[1]
    said = subprocess.run(["systemd-analyze", "calendar", when], capture_output=True, text=True, check=True).stdout
    assert re.search(r"Next elapse: \w+ \d{4}-\d\d-02 06:00:00", said)


def test_every_schedule_runs_at_the_same_time():
    cron = re.search(r"^(\S+ \S+ \S+ \S+ \S+) promreview ", (SCHEDULES / "cron/promreview").read_text(), re.MULTILINE)[
        1
    ]
    github = yaml("github/monthly-review.yml")
    dag = (SCHEDULES / "airflow/promreview_dag.py").read_text()
    assert cron == yaml("kubernetes/cronjob.yaml")["spec"]["schedule"] == github["on"]["schedule"][0]["cron"]
    assert f'schedule="{cron}"' in dag


def test_every_command_and_option_in_a_schedule_exists():
    for path in SCHEDULES.rglob("*"):
        for words in (
            re.findall(r"promreview (review|page|run)\b([^\n&>|`]*)", path.read_text()) if path.is_file() else ()
        ):
            helped = CliRunner().invoke(app, [words[0], "--help"], env={"COLUMNS": "200"}).output
            for option in re.findall(r"--[a-z-]+", words[1]):
                assert option in helped, f"{path}: {words[0]} {option}"


def test_the_cron_job_runs_unprivileged_and_holds_no_secret():
    pod = yaml("kubernetes/cronjob.yaml")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod["volumes"]}
    assert not [e for e in container["env"] if re.search("TOKEN$|PASSWORD$|URLS$", e["name"])]


def test_the_container_copies_only_what_exists():
    for line in (SCHEDULES / "kubernetes/Containerfile").read_text().splitlines():
        if line.startswith("COPY "):
            for source in line.split()[1:-1]:
                assert (ROOT / source).exists(), source


def test_the_dag_gives_parameters_that_every_notebook_has():
    from analysis.report.runner import open_notebook

    tree = ast.parse((SCHEDULES / "airflow/promreview_dag.py").read_text())
    assigned = {
        n.targets[0].id: n.value for n in ast.walk(tree) if isinstance(n, ast.Assign) and hasattr(n.targets[0], "id")
    }
    given = next(
        k.value for n in ast.walk(tree) if isinstance(n, ast.Call) for k in n.keywords if k.arg == "parameters"
    )
    for report in ast.literal_eval(assigned["REPORTS"]):
        known = set(open_notebook(report, ROOT / "notebooks").parameters)
        assert {key.value for key in given.keys} <= known
        assert (ROOT / "params" / f"{report}.yaml").exists()
