"""The whole review against a real Prometheus whose every series is known."""

import json

import pytest

from analysis.cardinality import review
from analysis.cardinality.between import created
from analysis.prometheus import connect
from analysis.settings.cardinality import CardinalityGrowthSettings
from analysis.window import Window
from tests.cardinality.known import END, START, known_series

MONTH = {"start": START.isoformat(), "end": END.isoformat()}


def settings_of(**values):
    return CardinalityGrowthSettings(**{**MONTH, **values})


@pytest.fixture(scope="module")
def result(known_server):
    with connect(known_server.url) as prom:
        settings = settings_of(limit_series=500)
        yield review(prom, settings, settings.window())


def alive_at(instant):
    return sum(
        (first is None or first <= instant) and (last is None or instant <= last) for _, first, last in known_series()
    )


def test_series_at_the_edges_are_those_alive(result):
    assert result.document.series == {"start": alive_at(START), "end": alive_at(END)}


def test_every_known_cause_comes_back_to_the_series(result):
    found = {(c["kind"], c["metric"], c["label"], c["job"]): (c["delta"], c["created"]) for c in result.document.causes}
    assert found == {
        ("label_values", "requests_total", "user", "api"): (80, 0),
        ("targets", "", "instance", "redis"): (4, 0),
        ("removed_metric", "old_queue_length", "", "api"): (-15, 0),
        ("label_values", "evil_total", "path", "api"): (4, 0),
        ("churn", "work_done_total", "pod", "api"): (0, 30),
        ("churn", "flash_total", "", "api"): (0, 3),
    }


def test_every_metric_is_listed_with_labels_and_owner(result):
    rows = {row["name"]: row for row in result.document.metrics}
    assert set(rows) == {labels["__name__"] for labels, _, _ in known_series()}
    requests = rows["requests_total"]
    assert requests["owner"] == "shop"
    labels = {label["name"]: (label["values_start"], label["values_end"]) for label in requests["labels"]}
    assert labels["user"] == (0, 40)
    assert labels["code"] == (3, 3)
    assert rows["work_done_total"]["churn"] == 30


def test_a_metric_that_came_and_went_is_listed_with_its_use(known_server, tmp_path):
    rules = tmp_path / "rules.yml"
    rule = "{alert: A, expr: sum by (step) (flash_total) > 5}"
    rules.write_text(f"groups: [{{name: g, rules: [{rule}]}}]", encoding="utf-8")
    with connect(known_server.url) as prom:
        settings = settings_of(rules=(rules,))
        document = review(prom, settings, settings.window()).document
    (row,) = [row for row in document.metrics if row["name"] == "flash_total"]
    assert (row["jobs"], row["series_start"], row["series_end"], row["churn"]) == (["api"], 0, 0, 3)
    assert row["usage"] == ["rule"]
    assert {label["name"]: label["usage"] for label in row["labels"]}["step"] == ["rule"]
    assert document.missing == []


def test_the_leak_is_the_first_finding_and_the_json_is_strict(result):
    assert result.document.findings[0].labels["label"] == "user"
    assert json.loads(result.document.to_json())["findings"][0]["kind"] == "growth_label_values"


def test_a_storm_between_the_edges_ends_with_the_budget(known_server, monkeypatch):
    monkeypatch.setattr("analysis.cardinality.between.AT_ONCE", 1)
    slices = [([name], [Window(START, END)]) for name in ("work_done_total", "flash_total")]
    with connect(known_server.url) as prom:
        found, left_out = created(prom, slices, {}, 10)
    assert {group.metric: made.count for group, made in found.items()} == {"work_done_total": 40}
    assert left_out == ["flash_total"]
