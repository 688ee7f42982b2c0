"""The shipped dashboards: made by their builder, as Grafana's schema has them, and each query returns data.

Grafana itself is not to be had here. Its schema is the SDK's for Grafana 11.6, the version of the compose file.
"""

import json
import re

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from analysis.cardinality.dashboards import dashboard_queries, folder_panels
from analysis.cardinality.templating import askable
from monitoring.grafana.builder.shipped import texts
from tests.stack.boards import FILES, FOLDER, QUERIES, board, panels
from tests.stack.watched import watched_platform


@pytest.fixture(scope="module")
def prom(tmp_path_factory):
    with watched_platform(tmp_path_factory.mktemp("watched")) as connection:
        yield connection


def test_what_is_checked_in_is_what_the_builder_makes():
    checked_in = {str(path.relative_to(FOLDER)): path.read_text() for path in FILES}
    assert checked_in == texts(), "run: make dashboards"


@pytest.mark.parametrize("query", [q for q in QUERIES if q.kind == "panel"], ids=lambda q: q.where)
def test_every_query_of_every_panel_returns_data(prom, query):
    [text, *_] = askable(query.expr)
    values = prom.instant(text)
    assert len(values), text
    assert values.notna().any(), text


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


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_queries_are_read_for_the_usage_of_metrics(path):
    """`promreview cardinality` and the weekly review find exactly what Grafana would ask."""
    mine = [query for query in QUERIES if query.where.startswith(f"{path.stem}:")]
    found = list(dashboard_queries(board(path), path.stem))
    assert {query.expr for query in found if query.kind == "dashboard"} == {
        query.expr for query in mine if query.kind != "variable"
    }
    chosen = {(query.expr, *query.printed) for query in found if query.kind == "indirect"}
    assert chosen == {
        tuple(query.expr.removeprefix("label_values(").removesuffix(")").split(", "))
        for query in mine
        if query.kind == "variable"
    }
    titles = {panel["title"] for panel in panels(board(path))}
    assert titles <= {query.asked_by.removeprefix(f"{path.stem}: ") for query in found}


def test_the_weekly_review_asks_what_can_be_asked():
    asked = dict(folder_panels(FOLDER))
    assert len(asked) > 60
    assert not [where for where, texts_ in asked.items() if "promreview_variable" in texts_[0] or "$" in texts_[0]]
    assert not [where for where in asked if "timeline" in where]  # nothing but alerts: quiet is well


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_grafanas_schema_knows_every_field(path):
    """What the schema does not know would not come back; titles of annotations are Prometheus's own."""
    document = board(path)
    for annotation in document["annotations"]["list"]:
        assert [annotation.pop(name) for name in ("titleFormat", "textFormat", "tagKeys")]
    again = json.loads(JSONEncoder().encode(Dashboard.from_json(document)))
    assert again == document
    document["panels"][1]["fieldConfig"]["defaults"]["untit"] = "short"
    assert json.loads(JSONEncoder().encode(Dashboard.from_json(document))) != document


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_panel_says_what_it_shows(path):
    document = board(path)
    assert len({panel["id"] for panel in document["panels"]}) == len(document["panels"])
    for panel in panels(document):
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert panel["type"] == "state-timeline" or panel["fieldConfig"]["defaults"]["unit"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "prometheus"}
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in document["panels"])
        for x in range(place.get("x", 0), place.get("x", 0) + place["w"])
        for y in range(place.get("y", 0), place.get("y", 0) + place["h"])
    ]
    assert len(cells) == len(set(cells)), "panels lie on one another"
    assert max(x for x, _ in cells) < 24
