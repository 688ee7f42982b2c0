"""A run's own metrics, and the rules that watch them, checked by promtool."""

import subprocess
import time
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from typer.testing import CliRunner

from analysis.cli import app
from analysis.errors import UnreachableError
from analysis.prometheus.private_server import free_port
from analysis.prometheus.programs import find_program
from analysis.report.metrics import write_metrics
from analysis.report.review import write_summary
from analysis.report.status import Status
from tests.report.handmade import document, finding, put

RULES = Path(__file__).parents[2] / "monitoring/prometheus/promreview.yml"
RUN = 'promreview_last_run_timestamp_seconds{environment="prod", report="threshold_drift"}'
SUCCESS = 'promreview_last_success_timestamp_seconds{environment="prod", report="threshold_drift"}'
SERIES = {"RUN": RUN, "SUCCESS": SUCCESS, "WHOLE": SUCCESS.replace("threshold_drift", "monthly_review")}
TEST = """
rule_files: [RULES]
evaluation_interval: 1h
tests:
  - interval: 1h
    input_series:
      - {series: 'WHOLE', values: '0x900'}
      - {series: 'SUCCESS', values: '0x900'}
      - {series: 'RUN', values: '0x20 72000x900'}
    alert_rule_test:
      - {eval_time: 31d, alertname: MonthlyReviewOverdue, exp_alerts: []}
      - {eval_time: 32d3h, alertname: MonthlyReviewOverdue, exp_alerts: [LABELS]}
      - {eval_time: 10h, alertname: MonthlyReviewIncomplete, exp_alerts: []}
      - {eval_time: 3d, alertname: MonthlyReviewNeverRan, exp_alerts: []}
"""


def samples(path):
    families = text_string_to_metric_families(path.read_text())
    return {(s.name, *sorted(s.labels.items())): s.value for family in families for s in family.samples}


def value(path, name, **labels):
    return samples(path).get((name, *sorted(labels.items())))


def test_a_failed_run_keeps_the_last_success(tmp_path):
    folder = tmp_path / "2026-10"
    put(folder, document("threshold_drift", [finding(), finding(identity="b")], share=0.5))
    write_summary(folder, ["threshold_drift"])
    well = [Status("threshold_drift", "done", seconds=3.0), Status("login_anomalies", "done")]
    path = write_metrics(tmp_path, folder, "prod", well)
    labels = {"environment": "prod", "report": "login_anomalies"}
    success = value(path, "promreview_last_success_timestamp_seconds", **labels)
    assert value(path, "promreview_findings", environment="prod", report="threshold_drift", severity="high") == 2
    assert value(path, "promreview_coverage_ratio", environment="prod", report="threshold_drift") == 0.5
    write_metrics(tmp_path, folder, "prod", [well[0], Status("login_anomalies", "failed", "no answer")])
    assert value(path, "promreview_last_success_timestamp_seconds", **labels) == success
    assert value(path, "promreview_last_run_timestamp_seconds", **labels) > success
    subprocess.run([find_program("promtool"), "check", "metrics"], input=path.read_bytes(), check=True)


@pytest.mark.parametrize(
    ("state", "whole"),
    [("failed", True), ("done", False)],
    ids=["a report failed, its summary did not", "one of several reports ran"],
)
def test_a_review_in_part_is_no_whole_review(tmp_path, state, whole):
    labels = {"environment": "", "report": "monthly_review"}
    ran = [Status("threshold_drift", state), Status("monthly_review", "done")]
    path = write_metrics(tmp_path, tmp_path / "2026-10", "", ran, whole=whole)
    assert value(path, "promreview_last_run_timestamp_seconds", **labels)
    assert value(path, "promreview_last_success_timestamp_seconds", **labels) is None
    path = write_metrics(tmp_path, tmp_path / "2026-10", "", [Status("threshold_drift", "done"), ran[1]])
    assert value(path, "promreview_last_success_timestamp_seconds", **labels)


def test_a_whole_sync_leaves_its_time_and_a_failed_one_does_not(tmp_path, monkeypatch, empty_prometheus):
    monkeypatch.chdir(tmp_path)
    dead = CliRunner().invoke(app, ["archive", "sync", "--url", f"http://127.0.0.1:{free_port()}"])
    assert isinstance(dead.exception, UnreachableError)
    path = tmp_path / "outputs/promreview-archive.prom"
    assert not path.exists()
    began = time.time()
    ran = CliRunner().invoke(app, ["archive", "sync", "--days", "1", "--url", empty_prometheus.url])
    assert ran.exit_code == 0, ran.output
    assert value(path, "promreview_archive_last_sync_timestamp_seconds", environment="") >= began
    subprocess.run([find_program("promtool"), "check", "metrics"], input=path.read_bytes(), check=True)


def test_an_overdue_review_fires_after_32_days_and_not_before(tmp_path):
    labels = "severity: medium, category: monitoring, respond_within: 4h, service: promreview, environment: prod"
    labels = f"{{exp_labels: {{{labels}}}, exp_annotations: ANNOTATIONS}}"
    text = TEST.replace("LABELS", labels).replace("RULES", str(RULES))
    for name, series in SERIES.items():
        text = text.replace(name, series)
    said = (
        "{summary: No complete monthly review for more than 32 days, "
        "runbook_url: 'https://github.com/rust-security-platform/promreview/blob/main/"
        "docs/runbooks/MonthlyReviewOverdue.md', "
        "description: 'The last one ran through 32d 3h 0m 0s ago. Run promreview review --resume and read its page.'}"
    )
    (tmp_path / "t.yml").write_text(text.replace("ANNOTATIONS", said))
    ran = subprocess.run(
        [find_program("promtool"), "test", "rules", str(tmp_path / "t.yml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
