"""The daily check and the weekly review on a real Prometheus whose alerts, targets and panels are known."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from analysis import connect
from analysis.findings import FindingsDocument
from analysis.prometheus.private_server import PrivatePrometheus
from analysis.report.review import run_alone
from analysis.report.runner import open_notebook, prepare
from analysis.settings.upkeep import DailyCheckSettings, WeeklyReviewSettings
from analysis.upkeep import review_day, review_week
from analysis.upkeep.fired import which
from analysis.window import Window
from analysis.words import how_often
from tests.waiting import until

CONFIG = """global: {scrape_interval: 3s, evaluation_interval: 1s}
rule_files: [rules.yml]
scrape_configs:
  - {job_name: prometheus, static_configs: [{targets: ['OWN']}]}
  - {job_name: gone, scrape_timeout: 1s, static_configs: [{targets: ['127.0.0.1:9']}]}
"""
RULES = """groups:
  - name: g
    rules:
      - {alert: Always, expr: vector(1), labels: {severity: critical}}
      - {alert: Waves, expr: vector(time() % 6) > 2, labels: {severity: low}}
      - {alert: Heartbeat, expr: vector(1), labels: {severity: none}}
      - {alert: Never, expr: vector(0) > 1}
"""
WAVES = 4  # how often the alert that comes and goes has begun


@pytest.fixture(scope="module")
def lived():
    with PrivatePrometheus() as server:
        server.reload({"prometheus.yml": CONFIG.replace("OWN", f"127.0.0.1:{server.port}"), "rules.yml": RULES})
        with connect(server.url) as prom:
            until(lambda: len(prom.instant("count(up) == 2 and on () ALERTS{alertname='Always'}")))
            began = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
            until(lambda: waves(prom, began) >= WAVES)
            yield server, prom, Window(began, datetime.now(UTC).replace(microsecond=0))


def waves(prom, since):
    """How often the alert that comes and goes has begun."""
    seconds = int((datetime.now(UTC) - since).total_seconds())
    found = prom.instant(f"sum(changes(ALERTS_FOR_STATE{{alertname='Waves'}}[{max(1, seconds)}s]))")
    return found.iloc[0] if len(found) else 0


def by_title(result):
    return {finding.kind + " " + finding.title.split()[0]: finding for finding in result.document.findings}


def test_the_day_shows_alerts_and_what_is_down(lived):
    _, prom, window = lived
    result = review_day(prom, DailyCheckSettings(step="1s"), window)
    found = by_title(result)
    always = found["alert Always"]
    assert (always.severity, always.end, always.evidence["firings"]) == ("critical", None, 1)
    assert always.title == "Always fired once, and still does"
    assert found["alert Waves"].evidence["firings"] >= 3
    assert not {"alert Never", "alert Heartbeat"} & found.keys()
    gone = found["target_down gone"]
    assert (gone.severity, gone.evidence["up_share"]) == ("high", 0)
    assert not [finding for finding in result.document.findings if finding.labels.get("job") == "prometheus"]
    assert result.document.coverage.share > 0.5


def test_alerts_of_one_rule_are_told_apart_by_what_the_rule_did_not_give_them():
    labels = {"alertname": "A", "severity": "high", "service": "s", "instance": "i", "integration": "slack"}
    assert which(labels) == "instance i, integration slack"
    assert [how_often(count) for count in (1, 2)] == ["once", "2 times"]


def test_a_monitoring_service_that_is_down_is_told_apart(lived):
    _, prom, window = lived
    result = review_day(prom, DailyCheckSettings(step="1s", monitoring_jobs=["gone"]), window)
    assert by_title(result)["monitoring_down gone"].action.startswith("scripts/start-monitoring.sh")


def test_the_week_judges_rules_panels_and_storage(lived):
    _, prom, window = lived
    nothing = [(f"d: empty {number}", ["no_such_metric", "sum("]) for number in range(3)]
    panels = [("d: full", ["sum(", "up"]), *nothing, ("e: wrong", ["sum(", "rate(up)"])]
    result = review_week(prom, WeeklyReviewSettings(step="1s", noisy_firings=2), window, panels)
    rules = result.tables["rules"].set_index("alert")
    assert rules["state"].to_dict() == {
        "Always": "fired",
        "Waves": "noisy",
        "Heartbeat": "heartbeat",
        "Never": "quiet",
    }
    assert rules.loc["Always", "hours"] == pytest.approx(window.duration.total_seconds() / 3600, rel=0.2)
    assert list(result.tables["panels"]["state"]) == ["data", "nothing", "nothing", "nothing", "wrong query"]
    storage = result.tables["storage"]
    assert len(storage) == 1
    assert storage["retention"][0]
    kinds = [finding.kind for finding in result.document.findings]
    said = {f.title: (f.severity, f.evidence["panels"]) for f in result.document.findings if f.kind == "panel_empty"}
    assert said == {
        "d: 3 of 4 queries return nothing": ("low", "empty 0; empty 1; empty 2"),
        "e: 1 of 1 queries are wrong": ("medium", "wrong"),
    }
    assert "rule_quiet" not in kinds


def test_an_empty_server_is_no_quiet_one(empty_prometheus):
    with connect(empty_prometheus.url) as prom:
        window = DailyCheckSettings().window()
        day = review_day(prom, DailyCheckSettings(), window).document
        week = review_week(prom, WeeklyReviewSettings(), window).document
    for document in (day, week):
        assert document.coverage.share == 0
        assert document.coverage.gaps
    assert [finding.severity for finding in week.findings] == ["unknown"]


def test_the_windows_end_now():
    now = datetime(2026, 10, 7, 12, tzinfo=UTC)
    assert DailyCheckSettings().window(now) == Window(now - timedelta(days=1), now)
    assert WeeklyReviewSettings().window(now) == Window(now - timedelta(days=7), now)
    assert WeeklyReviewSettings(month="2026-09").window(now).duration == timedelta(days=30)


@pytest.mark.parametrize("name", ["daily_check", "weekly_review"])
def test_the_notebooks_run_through(lived, tmp_path, name):
    server, _, _ = lived
    params = Path(f"params/{name}.yaml")
    job = prepare(
        open_notebook(name), {"url": server.url, "start": "-5m", "end": "now", "step": "1s"}, tmp_path, params
    )
    status = run_alone(job, params)
    assert status.state == "done", status.reason
    document = FindingsDocument.read(tmp_path / "findings.json")
    assert document.report == name
    assert "Always" in {finding.title.split()[0] for finding in document.findings}
