"""Rule files read here and by a real Prometheus: the same rules, whatever YAML they are written in."""

import subprocess
from dataclasses import replace
from datetime import timedelta

import pytest

from analysis.errors import InputError
from analysis.prometheus import connect
from analysis.prometheus.private_server import PrivatePrometheus
from analysis.prometheus.programs import find_program
from analysis.prometheus.promql import parse, text_of
from analysis.prometheus.rule_files import groups_of_text
from analysis.prometheus.rules import groups_of_api

HEAD = "groups:\n- name: a\n  rules:\n  - alert: A\n    expr: "
PLAIN = HEAD + "up == 0\n"
ACCEPTED = {
    "empty": "",
    "comment": "# nothing\n",
    "null": "groups:\n",
    "no rules": "groups:\n- name: a\n",
    "null rule": PLAIN + "  -\n  - alert: B\n    expr: up\n",
    "empty map": "{}\n",
    "scalars": PLAIN
    + "    labels: {a: true, b: True, c: yes, d: ~, f: 1.50, g: 0x10, h: 2026-01-01, i: !!str 5, k: off, l: 1e3, "
    "m: .inf, n: 0o17, o: 017, p: 1_000, q: FALSE, r: 1:30, s: +1, t: !!binary YWJj}\n",
    "names": "groups:\n- name: 5\n  rules:\n  - alert: 12\n    expr: up == 0\n- name: yes\n  rules:\n"
    "  - alert: True\n    expr: up\n- name: 'ä/b;c'\n  rules:\n  - alert: 'Ä b'\n    expr: up\n",
    "number": HEAD + "1\n  - record: x\n    expr: 0x1F\n",
    "durations": PLAIN.replace("  rules", "  interval: 1500ms\n  rules")
    + "    for: 1w2d3h4m5s6ms\n  - alert: B\n    expr: up\n    for: 0\n    keep_firing_for: '90m'\n"
    "  - alert: C\n    expr: up\n    for:\n",
    "anchors": PLAIN
    + "    labels: &l {team: x, severity: none}\n  - alert: B\n    expr: up\n    labels: *l\n"
    + "  - alert: C\n    expr: up\n    labels:\n      <<: *l\n      severity: page\n",
    "json": '{"groups":[{"name":"a","rules":[{"alert":"A","expr":"up == 0","labels":{"a":"\\u00e9"}}]}]}',
    "limits": "".join(
        f"{'groups:' if n == 0 else ''}\n- name: g{n}\n  limit: {limit}\n  rules: []"
        for n, limit in enumerate(["5", "5.0", "0x10", "0o17", "017", "1_000", "", "+3"])
    ),
    "line ends": (HEAD + "|\n      up\n        == 0\n").replace("\n", "\r\n"),
    "byte order mark": "\ufeff" + PLAIN,
    "odd characters": PLAIN + "    annotations: {summary: 'fire \U0001f525 \u2028 \u0085 \u00a0'}\n",
    "tabs": HEAD
    + "up\t==\t0\t# why\n    for:\t5m\t\n    labels:\t{\n\ta: b,\n\tc: d\t}\n    annotations:\t\n      x: y\tz\n",
    "tab in block": HEAD + "|\t# why\n      sum(\n      \tup\n      ) == 0\n",
    "folded": HEAD + ">-\n      up\n      == 0\n    annotations:\n      summary: a\n       b\n",
    "more lines": HEAD + 'up{job="x"}\n      == 0\n',
    "escapes": HEAD + '"up{job=~\\"a\\\\\\\\.b\\"} == 0"\n    labels: {x: "\\x41\\u0042\\t"}\n',
    "templates": PLAIN + "    labels: {a: '{{ if gt $value 1.0 }}a{{ end }}', b: '{{ $externalLabels.c }}'}\n",
    "yaml 1.1": "%YAML 1.1\n---\n" + PLAIN,
    "end": PLAIN + "...\n",
}
REFUSED = {
    "no yaml": "groups: [\n",
    "twice": PLAIN + "    expr: up\n",
    "no expr": "groups:\n- name: a\n  rules:\n  - alert: A\n",
    "no name": "groups:\n- name: a\n  rules:\n  - expr: up\n",
    "tab as indent": PLAIN + "\tfor: 5m\n",
    "another file": "scrape_configs: []\n",
    "a list": "- alert: A\n  expr: up\n",
    "duration": PLAIN + "    for: 5 minutes\n",
}
RESOURCES = """apiVersion: v1
kind: Namespace
metadata: {name: monitoring}
---
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata: {name: one}
spec:
  groups:
  - name: a
    labels: {team: us, severity: info}
    query_offset: 30s
    rules:
    - {alert: A, expr: up == 0, labels: {severity: page}}
---
kind: List
items:
- {kind: ConfigMap}
- kind: PrometheusRule
  spec: {groups: [{name: b, rules: [{alert: B, expr: up == 1}]}]}
"""


def plain(group):
    """A group as far as the API shows it, its expressions in one way of writing."""
    rules = tuple(replace(rule, expr=text_of(parse(rule.expr))) for rule in group.rules)
    return replace(group, file="", rules=rules, last_evaluation="", interval=group.interval or timedelta(minutes=1))


def test_a_real_server_has_the_same_rules():
    files = {f"rules/{number}.yml": text for number, text in enumerate(ACCEPTED.values())}
    with PrivatePrometheus("rule_files: ['rules/*.yml']\n", files) as server, connect(server.url) as prom:
        served = groups_of_api(prom.rules())
    for number, name in enumerate(ACCEPTED):
        theirs = [plain(group) for group in served if group.file.endswith(f"/{number}.yml")]
        ours = [plain(group) for group in groups_of_text(ACCEPTED[name], f"{number}.yml")]
        assert sorted(ours, key=lambda g: g.name) == sorted(theirs, key=lambda g: g.name), name
    assert sum(len(group.rules) for group in served) > len(ACCEPTED) / 2


@pytest.mark.parametrize("name", REFUSED)
def test_what_promtool_refuses_is_refused_in_one_line(name, tmp_path):
    path = tmp_path / "rules.yml"
    path.write_text(REFUSED[name])
    checked = subprocess.run([find_program("promtool"), "check", "rules", path], capture_output=True, check=False)
    assert checked.returncode
    with pytest.raises(InputError, match=r"rules\.yml") as error:
        groups_of_text(REFUSED[name], "rules.yml")
    assert "\n" not in str(error.value)


def test_resources_are_found_among_others():
    groups = groups_of_text(RESOURCES, "rules.yaml")
    assert [(group.name, group.rules[0].name) for group in groups] == [("a", "A"), ("b", "B")]
    assert groups[0].rules[0].labels == {"team": "us", "severity": "page"}
    assert groups[0].query_offset == timedelta(seconds=30)
