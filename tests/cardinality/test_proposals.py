"""Proposals say exactly what they save and break; next month says whether they were applied."""

import json

import pytest

from analysis.cardinality.model import Edges, Reader
from analysis.cardinality.outcome import outcomes, previous_document
from analysis.cardinality.proposals import proposals
from analysis.cardinality.queries import Query
from analysis.cardinality.relabel import is_recorded
from analysis.cardinality.usage import usage
from analysis.errors import InputError
from analysis.settings.cardinality import CardinalityGrowthSettings
from analysis.window import parse_time

SETTINGS = CardinalityGrowthSettings(min_proposal_series=5)


def proposed(queries, metric="requests_total", slow=None, **settings):
    reader, edges = Reader(), {}
    rows = [{"code": code, "user": f"u{n}"} for n in range(20) for code in ("200", "500")]
    for labels in rows:
        row = {"__name__": metric, "job": "api", "instance": "a:1", **labels}
        group, identity = reader.read(row)
        edges.setdefault(group, Edges()).end.add(identity)
    used = usage(queries, {metric: {"api"}}, {metric: {"code", "user", "job", "instance"}})
    chosen = SETTINGS.model_copy(update=settings)
    return {(p.action, p.label): p for p in proposals(edges, used, [], chosen, slow)}


def test_an_unused_metric_may_go_whole():
    found = proposed([])[("drop_metric", "")]
    assert (found.series_before, found.series_after, found.breaks) == (40, 0, ())


@pytest.mark.parametrize("metric", ["upstream_requests_total", "uptime_seconds", "scrape_errors_total", "ALERTS_SENT"])
def test_names_that_begin_like_those_of_a_scrape_may_go(metric):
    assert ("drop_metric", "") in proposed([], metric)


@pytest.mark.parametrize("metric", ["up", "scrape_series_added", "ALERTS", "job:requests:rate5m"])
def test_what_no_scrape_configuration_reaches_is_not_proposed(metric):
    assert proposed([], metric) == {}


def test_an_unused_label_may_go_and_collisions_are_counted():
    found = proposed([Query('sum by (code) (requests_total{code="500"})', "r: g / A", "rule")])
    assert ("drop_metric", "") not in found
    dropped = found["drop_label", "user"]
    assert (dropped.series_after, dropped.collisions) == (2, 40)
    assert "sum without (user)" in found["aggregate", "user"].config
    assert (dropped.breaks, dropped.readers) == ((), ("r: g / A",))
    assert list(found).index(("aggregate", "user")) < list(found).index(("drop_label", "user"))


def test_what_is_recorded_reaches_back_to_two_scrapes_of_a_slow_job():
    quick, slow = proposed([]), proposed([], slow={"api": 1500.0})
    assert 'rate({__name__="requests_total"}[5m])' in quick["aggregate", "user"].config
    assert 'rate({__name__="requests_total"}[50m])' in slow["aggregate", "user"].config
    assert 'last_over_time({__name__="load"}[25m])' in proposed([], "load", {"api": 1500.0})["aggregate", "user"].config
    for name in ("requests_total:sum_without_user:rate50m", "requests_total:sum_without_user"):
        assert is_recorded("requests_total", "user", [name, "up"])
    assert not is_recorded("requests_total", "user", ["requests_total:sum_without_user_agent"])


def test_a_used_label_keeps_the_values_that_are_asked_for():
    found = proposed([Query('requests_total{user="u3"} or requests_total{user="u4"}', "r", "rule")])
    kept = found["keep_values", "user"]
    assert (kept.series_before, kept.series_after) == (40, 4)


def test_a_label_that_is_matched_by_a_pattern_stays_beside_one_with_a_known_value():
    found = proposed([Query('requests_total{user=~"u.*",code="200"}', "r", "rule")])
    assert found.keys() == {("drop_label", "user"), ("keep_values", "code")}
    assert found["drop_label", "user"].breaks == ("r",)


def test_a_label_may_be_used_through_a_variable():
    found = proposed([Query("sum by (us${which}) (requests_total)", "d.json: P", "dashboard")])
    assert found["drop_label", "user"].breaks == ("d.json: P",)


@pytest.mark.parametrize(
    ("expr", "breaks"),
    [
        ("requests_total / limits_total", True),
        ("requests_total and limits_total", True),
        ("sum without (code) (rate(requests_total[5m])) / limits_total", True),
        ("requests_total / ignoring (user) group_left limits_total", False),
        ("requests_total / on (code) group_left limits_total", False),
        ("sum by (code) (requests_total) / limits_total", False),
        ("requests_total / 100 > scalar(limits_total)", False),
        ('requests_total{code="500"} / ignoring (code) requests_total{code="200"}', False),
    ],
)
def test_what_matches_two_metrics_on_all_labels_breaks_without_one(expr, breaks):
    found = proposed([Query(expr, "r: g / A", "rule")])
    assert found["drop_label", "user"].breaks == (("r: g / A",) if breaks else ())


def test_protected_labels_are_never_proposed():
    found = proposed([Query("sum(requests_total)", "r", "rule")], protected_labels=("user", "code", "instance", "job"))
    assert found == {}


METRIC = {"name": "m", "jobs": ["api"], "series_end": 4, "labels": [{"name": "code", "values_end": 4}]}
OTHER = {"name": "up", "jobs": ["api"], "series_end": 1, "labels": []}
RECORDED = {"name": "m:sum_without_user", "jobs": [""], "series_end": 2, "labels": [{"name": "code", "values_end": 2}]}


@pytest.mark.parametrize(
    ("action", "label", "after", "metrics", "applied", "saved"),
    [
        ("drop_metric", "", 0, [OTHER], True, 40),
        ("drop_metric", "", 0, [], None, None),
        ("drop_metric", "", 0, [OTHER | {"jobs": ["elsewhere"]}], None, None),
        ("drop_metric", "", 0, [OTHER, METRIC | {"series_end": 0}], True, 40),
        ("drop_label", "user", 4, [METRIC | {"labels": []}], None, None),
        ("aggregate", "code", 2, [METRIC], False, None),
        ("aggregate", "user", 2, [METRIC | {"series_end": 40}, RECORDED], True, 0),
        ("drop_metric", "", 0, [METRIC], False, None),
        ("drop_label", "user", 4, [METRIC], True, 36),
        ("drop_label", "code", 4, [METRIC], False, None),
        ("drop_label", "user", 4, [], None, None),
        ("keep_values", "code", 5, [METRIC], True, 36),
        ("keep_values", "code", 3, [METRIC], False, None),
    ],
)
def test_next_month_sees_what_was_applied(action, label, after, metrics, applied, saved):
    proposal = {"metric": "m", "action": action, "label": label, "series_before": 40, "series_after": after}
    proposal["jobs"] = ["api"]
    (found,) = outcomes([proposal], metrics)
    assert (found["applied"], found["saved"], found["promised"]) == (applied, saved, 40 - after)


def test_last_month_is_found_over_the_turn_of_the_year(tmp_path):
    january = parse_time("2026-12-31T23:00:00Z")  # January in Berlin
    assert previous_document(tmp_path, january, "Europe/Berlin") is None
    folder = tmp_path / "2026-12" / "cardinality_growth"
    folder.mkdir(parents=True)
    (folder / "findings.json").write_text(json.dumps({"report": 3}), encoding="utf-8")
    with pytest.raises(InputError, match="not a findings document"):
        previous_document(tmp_path, january, "Europe/Berlin")
