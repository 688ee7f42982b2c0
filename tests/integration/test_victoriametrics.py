"""The same data in a real Prometheus and in a real VictoriaMetrics: the same findings, and each difference by name."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from analysis import cardinality, logins, thresholds
from analysis.datasets import SERVER_ARGUMENTS, Explosion, backfill, make_attack, make_platform
from analysis.errors import QueryError, UnsupportedError
from analysis.prometheus import connect
from analysis.prometheus.private_server import PrivatePrometheus
from analysis.settings.cardinality import CardinalityGrowthSettings
from analysis.settings.logins import LoginAnomaliesSettings
from analysis.settings.thresholds import ThresholdDriftSettings
from analysis.stack.doctor import examine
from analysis.window import Window
from tests.engines import fill, program, victoria_metrics

END = datetime(2026, 6, 1, tzinfo=UTC)
WHOLE = Window(END - timedelta(days=10), END)
WINDOW = Window(END - timedelta(days=4), END)
MINUTE = timedelta(minutes=1)
NOBODY = "-notifier.url=http://127.0.0.1:9"
RULES = """
groups:
  - name: engines
    rules:
      - {alert: Full, expr: node_filesystem_avail_bytes / node_filesystem_size_bytes < 0.3, for: 5m}
      - {alert: Busy, expr: auth_active_sessions > 250}
      - {alert: Gone, expr: no_such_metric > 1}
      - {alert: Failing, expr: "sum by (instance) (rate(auth_failed_logins_total[10m])) > 0.1", for: 2m}
"""


def platform():
    """Ten days with two attacks, a label that explodes, and a series that ends between two whole hours."""
    attacks = (
        make_attack("brute_force", END - timedelta(days=2, hours=5), country="BR"),
        make_attack("login_outage", END - timedelta(days=1, hours=5)),
    )
    explosion = Explosion("http_requests_total", "endpoint", END - timedelta(days=2), 30)
    made = make_platform(WHOLE, seed=3, attacks=attacks, explosions=(explosion,))
    samples = {name: frame for name, frame in made.samples.items() if name.startswith(("auth_", "http_requests", "up"))}
    samples |= {name: frame for name, frame in made.samples.items() if name.startswith(("node_file", "node_load"))}
    index = samples["up"].index
    churning = np.ones((len(index), 2))
    churning[index >= END - timedelta(hours=5, minutes=40), 1] = np.nan
    columns = pd.MultiIndex.from_tuples([("a",), ("b",)], names=["instance"])
    return made, samples | {"churning": pd.DataFrame(churning, index, columns)}


@pytest.fixture(scope="module")
def engines():
    """Clients of both, and what is in them."""
    made, samples = platform()
    with (
        PrivatePrometheus(arguments=SERVER_ARGUMENTS) as server,
        victoria_metrics("-search.maxPointsPerTimeseries=4000") as url,
        connect(server.url) as prometheus,
        connect(url) as victoria,
    ):
        backfill(server.url, samples)
        fill(url, samples)
        yield SimpleNamespace(prometheus=prometheus, victoria=victoria, made=made)


def both(engines, ask):
    return ask(engines.prometheus), ask(engines.victoria)


def test_each_engine_is_recognised(engines):
    assert both(engines, lambda prom: prom.source().kind) == ("prometheus", "victoriametrics")


@pytest.mark.parametrize("seconds", [0, 7, 59])
@pytest.mark.parametrize("expr", ["node_load1", "count(churning)", "auth_requests_total{status='failure'}"])
def test_stamps_off_the_grid_are_answered_as_they_were_asked(engines, expr, seconds):
    """VictoriaMetrics would move them to multiples of the step, and answer at most 4,000 points at once."""
    first, second = both(
        engines, lambda prom: prom.range(expr, WHOLE.start, WHOLE.end, MINUTE, timedelta(seconds=seconds))
    )
    assert len(second) > 10_000
    inside = first.index < END - timedelta(hours=6)  # how long an ended series is seen has a test of its own
    pd.testing.assert_frame_equal(first[inside], second[inside])


def test_a_step_longer_than_the_lookback_does_not_bring_back_what_ended(engines):
    first, second = both(
        engines, lambda prom: prom.range("count(churning)", END - timedelta(hours=8), END, timedelta(hours=1))
    )
    pd.testing.assert_frame_equal(first, second)
    assert first.iloc[-1, 0] == 1


def test_logins_are_counted_exactly_by_both(engines):
    settings = LoginAnomaliesSettings(history="5d")
    first, second = both(engines, lambda prom: logins.collect.collect(prom, settings, WINDOW))
    assert set(first) == set(second) >= {"failures", "successes", "samples", "resets"}
    for name in ("failures", "successes", "token_failures", "sessions", "resets"):
        pd.testing.assert_frame_equal(first[name], second[name], rtol=1e-9, atol=1e-6, obj=name)


def test_login_findings_are_the_same(engines):
    settings = LoginAnomaliesSettings(history="5d")
    first, second = both(engines, lambda prom: logins.review(prom, settings, WINDOW).document)
    assert {finding.kind for finding in first.findings} == {"brute_force", "login_outage"}
    assert told(first) == told(second)
    assert first.coverage == second.coverage
    for one, other in zip(first.findings, second.findings, strict=True):
        assert one.score == pytest.approx(other.score, rel=1e-3)
        assert one.evidence["actual_count"] == pytest.approx(other.evidence["actual_count"])


def test_cardinality_findings_are_the_same(engines):
    settings = CardinalityGrowthSettings(limit_series=400)
    first, second = both(engines, lambda prom: cardinality.review(prom, settings, WINDOW).document)
    assert "growth_label_values" in {finding.kind for finding in first.findings}
    assert told(first) == told(second)
    one, other = first.model_extra, second.model_extra
    for part in ("series", "causes", "metrics", "missing", "forecast", "proposals"):
        assert one[part] == other[part], part
    assert one["head"]["numSeries"] > 0
    assert other["head"] == {}  # `status/tsdb` of VictoriaMetrics has no head


def test_threshold_findings_are_the_same(engines, tmp_path):
    file = tmp_path / "rules.yml"
    file.write_text(RULES)
    settings = ThresholdDriftSettings(
        rule_files=[str(file)], minimum_days=3, history_months=0, bootstrap_samples=200, alerts_per_week=7
    )
    first, second = both(engines, lambda prom: thresholds.review(prom, settings, WINDOW))
    exact = [f for f in told(first.document) if f["labels"]["alertname"] != "Failing"]
    assert len(exact) >= 2
    assert exact == [f for f in told(second.document) if f["labels"]["alertname"] != "Failing"]
    rows, others = (result.tables["rules"].set_index("alert") for result in (first, second))
    assert list(rows["verdict"]) == list(others["verdict"])
    assert rows.loc["Gone", "verdict"] == "dead"
    for column in ("alerts", "firing_minutes", "days_of_data"):
        assert list(rows[column].drop("Failing")) == list(others[column].drop("Failing")), column
    # a rate of VictoriaMetrics covers the whole range, one of Prometheus the samples inside it: alerts shift a little
    minutes = [table.loc["Failing", "firing_minutes"] for table in (rows, others)]
    assert minutes[0] == pytest.approx(minutes[1], rel=0.2)


def told(document):
    """What the findings say, without the address of the server."""
    return [finding.model_dump(exclude={"links", "score", "evidence"}) for finding in document.findings]


def test_a_wrong_query_is_told_as_one_and_a_missing_page_as_missing(engines):
    with pytest.raises(QueryError, match="unexpected token"):
        engines.victoria.range("sum(", WINDOW.start, WINDOW.end, MINUTE)
    with pytest.raises(UnsupportedError, match="has no /api/v1/status/runtimeinfo"):
        engines.victoria.status("runtimeinfo")


def test_the_doctor_says_which_parts_it_lacks(engines):
    checks = {check.name: check for check in examine(engines.victoria, ["up"], WINDOW)}
    assert checks["reachable"].detail.endswith("victoriametrics")
    assert checks["retention"].state == checks["metrics"].state == "ok"


def test_rules_that_nobody_shows_are_a_gap_and_not_unused_metrics(engines):
    document = cardinality.review(engines.victoria, CardinalityGrowthSettings(), WINDOW).document
    assert "usage by rules" in {gap.scope for gap in document.coverage.gaps}


def test_rules_of_vmalert_are_reviewed_through_victoriametrics(engines, tmp_path):
    file = tmp_path / "rules.yml"
    file.write_text(RULES)
    source = engines.victoria.api.url
    with (
        program("vmalert", f"-rule={file}", f"-datasource.url={source}", NOBODY, ready="/health") as alert,
        victoria_metrics(f"-vmalert.proxyURL={alert}") as url,
        connect(url) as prom,
    ):
        [group] = thresholds.collect.rule_groups(prom, ThresholdDriftSettings())
        assert [rule.name for rule in group.alerts] == ["Full", "Busy", "Gone", "Failing"]
        assert group.alerts[0].for_duration == 5 * MINUTE
