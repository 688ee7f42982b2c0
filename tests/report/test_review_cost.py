"""What `review --dry-run` says before is what the review asks afterwards, and nothing is written."""

import json
import re
import urllib.request

import pytest
from typer.testing import CliRunner

from analysis import cardinality, logins, thresholds
from analysis.cardinality.selectors import OURS
from analysis.cli import app
from analysis.cli.review_cost import review_cost
from analysis.datasets.backfill import SERVER_ARGUMENTS, backfill
from analysis.datasets.demo import demo_month
from analysis.errors import InputError, ParameterError, UnreachableError
from analysis.prometheus import Prometheus
from analysis.prometheus.private_server import PrivatePrometheus, free_port
from analysis.prometheus.rehearsal import Rehearsal
from analysis.report.review import plan_review, run_review
from analysis.settings import ConnectionSettings, load_settings
from analysis.settings.cardinality import CardinalityGrowthSettings
from analysis.settings.logins import LoginAnomaliesSettings
from analysis.settings.thresholds import ThresholdDriftSettings
from analysis.settings.upkeep import MonitoringGapsSettings
from analysis.upkeep import monthly
from tests.schemas import check

RULES = """
groups:
  - name: own
    interval: 1m
    rules:
      - {alert: Failures, expr: 'sum by (instance) (rate(auth_failed_logins_total[5m])) > 5'}
      - {alert: Both, expr: 'auth_active_sessions > 5000 and on (instance) rate(auth_failed_logins_total[5m]) > 1'}
      - {alert: Never, expr: 'no_such_metric > 1'}
"""
REPORTS = {
    "login_anomalies": (logins, LoginAnomaliesSettings, {"history": "10d"}),
    "cardinality_growth": (cardinality, CardinalityGrowthSettings, {"history_days": 30}),
    "threshold_drift": (thresholds, ThresholdDriftSettings, {"history_months": 0}),
    "monitoring_gaps": (monthly, MonitoringGapsSettings, {}),
}
WINDOW = {"start": "2026-10-20T00:00:00Z", "end": "2026-11-01T00:00:00Z"}  # two thirds of it without data


@pytest.fixture(scope="module")
def server():
    """Four days of the platform at the end of a month."""
    platform, _, _ = demo_month(days=4, seed=5)
    with PrivatePrometheus(files={"own.yml": RULES}, arguments=SERVER_ARGUMENTS) as started:
        backfill(started.url, platform.samples)
        started.reload({"prometheus.yml": "global: {evaluation_interval: 1h}\nrule_files: [own.yml]\n"})
        yield started


def requests_served(url):
    """Requests to the API that the server itself counts."""
    text = urllib.request.urlopen(f"{url}/metrics").read().decode()
    counted = re.findall(r'^prometheus_http_requests_total\{.*handler="/api/v1/\S+"\} (\S+)$', text, re.MULTILINE)
    return sum(map(float, counted))


class Counting(Prometheus):
    """Counts the label sets that are read, which are no samples."""

    sets = 0

    def series(self, match, window):
        found = super().series(match, window)
        self.sets += len(found)
        return found

    def get(self, path, params=None):
        data = super().get(path, params)
        self.sets += len(data["result"]) if path == "query" and OURS in params["query"] else 0
        return data


def to(url, archive="off"):
    return ConnectionSettings(url=url, archive=str(archive))


def ran(connection, report, settings):
    """Points and requests of the real thing."""
    url = connection.url.get_secret_value()
    before = requests_served(url)
    with Counting(connection) as prom:
        queries = REPORTS[report][0].review(prom, settings, settings.window()).document.queries
    pulled = sum(query.samples for query in queries if OURS not in query.expr) + prom.sets
    return pulled, requests_served(url) - before


def rehearsed(connection, report, settings):
    with Rehearsal(connection) as prom:
        REPORTS[report][0].rehearse(prom, settings, settings.window())
    return {name: sum(getattr(cost, name) for cost in prom.costs) for name in ("points", "requests", "points_held")}


@pytest.mark.parametrize("report", REPORTS)
def test_the_cost_is_close_to_what_the_run_then_asks(server, report, tmp_path):
    settings = load_settings(REPORTS[report][1], None, WINDOW | REPORTS[report][2])
    for connection in (to(server.url), to(server.url, tmp_path / "archive")):
        said = rehearsed(connection, report, settings)
        assert not (tmp_path / "archive").exists()
        points, requests = ran(connection, report, settings)
        assert said["points"] == pytest.approx(points, rel=0.1)
        assert said["requests"] == pytest.approx(requests, rel=0.1, abs=1)  # the server's own state is asked once
        assert said["points_held"] == 0
    files = sorted((tmp_path / "archive").rglob("*"))
    again = rehearsed(connection, report, settings)
    assert sorted((tmp_path / "archive").rglob("*")) == files
    _, requests = ran(connection, report, settings)
    assert again["requests"] == pytest.approx(requests, rel=0.1, abs=1)
    assert again["requests"] < said["requests"]
    if report == "threshold_drift":  # nothing but range queries over days that are whole
        assert again["points_held"] == points
        assert again["points"] < 0.05 * points


def test_what_all_rules_of_a_group_share_is_asked_once(server):
    settings = load_settings(ThresholdDriftSettings, None, WINDOW | REPORTS["threshold_drift"][2])
    with Rehearsal(to(server.url)) as prom:
        thresholds.rehearse(prom, settings, settings.window())
    asked = [cost.expr for cost in prom.costs if "ALERTS" in cost.expr or cost.expr == "series"]  # its alerts, at first
    assert len(asked) == len(set(asked)) > 0


def invoke(*arguments):
    return CliRunner().invoke(app, ["review", "--dry-run", *arguments], env={"PROMETHEUS_ARCHIVE": "off"})


def test_the_command_says_what_a_review_costs_and_writes_nothing(server, tmp_path):
    common = ("--month", "2026-10", "--url", server.url, "--outputs", str(tmp_path / "out"))
    told = invoke(*common, "--format", "json")
    assert told.exit_code == 0
    body = json.loads(told.stdout)
    check("review-cost", body)
    assert [report["report"] for report in body["reports"]] == list(REPORTS)
    for name in ("series", "points", "requests"):
        assert body["total"][name] == sum(report[name] for report in body["reports"]) > 0
        for report in body["reports"]:
            assert report[name] == sum(query[name] for query in report["asked"])
    table = invoke(*common, "--only", "login_anomalies").stdout
    assert f"{body['reports'][0]['points']:,}" in table
    assert not (tmp_path / "out").exists()


def test_what_is_done_costs_nothing_and_a_report_of_ones_own_is_unknown(server, tmp_path, settings, notebooks):
    plan = plan_review(settings, notebooks=notebooks, params=tmp_path)
    unknown = review_cost(plan, server.url, resume=True)
    assert [(cost.state, cost.points) for cost in unknown] == [("unknown", None), ("unknown", None)]
    run_review(plan, summary=False)
    assert [cost.state for cost in review_cost(plan, server.url, resume=True)] == ["done", "done"]
    assert [cost.state for cost in review_cost(plan, server.url, resume=False)] == ["unknown", "unknown"]


def test_what_is_wrong_ends_with_its_own_code(tmp_path):
    out = ("--outputs", str(tmp_path / "out"))
    for arguments, kind in (
        (("--month", "2026-13"), ParameterError),
        (("--month", "2026-10", "--only", "nothing"), InputError),
        (("--month", "2026-10", "--format", "csv"), InputError),
        (("--month", "2026-10", "--url", f"http://127.0.0.1:{free_port()}"), UnreachableError),
    ):
        said = invoke(*arguments, *out)
        assert type(said.exception) is kind, said.output
    assert not (tmp_path / "out").exists()
