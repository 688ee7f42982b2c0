"""Schedules, each checked as far as it can be without its engine."""

import ast
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from shutil import which

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from analysis.cli import app
from analysis.report.runner import open_notebook

ROOT = Path(__file__).parents[2]
SCHEDULES = ROOT / "schedules"


def yaml(path):
    return YAML(typ="safe").load((SCHEDULES / path).read_text())


def cron_jobs():
    """The Kubernetes CronJobs by name."""
    text = (SCHEDULES / "kubernetes/cronjob.yaml").read_text()
    return {job["metadata"]["name"]: job for job in YAML(typ="safe").load_all(text)}


def cron_lines():
    """Schedule by what is run."""
    text = (SCHEDULES / "cron/promreview").read_text()
    found = re.findall(r"^(\S+ \S+ \S+ \S+ \S+) promreview .*bin/promreview (\w+)", text, re.MULTILINE)
    return {command: when for when, command in found}


def units(tmp_path):
    """The systemd units with a program that is here in place of ours."""
    for path in (SCHEDULES / "systemd").iterdir():
        text = path.read_text().replace("/opt/promreview/.venv/bin/promreview", which("true"))
        (tmp_path / path.name).write_text(text)
        yield str(tmp_path / path.name)


@pytest.mark.skipif(which("systemd-analyze") is None, reason="no systemd here")
@pytest.mark.parametrize(
    ("timer", "next_time"), [("review", r"\w+ \d{4}-\d\d-02 06:00:00"), ("sync", r"\w+ \d{4}-\d\d-\d\d 03:30:00")]
)
def test_the_timers_are_due_when_they_should_be(timer, next_time):
    text = (SCHEDULES / f"systemd/promreview-{timer}.timer").read_text()
    when = re.search(r"OnCalendar=(.*)", text)[1]
    said = subprocess.run(["systemd-analyze", "calendar", when], capture_output=True, text=True, check=True).stdout
    assert re.search(rf"Next elapse: {next_time}", said)


@pytest.mark.skipif(which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_finds_nothing_wrong_with_the_units(tmp_path):
    ran = subprocess.run(["systemd-analyze", "verify", *units(tmp_path)], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_every_schedule_runs_at_the_same_time():
    lines, jobs = cron_lines(), cron_jobs()
    dag = (SCHEDULES / "airflow/promreview_dag.py").read_text()
    workflows = {"review": yaml("github/monthly-review.yml"), "archive": yaml("github/daily-sync.yml")}
    for command, name in (("review", "promreview-review"), ("archive", "promreview-sync")):
        job = jobs[name]["spec"]
        args = job["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["args"]
        assert args[0] == command
        assert lines[command] == job["schedule"] == workflows[command]["on"]["schedule"][0]["cron"]
        assert f'schedule="{lines[command]}"' in dag


def test_the_daily_and_weekly_tasks_are_on_the_schedule_and_their_pages_are_found():
    lines = [line for line in (SCHEDULES / "cron/promreview").read_text().splitlines() if line[:1].isdigit()]
    when = {
        re.search(r"promreview (run \w+|archive sync|review)", line)[1]: line.split(" promreview ")[0] for line in lines
    }
    assert when == {
        "review": "0 6 2 * *",
        "archive sync": "30 3 * * *",
        "run daily_check": "0 7 * * *",
        "run weekly_review": "0 7 * * 1",
    }
    for line in lines:
        for notebook, shown in re.findall(r'run (\w+) .*page --month "\$\(date -u \+(\S+)\)"', line):
            given = subprocess.run(
                ["date", "-u", "-d", "2026-01-01", f"+{shown.replace(chr(92), '')}"],
                capture_output=True,
                text=True,
                check=True,
            ).stdout.strip()
            model = open_notebook(notebook, ROOT / "notebooks").model
            assert given == datetime(2026, 1, 1, tzinfo=UTC).strftime(model.folder)


def test_every_command_and_option_in_a_schedule_exists():
    known = re.compile(r"promreview (review|page|run|archive sync)\b([^\n&>|`]*)")
    for path in (found for found in SCHEDULES.rglob("*") if found.is_file()):
        for command, rest in known.findall(path.read_text()):
            helped = CliRunner().invoke(app, [*command.split(), "--help"], env={"COLUMNS": "200"}).output
            for option in re.findall(r"--[a-z-]+", rest):
                assert option in helped, f"{path}: {command} {option}"


@pytest.mark.parametrize("name", ["promreview-review", "promreview-sync"])
def test_the_cron_jobs_run_unprivileged_and_hold_no_secret(name):
    pod = cron_jobs()[name]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
    assert not [e for e in container["env"] if re.search("TOKEN$|PASSWORD$|URLS$", e["name"])]


def test_what_a_run_writes_to_can_be_written_wherever_all_else_cannot():
    for unit in (SCHEDULES / "systemd").glob("*.service"):
        writable = re.search(r"ReadWritePaths=(.*)", unit.read_text())[1].split()
        assert writable == ["/opt/promreview/outputs", "/opt/promreview/archive"]
    for job in cron_jobs().values():
        mounts = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]
        paths = {mount["mountPath"] for mount in mounts if not mount.get("readOnly")}
        assert paths == {"/opt/promreview/outputs", "/opt/promreview/archive", "/tmp"}


def test_the_container_copies_only_what_exists():
    for line in (SCHEDULES / "kubernetes/Containerfile").read_text().splitlines():
        if line.startswith("COPY "):
            for source in line.split()[1:-1]:
                assert (ROOT / source).exists(), source


def texts(value):
    """Every text in a parameter file."""
    if isinstance(value, str):
        yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from texts(part)


def test_the_container_holds_every_file_that_parameters_name():
    text = (SCHEDULES / "kubernetes/Containerfile").read_text()
    copied = [source for line in re.findall(r"^COPY (.*) \S+$", text, re.MULTILINE) for source in line.split()]
    named = {t for path in (ROOT / "params").glob("*.yaml") for t in texts(YAML(typ="safe").load(path.read_text()))}
    there = {name for name in named if "/" in name and (ROOT / name).exists()}
    assert "docs/runbooks" in there
    for name in there:
        assert any(Path(name).is_relative_to(source) for source in copied), name


def test_the_dag_gives_parameters_that_every_notebook_has():
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
