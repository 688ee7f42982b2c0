"""The shipped dashboards: made by their builder, as Grafana's schema has them, found, read, and true to the alerts.

Grafana itself is not to be had here. Its schema is the SDK's for Grafana 11.6, the version of the compose file.
"""

import json
import re
from importlib.metadata import version
from urllib.parse import urlsplit

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard
from ruamel.yaml import YAML

from analysis.cardinality.dashboards import dashboard_queries, folder_panels, folder_queries
from analysis.cardinality.usage import usage
from analysis.prometheus.rule_files import groups_of_files
from monitoring.grafana.builder.limits import limit
from monitoring.grafana.builder.service_level import OBJECTIVE
from monitoring.grafana.builder.shipped import texts
from tests.stack.boards import FILES, FOLDER, QUERIES, board, panels, provisioned
from tests.stack.native import ROOT
from tests.stack.watched import RULE_FILES

NUMBER = re.compile(r"(?<![\w.\[])\d+(?:\.\d+)?(?:e\d+)?(?![\w.])")
ALERTS = {rule.name: rule.expr for group in groups_of_files(RULE_FILES) for rule in group.alerts}
WATCHED = [
    (path.stem, panel)
    for path in FILES
    for panel in panels(board(path))
    if any(name in panel["description"] and NUMBER.search(ALERTS[name]) for name in ALERTS)
    and panel["type"] in ("timeseries", "stat")
]
GUIDE_LINES = 16  # five for each of the guide's dashboards, and the business's own


def test_what_is_checked_in_is_what_the_builder_makes():
    checked_in = {str(path.relative_to(FOLDER)): path.read_text() for path in FILES}
    assert checked_in == texts(), "run: make dashboards"


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


def test_the_dashboards_count_as_use_of_their_metrics_and_labels():
    labels = {"country", "instance", "reason", "user"}
    found = usage(folder_queries(FOLDER), {"auth_failed_logins_total": {"auth"}}, {"auth_failed_logins_total": labels})
    assert found.unread == []
    assert found.of_metric("auth_failed_logins_total") == ["dashboard"]
    assert {label: found.of_label("auth_failed_logins_total", label) for label in labels} == {
        "country": ["dashboard"],
        "instance": ["dashboard"],
        "reason": ["dashboard"],
        "user": ["unused"],
    }


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
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in document["panels"])
        for x in range(place.get("x", 0), place.get("x", 0) + place["w"])
        for y in range(place.get("y", 0), place.get("y", 0) + place["h"])
    ]
    assert len(cells) == len(set(cells)), "panels lie on one another"
    assert max(x for x, _ in cells) < 24


def test_every_panel_that_the_guide_names_is_there():
    section = (ROOT / "docs/grafana.md").read_text().split("## What the monitoring guide asks for")[1].split("##")[0]
    titles = {path.stem: {panel["title"] for panel in panels(board(path))} for path in FILES}
    rows = re.findall(rf"^\| [^|]+ \| ({'|'.join(titles)}) \| ([^|]+) \|$", section, re.MULTILINE)
    assert len(rows) == GUIDE_LINES
    assert [(name, title) for name, named in rows for title in named.split("; ") if title not in titles[name]] == []


def test_the_library_is_the_one_for_the_grafana_of_the_compose_file():
    image = re.search(r"grafana/grafana:([\d.]+)", (ROOT / "docker-compose.production.yml").read_text())[1]
    assert version("grafana-foundation-sdk").split("!")[-1] == image


def test_every_dashboard_has_an_address_and_a_folder_of_its_audience():
    assert {path.parent.name for path in FILES} == {"security", "operations", "business"}
    documents = [board(path) for path in FILES]
    assert len({document["uid"] for document in documents}) == len({d["title"] for d in documents}) == len(FILES)


def test_containers_find_what_is_provisioned():
    """Grafana's own container reads what is mounted, at the addresses of the other services."""
    compose = YAML(typ="safe").load((ROOT / "docker-compose.production.yml").read_text())
    service = compose["services"]["grafana"]
    inside = dict(reversed(volume.split("}/", 1)[1].split(":")[:2]) for volume in service["volumes"])
    [provider] = provisioned("dashboards", service["environment"])["providers"]
    assert inside[provider["options"]["path"]] == "grafana/dashboards"
    assert provider["options"]["foldersFromFilesStructure"] is True
    assert inside["/etc/grafana/provisioning/datasources"] == "grafana/datasources"
    sources = provisioned("datasources", service["environment"])["datasources"]
    assert {source["type"]: urlsplit(source["url"]).hostname for source in sources} == {
        "prometheus": "prometheus",
        "alertmanager": "alertmanager",
    }
    first = [board(path)["templating"]["list"][0] for path in FILES]
    uids = {source["uid"] for source in sources if source["type"] == "prometheus"}
    assert {(v["name"], v["query"]) for v in first} == {("datasource", "prometheus")}
    assert {v["current"]["value"] for v in first} == uids


@pytest.mark.parametrize(("where", "panel"), WATCHED, ids=[f"{where}: {panel['title']}" for where, panel in WATCHED])
def test_a_panel_and_the_alert_it_names_have_the_same_threshold(where, panel):
    """The dashed line is where the alert's own expression, with nothing but its comparison changed, begins."""
    [alert] = {name for name in ALERTS if re.search(rf"\b{name}\b", panel["description"])}
    steps = [step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]]
    written = {float(found) for found in NUMBER.findall(ALERTS[alert])}
    products = {one * other for one in written for other in written}
    assert steps[0] is None
    [threshold] = steps[1:]
    assert any(abs(threshold - value) < 1e-9 for value in written | products | {1 - value for value in written})


def test_the_objective_is_the_one_whose_budget_the_alerts_watch():
    assert limit("ErrorBudgetBurnFast").threshold == pytest.approx(14.4 * (1 - OBJECTIVE))
