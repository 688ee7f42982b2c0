"""The main job on a real Prometheus: everything that was put into the data is found, and nothing is invented."""

import json
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from analysis import connect
from analysis.datasets.demo import demo_arguments, demo_month
from analysis.datasets.platform import DRIFTS
from analysis.prometheus.private_server import PrivatePrometheus, free_port
from analysis.prometheus.programs import find_program
from analysis.window import month_window
from tests.waiting import until

UNSEEN_SEED = 7_417_003  # no constant was ever tuned on it


def promreview(*arguments, timeout=900):
    return subprocess.run(
        [sys.executable, "-m", "analysis", *arguments], capture_output=True, text=True, timeout=timeout, check=False
    )


def documents(folder):
    body = json.loads((folder / "findings.json").read_text())
    return {document["report"]: document for document in body["reports"]}


def instant(text):
    return datetime.fromisoformat(text)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    outputs = tmp_path_factory.mktemp("demo")
    run = promreview("demo", "--seed", str(UNSEEN_SEED), "--outputs", str(outputs))
    assert run.returncode == 0, run.stderr[-2000:]
    return run, outputs / "2026-10"


def test_every_attack_is_found_with_its_class_and_nothing_else_is_reported(demo):
    findings = documents(demo[1])["login_anomalies"]["findings"]
    attacks = demo_arguments(month_window("2026-10").end)["attacks"]
    for attack in attacks:
        hits = [
            f for f in findings if instant(f["start"]) < attack.window.end and instant(f["end"]) > attack.window.start
        ]
        assert [f["kind"] for f in hits] == [attack.kind], attack
        assert hits[0]["labels"].items() >= attack.labels.items()
    assert len(findings) == len(attacks)


def test_attribution_sums_to_the_excess(demo):
    for finding in documents(demo[1])["login_anomalies"]["findings"]:
        evidence = finding["evidence"]
        for label in {row["label"] for row in evidence["attribution"]}:
            total = sum(row["excess"] for row in evidence["attribution"] if row["label"] == label)
            assert total == pytest.approx(evidence["excess"], rel=1e-6, abs=1e-6)


def test_the_exploding_label_is_found(demo):
    explosion = demo_arguments(month_window("2026-10").end)["explosions"][0]
    causes = documents(demo[1])["cardinality_growth"]["causes"]
    grown = [c for c in causes if c["metric"] == explosion.metric and c["label"] == explosion.label]
    assert [cause["delta"] for cause in grown] == [explosion.values]


def test_drifting_thresholds_are_found_in_their_direction(demo):
    findings = documents(demo[1])["threshold_drift"]["findings"]
    drifting = {f["labels"]["alertname"]: f["title"] for f in findings if f["kind"] == "drifting"}
    for drift in DRIFTS:
        assert drift.direction in drifting[drift.alert]


def test_the_demo_prints_the_page_and_three_findings(demo):
    run, folder = demo
    assert str(folder / "index.html") in run.stdout
    assert sum(line.startswith("  ") for line in run.stdout.splitlines()) == 3
    assert (folder / "index.html").stat().st_size < 3_000_000


def test_half_a_month_gives_a_page_that_says_so_and_no_verdict_beyond_it(tmp_path):
    run = promreview("demo", "--days", "15", "--outputs", str(tmp_path))
    assert run.returncode == 0, run.stderr[-2000:]
    found = documents(tmp_path / "2026-10")
    assert set(found) == {"login_anomalies", "cardinality_growth", "threshold_drift", "monitoring_gaps"}
    assert 0.3 < found["login_anomalies"]["coverage"]["share"] < 0.6
    assert not [f for f in found["threshold_drift"]["findings"] if f["kind"] in ("drifting", "fits")]
    start = month_window("2026-10").end.replace(month=10, day=17)
    assert all(instant(f["start"]) >= start for f in found["login_anomalies"]["findings"])
    assert "of the month is covered" in (tmp_path / "2026-10" / "index.html").read_text()


@pytest.fixture(scope="module")
def foreign_server():
    """A Prometheus that watches itself and a node_exporter, and knows nothing of the platform."""
    port = free_port()
    exporter = subprocess.Popen(
        [find_program("prometheus-node-exporter"), f"--web.listen-address=127.0.0.1:{port}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    rules = (
        "groups: [{name: own, interval: 1s, rules: ["
        "{alert: AlwaysOn, expr: 'prometheus_tsdb_head_series > 1', labels: {severity: high}},"
        "{alert: DeadRule, expr: 'no_such_metric_anywhere > 1'}]}]"
    )
    with PrivatePrometheus(files={"own.yml": rules}) as server:
        config = (
            "global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files: [own.yml]\nscrape_configs:\n"
            f"- {{job_name: prometheus, static_configs: [{{targets: ['127.0.0.1:{server.port}']}}]}}\n"
            f"- {{job_name: node, static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}\n"
        )
        server.reload({"prometheus.yml": config})
        with connect(server.url) as prom:
            scraped = "min(count_over_time(up[1m])) >= 10 and on () count(ALERTS) and on () count(up) == 2"
            until(lambda: len(prom.instant(scraped)))
        yield server
    exporter.terminate()
    exporter.wait(60)


def test_a_prometheus_without_the_platform_is_reviewed_usefully(foreign_server, tmp_path):
    month = datetime.now(UTC).strftime("%Y-%m")
    run = promreview("review", "--month", month, "--url", foreign_server.url, "--outputs", str(tmp_path))
    assert run.returncode == 0, run.stderr[-2000:]
    found = documents(tmp_path / month)
    [unjudged] = found["login_anomalies"]["findings"]
    assert unjudged["severity"] == "unknown"
    assert "auth_failed_logins_total" in unjudged["title"]
    kinds = {f["labels"]["alertname"]: f["kind"] for f in found["threshold_drift"]["findings"]}
    assert kinds == {"DeadRule": "dead"}
    unjudged = {gap["scope"]: gap["reason"] for gap in found["threshold_drift"]["coverage"]["gaps"]}
    assert "days of data" in unjudged["AlwaysOn"]  # seconds of data are no month
    assert found["cardinality_growth"]["series"]["end"] > 500
    gaps = {(f["kind"], f["labels"].get("job", "")) for f in found["monitoring_gaps"]["findings"]}
    assert ("unwatched_job", "node") in gaps  # its only alerts are about Prometheus
    assert ("unwatched_job", "prometheus") not in gaps
    assert ("alert_without_runbook", "") in gaps


def test_a_wrong_parameter_is_refused_before_anything_runs(tmp_path):
    run = promreview("review", "--month", "2026-13", "--outputs", str(tmp_path))
    assert run.returncode == 2
    assert "2026-13" in run.stderr
    assert "YYYY-MM" in run.stderr
    assert "Traceback" not in run.stderr
    assert not list(tmp_path.iterdir())


def test_the_demo_has_no_more_series_than_it_promises():
    platform, _, _ = demo_month(days=2, seed=1)
    assert platform.series_count <= 300
