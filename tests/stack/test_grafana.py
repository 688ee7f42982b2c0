"""Every query of the shipped dashboards on a real Prometheus: it returns data, and what is known of the data."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from analysis.cardinality.dashboards import folder_panels
from analysis.cardinality.templating import askable
from analysis.settings.upkeep import WeeklyReviewSettings
from analysis.upkeep import review_week
from analysis.window import Window
from monitoring.grafana.builder.limits import limit
from monitoring.grafana.builder.security import FIRING
from tests.stack.boards import FOLDER, QUERIES
from tests.stack.watched import watched_platform
from tests.waiting import until


@pytest.fixture(scope="module")
def prom(tmp_path_factory):
    with watched_platform(tmp_path_factory.mktemp("watched")) as connection:
        yield connection


@pytest.mark.parametrize("query", [q for q in QUERIES if q.kind == "panel"], ids=lambda q: q.where)
def test_every_query_of_every_panel_returns_data(prom, query):
    [text, *_] = askable(query.expr)
    until(lambda: prom.instant(text).notna().any(), told=lambda: text)  # a missed scrape empties panels for a second


def shown(prom, title):
    """What a panel of one query shows, in its order; by the values of its label where it has one."""
    [query] = [query for query in QUERIES if query.where.endswith(f": {title}")]
    expr = next(askable(query.expr))
    until(lambda: len(prom.instant(expr)), told=lambda: expr)
    values = prom.instant(expr)
    return values if values.index.nlevels > 1 else values.set_axis(values.index.get_level_values(0))


def test_the_panels_tell_what_is_known_of_the_data(prom):
    """An attack from Brazil goes on; of the two reports of a review, one failed in its last run."""
    assert shown(prom, "Security event timeline")["FailedLoginThresholdExceeded"].max() == FIRING
    assert shown(prom, "Failed logins by country").index[0] == "BR"
    assert shown(prom, "Failed logins per minute").iloc[0] > limit("FailedLoginThresholdExceeded").threshold
    until(lambda: shown(prom, "Targets down").iloc[0] == 0)
    assert set(shown(prom, "Services and what they depend on")) == {1}
    assert shown(prom, "Requests that succeeded, in the chosen range").between(0.99, 1).all()
    found = shown(prom, "Findings of the last runs, by severity")
    assert found[found > 0].to_dict() == {"critical": 1, "high": 1, "low": 1}
    assert shown(prom, "Reports that failed in their last run").iloc[0] == 1
    ran = shown(prom, "Reports that ran through").groupby("report").min()
    assert ran[["threshold_drift", "login_anomalies"]].to_list() == [1, 0]


@pytest.mark.parametrize("query", [q for q in QUERIES if q.kind == "variable"], ids=lambda q: q.where)
def test_every_variable_has_values_to_choose_from(prom, query):
    metric, label = re.fullmatch(r"label_values\((\S+), (\w+)\)", query.expr).groups()
    assert [value for value in prom.label_values(label, [metric]) if value]


@pytest.mark.parametrize("query", [q for q in QUERIES if q.kind == "annotation"], ids=lambda q: q.where)
def test_the_alerts_drawn_in_are_those_of_the_audience(prom, query):
    """Only security and performance have alerts in this data; the other queries must be answered all the same."""
    values = prom.instant(query.expr)
    if query.where.startswith("security"):
        assert set(values.index.get_level_values("category")) == {"security"}


def test_the_weekly_review_finds_every_panel_full(prom):
    now = datetime.now(UTC).replace(microsecond=0)
    settings = WeeklyReviewSettings(step="1s")
    result = review_week(prom, settings, Window(now - timedelta(seconds=20), now), folder_panels(FOLDER))
    assert result.tables["panels"].query("state != 'data'").to_dict("records") == []
