"""Usage: graded by who asks, read with the parser, whatever shape a dashboard has."""

import gzip
import json

import pytest

from analysis.cardinality.dashboards import dashboard_queries, folder_panels, folder_queries
from analysis.cardinality.queries import Query, rule_queries
from analysis.cardinality.query_log import log_queries
from analysis.cardinality.selectors import OURS
from analysis.cardinality.templating import askable
from analysis.cardinality.usage import usage
from analysis.cardinality.variables import split_last
from analysis.errors import InputError
from analysis.prometheus.promql import parse
from analysis.prometheus.rule_files import groups_of_text

JOBS = {
    "http_requests_total": {"api"},
    "http_errors_total": {"api"},
    "node_load1": {"node"},
    "node_load5": {"node"},
    "redis_up": {"redis"},
    "lonely_total": {"api"},
}
LABELS = {name: {"job", "instance", "code", "path", "user", "pod"} for name in JOBS}


def used_by(*queries, remote=lambda _: False):
    return usage(queries, JOBS, LABELS, remote)


def dashboard(expr, **target):
    return {"title": "D", "panels": [{"title": "P", "targets": [{"expr": expr, **target}]}]}


def of_dashboard(document):
    return used_by(*dashboard_queries(document, "d.json"))


def test_rules_grade_metrics_and_the_labels_they_name():
    text = """
groups:
- name: g
  rules:
  - record: job:errors
    expr: sum by (job) (rate(http_errors_total{code=~"5.."}[5m])) / on (job) group_left (pod) http_requests_total
  - alert: A
    expr: sum without (user) (http_requests_total) > 1
    annotations: {summary: 'high on {{ $labels.path }}, {{ query "node_load1" | first | value }}'}
"""
    found = used_by(*rule_queries(groups_of_text(text, "r.yml")))
    assert found.of_metric("http_requests_total") == ["rule"]
    assert found.of_metric("node_load1") == ["rule"]
    assert found.of_metric("lonely_total") == ["unused"]
    assert found.of_label("http_errors_total", "code") == ["rule"]
    assert found.of_label("http_requests_total", "path") == ["rule"]
    assert found.of_label("http_requests_total", "pod") == ["rule"]
    assert found.of_label("http_requests_total", "user") == ["unused"]  # `without` names it, but needs nothing of it
    assert found.of_label("http_requests_total", "code") == ["unused"]


@pytest.mark.parametrize(
    "expr",
    [
        "rate(http_requests_total[$__rate_interval])",
        "rate(http_requests_total[[[interval]]])",
        "rate(http_requests_total[${window}m])",
        "rate(http_requests_total[$__rate_interval:])",
        "rate(http_requests_total[$__range:$resolution])",
        "topk($n, sum by ($group) (rate(http_requests_total[${__range_s}s])))",
        "topk(${top:raw}, http_requests_total offset $shift)",
        'http_requests_total{path=~"${path:regex}",code!~"[[code]]"} > $threshold',
        'label_replace(http_requests_total, "x", "$1", "path", "/(.*)")',
        "sum(increase(http_requests_total[$__interval])) by (pref, ${group_by})",
        'count(http_requests_total{instance=~"$node:$port"}) / $__interval_ms',
    ],
)
def test_template_variables_do_not_hide_a_metric(expr):
    found = of_dashboard(dashboard(expr))
    assert (found.of_metric("http_requests_total"), found.unread) == (["dashboard"], [])
    assert found.of_metric("lonely_total") == ["unused"]


def test_patterns_and_variables_are_indirect():
    found = of_dashboard(dashboard('{__name__=~"node_load.+"}'))
    assert found.of_metric("node_load1") == ["indirect"]
    assert found.of_metric("redis_up") == ["unused"]
    assert of_dashboard(dashboard("node_${what}")).of_metric("node_load5") == ["indirect"]
    assert of_dashboard(dashboard('sum({job="redis"})')).of_metric("redis_up") == ["indirect"]
    assert of_dashboard(dashboard('{job="api",__name__!~"node_.*|http.*"}')).of_metric("lonely_total") == ["indirect"]


def test_what_asks_for_everything_uses_nothing():
    found = of_dashboard(dashboard('topk(10, count by (__name__) ({__name__=~".+"}))'))
    assert found.of_metric("lonely_total") == ["unused"]
    assert found.everything == {"d.json: P"}


def test_a_selector_without_a_name_uses_the_metrics_that_have_its_labels():
    labels = {**LABELS, "redis_up": {"job", "instance", "role"}, "lonely_total": set()}  # the last: beyond the budget
    queries = [Query(expr, "r: g / A", "rule") for expr in ('count({role="main"}) < 2', '{role=~"a.+",pod=""}')]
    found = usage(queries, JOBS, labels)
    assert found.of_metric("redis_up") == ["indirect"]
    assert found.of_metric("node_load1") == ["unused"]
    assert found.of_metric("lonely_total") == ["indirect"]
    assert found.of_label("redis_up", "role") == ["indirect"]
    assert not usage([Query('{role!="main"}', "r", "rule")], JOBS, labels).metrics


def test_label_values_variables_are_indirect_and_legends_are_use():
    variable = {
        "name": "path",
        "type": "query",
        "query": {"query": 'label_values(http_requests_total{code="5,0"}, path)'},
    }
    found = of_dashboard({"templating": {"list": [variable]}})
    assert found.of_metric("http_requests_total") == ["indirect"]
    assert found.of_label("http_requests_total", "path") == ["indirect"]
    legend = of_dashboard(dashboard("http_requests_total", legendFormat="{{ path }} / {{code}}"))
    assert legend.of_label("http_requests_total", "path") == ["dashboard"]
    assert legend.of_label("http_requests_total", "user") == ["unused"]


def test_panels_are_found_wherever_they_lie():
    target = {"targets": [{"expr": "redis_up"}], "title": "T"}
    shapes = [
        {"rows": [{"panels": [target]}]},
        {"panels": [{"type": "row", "panels": [{"type": "row", "panels": [target]}]}]},
        {"dashboard": {"panels": [target]}, "meta": {}},
        {"__elements": {"x": {"name": "lib", "model": target}}, "panels": [{"libraryPanel": {"uid": "x"}}]},
        {"annotations": {"list": [{"expr": "redis_up", "datasource": "-- Mixed --"}]}},
        {"spec": {"elements": {"p": {"spec": {"data": {"spec": {"queries": [{"spec": {"expr": "redis_up"}}]}}}}}}},
        [None, 3, {"panels": None, "targets": [target]}],
    ]
    for shape in shapes:
        assert of_dashboard(shape).of_metric("redis_up") == ["dashboard"], shape


def test_other_data_sources_are_left_alone():
    loki = {"type": "loki", "uid": "l"}
    mixed = {
        "datasource": {"uid": "-- Mixed --"},
        "targets": [{"expr": '{job="api"} |= "x"', "datasource": loki}, {"expr": "redis_up"}],
    }
    found = of_dashboard({"panels": [mixed, {"datasource": "Loki", "targets": [{"expr": '{a="b"} | json'}]}]})
    assert (found.of_metric("redis_up"), found.unread) == (["dashboard"], [])
    exported = {"__inputs": [{"name": "DS_L", "pluginId": "loki"}], **dashboard("{x} |", datasource="${DS_L}")}
    assert of_dashboard(exported).unread == []


def test_what_cannot_be_read_is_said():
    found = of_dashboard(dashboard("sum(("))
    assert [where for where, _ in found.unread] == ["d.json: P"]


def test_missing_metrics_name_who_asks():
    found = used_by(Query("gone_total > ALERTS", "r.yml: g / A", "rule"), Query("typo_total", "log", "query_log"))
    assert dict(found.missing) == {"gone_total": {"r.yml: g / A"}}


def test_remote_consumers_and_query_logs(tmp_path):
    log = tmp_path / "query.log"
    lines = [
        {"params": {"query": "node_load1"}},
        {"params": {"query": "redis_up"}, "ruleGroup": {"file": "r.yml", "name": "g"}},
    ]
    log.write_text("\n".join(map(json.dumps, lines)) + '\n{"params": {"que', encoding="utf-8")
    found = used_by(*log_queries([log]), remote=lambda name: name == "lonely_total")
    assert found.of_metric("node_load1") == ["query_log"]
    assert found.of_metric("redis_up") == ["rule"]
    assert found.of_metric("lonely_total") == ["remote"]
    log.write_text("hello\n", encoding="utf-8")
    with pytest.raises(InputError, match="not a query log"):
        list(log_queries([log]))


def test_rotated_logs_are_unpacked_and_own_queries_alone_are_a_log(tmp_path):
    packed = gzip.compress(b'{"params": {"query": "node_load1"}}\n{"params": {"query": "redis_up"}}\n')
    (tmp_path / "query.log.1.gz").write_bytes(packed)
    (tmp_path / "query.log").write_text(json.dumps({"params": {"query": f"up{OURS}"}}), encoding="utf-8")
    found = list(log_queries([tmp_path / "query.log", tmp_path / "query.log.1.gz"]))
    assert [(query.expr, query.asked_by) for query in found] == [
        ("node_load1", "query.log.1.gz"),
        ("redis_up", "query.log.1.gz"),
    ]
    (tmp_path / "cut.gz").write_bytes(packed[:-9])
    assert {query.expr for query in log_queries([tmp_path / "cut.gz"])} == {"node_load1", "redis_up"}


def test_bad_folders_and_files_are_one_clear_line(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        list(folder_queries(tmp_path / "none"))
    (tmp_path / "x.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match=r"x\.json is not JSON"):
        list(folder_queries(tmp_path))
    (tmp_path / "y.json").write_text(json.dumps(dashboard("redis_up")), encoding="utf-8")
    skipped = []
    assert [query.expr for query in folder_queries(tmp_path, skipped)] == ["redis_up"]
    assert [file for file, _ in skipped] == ["x.json"]


def test_split_last_respects_brackets_and_strings():
    assert split_last('a{b="c,d"}, e') == ('a{b="c,d"}', "e")
    assert split_last("e") == ("", "e")
    assert split_last("sum by (a, b) (x), a") == ("sum by (a, b) (x)", "a")


@pytest.mark.parametrize(
    ("expr", "asked"),
    [
        ('up{job=~"$job"}', 'up{job=~".*"}'),
        ('up{job="$job",instance="a"}', 'up{job=~".*",instance="a"}'),
        ('up{path="/x.$name"}', 'up{path=~"/x\\\\..*"}'),
        ('up{job!="$job"}', 'up{job!="promreview_variable_job_promreview_x"}'),
        ("rate(x_total[$__rate_interval])", "rate(x_total[5m])"),
        ("topk($top, x) > bool 3", "topk(1, x) > bool 3"),
        ("up", "up"),
    ],
)
def test_a_query_is_asked_with_every_variable_set_to_all(expr, asked):
    assert next(askable(expr)) == asked
    parse(asked)


def test_what_shows_nothing_in_quiet_times_is_not_asked(tmp_path):
    text = json.dumps(dashboard('max by (alertname) (ALERTS{alertstate="firing"})'))
    (tmp_path / "alerts.json").write_text(text)
    assert folder_panels(tmp_path) == []
    names = {"templating": {"list": [{"name": "env", "query": "label_values(env)"}]}}
    (tmp_path / "up.json").write_text(json.dumps(dashboard("up") | names))
    assert folder_panels(tmp_path) == [("up.json: P", ["up"])]


def test_a_label_that_an_aggregation_takes_away_is_not_printed():
    found = of_dashboard(dashboard("sum by (code) (http_requests_total)", legendFormat="{{code}} {{pod}}"))
    assert found.of_label("http_requests_total", "code") == ["dashboard"]
    assert found.of_label("http_requests_total", "pod") == ["unused"]
    kept = of_dashboard(dashboard("topk by (code) (5, http_requests_total)", legendFormat="{{pod}}"))
    assert kept.of_label("http_requests_total", "pod") == ["dashboard"]
    without = of_dashboard(dashboard("sum without (user) (http_requests_total)", legendFormat="{{user}} {{pod}}"))
    assert without.of_label("http_requests_total", "user") == ["unused"]
    assert without.of_label("http_requests_total", "pod") == ["dashboard"]


COLUMNS = {"id": "organize", "options": {"excludeByName": {"user": True}, "renameByName": {"path": "Path", "user": ""}}}
SHOWN = [
    {"transformations": [COLUMNS]},
    {"transformations": [{"id": "groupBy", "options": {"fields": {"path": {"operation": "groupby"}}}}]},
    {"transformations": [{"id": "joinByField", "options": {"byField": "path"}}]},
    {"fieldConfig": {"defaults": {"displayName": "${__field.labels.path}"}}},
    {"fieldConfig": {"defaults": {"links": [{"url": '/d/x?var-path=${__data.fields["path"]}'}]}}},
    {"fieldConfig": {"overrides": [{"matcher": {"id": "byName", "options": "path"}, "properties": []}]}},
    {"styles": [{"pattern": "path", "alias": "Path"}]},
]


@pytest.mark.parametrize("look", SHOWN)
def test_columns_and_names_of_fields_are_printed_labels(look):
    board = dashboard("http_requests_total", format="table")
    board["panels"][0] |= look
    board["panels"].append({"title": "Other", "targets": [{"expr": "http_errors_total"}]})
    found = of_dashboard(board)
    assert found.of_label("http_requests_total", "path") == ["dashboard"]
    assert found.of_label("http_requests_total", "user") == ["unused"]
    assert found.of_label("http_errors_total", "path") == ["unused"]


@pytest.mark.parametrize(
    ("query", "more", "metric", "label"),
    [
        ("query_result(http_requests_total)", {"regex": '/.*path="([^"]+)".*/'}, ["dashboard"], ["dashboard"]),
        ("http_requests_total{code='5'}", {"regex": '/path="(?<text>[^"]+)/'}, ["indirect"], ["indirect"]),
        ({"query": "label_values(http_requests_total, path)", "refId": "A"}, {}, ["indirect"], ["indirect"]),
        ("metrics(requests)", {}, ["indirect"], ["unused"]),
        ("label_names(http_requests_total)", {}, ["unused"], ["unused"]),
        ("1m,5m,1h", {}, ["unused"], ["unused"]),
    ],
)
def test_variables_of_every_kind_are_read(query, more, metric, label):
    variable = {"name": "v", "type": "query", "query": query, **more}
    found = of_dashboard({"templating": {"list": [variable]}})
    assert (found.of_metric("http_requests_total"), found.unread) == (metric, [])
    assert found.of_label("http_requests_total", "path") == label
    assert found.of_metric("redis_up") == ["unused"]


def test_lists_of_words_are_no_selectors():
    custom = {"name": "v", "type": "custom", "query": "redis_up"}
    assert of_dashboard({"templating": {"list": [custom]}}).of_metric("redis_up") == ["unused"]


@pytest.mark.parametrize(
    ("source", "grade"),
    [
        ("grafana-amazonprometheus-datasource", "dashboard"),
        ("grafana-azureprometheus-datasource", "dashboard"),
        ("victoriametrics-metrics-datasource", "dashboard"),
        ("victoriametrics-logs-datasource", "unused"),
        ("grafana-clickhouse-datasource", "unused"),
    ],
)
def test_data_sources_that_speak_promql_are_read(source, grade):
    assert of_dashboard(dashboard("redis_up", datasource={"type": source})).of_metric("redis_up") == [grade]
    query = {"kind": "DataQuery", "group": source, "spec": {"expr": "redis_up"}}
    elements = {
        "p": {"kind": "Panel", "spec": {"title": "P", "data": {"spec": {"queries": [{"spec": {"query": query}}]}}}}
    }
    assert of_dashboard({"elements": elements}).of_metric("redis_up") == [grade]


@pytest.mark.parametrize(
    "variable",
    [
        {"type": "custom", "query": "Load : node_load1,redis_up"},
        {"type": "custom", "query": "", "options": [{"value": "$__all"}, {"value": "node_load1"}]},
        {"type": "constant", "query": "node_load1"},
        {"type": "query", "query": "label_values({__name__=~'node_load1|redis.*'}, __name__)"},
        {"type": "query", "query": {"query": "metrics(load1)", "refId": "A"}},
        {"kind": "CustomVariable", "spec": {"query": "node_load1"}},
        {"kind": "QueryVariable", "spec": {"query": {"kind": "DataQuery", "spec": {"query": "metrics(load1)"}}}},
    ],
)
def test_a_variable_that_is_a_metric_stands_for_what_it_lists(variable):
    spec = variable.get("spec", variable)
    spec["name"] = "metric_x"
    found = of_dashboard({"templating": {"list": [variable]}, **dashboard("rate(${metric_x:raw}[5m]) > $metric_x")})
    assert found.of_metric("node_load1") == ["indirect"]
    assert found.of_metric("lonely_total") == ["unused"]
    assert (found.everything, found.unread) == (set(), [])


def test_a_variable_that_is_a_label_stands_for_what_it_lists():
    variable = {"type": "custom", "name": "by", "query": "path,pod"}
    found = of_dashboard({"templating": {"list": [variable]}, **dashboard("sum by ($by) (http_requests_total)")})
    assert found.of_label("http_requests_total", "path") == ["indirect"]
    assert found.of_label("http_requests_total", "user") == ["unused"]


@pytest.mark.parametrize(
    "variable",
    [
        {"type": "adhoc", "filters": [{"key": "pod", "operator": "=", "value": "x"}]},
        {"type": "adhoc", "filters": [], "baseFilters": [{"key": "pod", "operator": "=~", "value": "x"}]},
        {"kind": "AdhocVariable", "spec": {"filters": [{"key": "pod", "operator": "=", "value": "x"}]}},
        {"type": "groupby", "current": {"value": ["pod"]}},
    ],
)
def test_ad_hoc_filters_match_labels_of_every_query(variable):
    found = of_dashboard({"templating": {"list": [variable]}, **dashboard("sum(http_requests_total)")})
    assert found.of_label("http_requests_total", "pod") == ["dashboard"]
    assert found.of_label("http_requests_total", "user") == ["unused"]
    loki = {"templating": {"list": [variable | {"datasource": {"type": "loki"}}]}, **dashboard("http_requests_total")}
    assert of_dashboard(loki).of_label("http_requests_total", "pod") == ["unused"]


def test_values_of_a_label_of_any_metric_use_the_label_and_no_metric():
    found = of_dashboard({"templating": {"list": [{"name": "v", "type": "query", "query": "label_values(pod)"}]}})
    assert (found.of_metric("redis_up"), found.of_label("redis_up", "pod")) == (["unused"], ["indirect"])
    assert found.of_label("redis_up", "user") == ["unused"]


def test_the_first_draft_of_the_second_schema_is_read():
    def query(kind, expr):
        return {"kind": "PanelQuery", "spec": {"query": {"kind": kind, "spec": {"expr": expr}}, "refId": "A"}}

    columns = [{"kind": "groupBy", "spec": {"id": "groupBy", "options": {"fields": {"pod": {"operation": "groupby"}}}}}]
    data = {"spec": {"queries": [query("prometheus", "redis_up"), query("loki", "{a=~'b'} |= 'c'")]}}
    data["spec"]["transformations"] = columns
    found = of_dashboard({"spec": {"elements": {"p": {"kind": "Panel", "spec": {"title": "P", "data": data}}}}})
    assert (found.of_metric("redis_up"), found.unread) == (["dashboard"], [])
    assert found.of_label("redis_up", "pod") == ["dashboard"]
