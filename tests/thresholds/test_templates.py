"""What templates in rule labels become: as promtool expands them here, as a real Prometheus does in the live replay."""

import json
import subprocess

import pytest

from analysis.thresholds.templates import expanded, is_decided

LABELS = {"instance": "host-1:9100", "job": "node", "path": "/a/b"}


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("{{ $labels.job }}", "node"),
        ("{{$labels.job}}-x", "node-x"),
        ("a {{- $labels.job }} b", "anode b"),
        ("a {{- $labels.job -}}  b", "anodeb"),
        ("a {{- /* said */ -}} b", "ab"),
        ("{{ .Labels.job | toUpper }}", "NODE"),
        ('{{ printf "%s/%s" $labels.job $labels.path }}', "node//a/b"),
        ("{{ $labels.instance | stripPort }}", "host-1"),
        ('{{ reReplaceAll "host-(.*):.*" "h$1" $labels.instance }}', "h1"),
        ("{{ $labels.nothing }}", ""),
        ('{{ "text" }}', "text"),
        ("plain", "plain"),
        ("{{ if $labels.job }}x{{ end }}", "x"),
        ("{{ if $labels.nothing }}x{{ end }}", ""),
        ('{{ if eq $labels.job "web" "node" }}a{{ else }}b{{ end }}', "a"),
        ('{{ if and $labels.job (ne $labels.path "/a") -}} {{ $labels.job }} {{- else }}b{{ end }}', "node"),
        ('{{ if not $labels.job }}a{{ else if match "^/a" $labels.path }}b{{ else }}c{{ end }}', "b"),
    ],
)
def test_what_labels_decide_is_expanded(text, becomes):
    assert expanded(text, LABELS) == becomes


@pytest.mark.parametrize(
    "text",
    [
        "{{ $value }}",
        "{{ $value | humanize }}",
        "{{ if eq $labels.job `node` }}x{{ else }}{{ $value }}{{ end }}",
        "{{ if gt $value 9.0 }}x{{ end }}",
        "{{ if $labels.job }}x",
        '{{ printf "%.2f" $value }}',
        "{{ range query `up` }}{{ end }}",
        "{{ externalURL }}",
        "{{ with",
        "{{ . }}",
        "{{ $externalLabels.cluster }}",
        "{{ define `x` }}a{{ end }}",
    ],
)
def test_what_depends_on_more_is_left_undecided(text):
    assert expanded(text, LABELS) is None
    assert not is_decided(text)


GO_TEMPLATES = [
    "{{ if eq $labels.tier `db` }}page{{ else }}ticket{{ end }}",
    "{{- if eq $labels.tier `x` -}} a {{- else if match `^d` $labels.tier -}} b {{- else -}} c {{- end -}}",
    "{{ with $labels.tier }}{{ . }}!{{ end }}{{ with $labels.none }}{{ . }}{{ else }}none{{ end }}",
    "{{ $t := $labels.tier }}{{ $t }}-{{ $t | toUpper }}",
    '{{ $x := "a" }}{{ if $labels.tier }}{{ $x = "b" }}{{ end }}{{ $x }}',
    '{{ $x := "a" }}{{ if $labels.tier }}{{ $x := "b" }}{{ $x }}{{ end }}{{ $x }}',
    "{{ range $k, $v := $labels }}{{ $k }}={{ $v }},{{ end }}",
    "{{ range $labels }}{{ . }};{{ end }}",
    "{{ range $i, $e := args `x` `y` }}{{ $i }}{{ $e }}{{ end }}",
    "{{ $labels }}{{ len $labels }}",
    "{{ stripPort $labels.instance }} {{ stripPort `[::1]:9` }} {{ stripPort `a:b:c` }} {{ stripPort `h` }}",
    "{{ stripDomain $labels.fqdn }} {{ stripDomain `a.b:9` }} {{ stripDomain `10.0.0.1:9` }}",
    "{{ title `hello wORLD-foo bar_baz 3x it's` }} {{ title $labels.pod }}",
    "{{ reReplaceAll `(.*):.*` `$1` $labels.instance }}",
    "{{ reReplaceAll `(d)` `$1x` $labels.tier }}|{{ reReplaceAll `(d)` `${1}x` $labels.tier }}",
    "{{ reReplaceAll `d` `$$` $labels.tier }}|{{ reReplaceAll `d*` `-` $labels.tier }}",
    "{{ $labels.pod | reReplaceAll `-[[:alnum:]]+$` `` }}",
    "{{ reReplaceAll `(?i)DB` `N` $labels.tier }}{{ reReplaceAll `(.)(.)` `$2_$1` $labels.tier }}",
    '{{ "a\\tb\\"c" }}{{ `raw\\n` }}',
    '{{ printf "%q %10s %-5s|%% %.1s %05d %v %t" $labels.tier "x" "y" "zz" 7 true false }}',
    "{{ print `a` 1 2 `b` }}{{ print 1 2 }}",
    "{{ eq $labels.tier `db` }}{{ not $labels.none }}{{ ne `a` `a` }}",
    "{{ or $labels.none `fallback` }}{{ and 1 0 2 }}",
    "{{ if le (len $labels.tier) 3 }}short{{ end }}{{ slice $labels.pod 0 3 }}{{ index $labels `tier` }}",
    "{{ humanize `1234567` }} {{ humanize `0.0012` }} {{ humanize1024 `123456` }} {{ humanizePercentage `0.1234` }}",
    "{{ html `<a href='x'>` }} {{ urlquery `a b&c` }}",
    "a {{- ` b}}` }} c {{ $labels.tier -}}   z {{/* said */}}",
]
SERIES = {"instance": "host1:9100", "tier": "db", "pod": "web-7f9c-x2", "fqdn": "a.b.c"}


def test_templates_become_what_promtool_makes_of_them(tmp_path):
    rules = [
        {"alert": f"A{place}", "expr": "m > 0", "labels": {"out": text}} for place, text in enumerate(GO_TEMPLATES)
    ]
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "g", "rules": rules}]}))
    written = "m{" + ",".join(f"{name}={json.dumps(value)}" for name, value in SERIES.items()) + "}"
    given = {"__name__": "m", **SERIES}
    tests = [
        {
            "eval_time": "1m",
            "alertname": f"A{place}",
            "exp_alerts": [{"exp_labels": {**SERIES, "out": expanded(text, given)}}],
        }
        for place, text in enumerate(GO_TEMPLATES)
    ]
    series = [{"series": written, "values": "1 1"}]
    test = {"interval": "1m", "input_series": series, "alert_rule_test": tests}
    (tmp_path / "tests.yml").write_text(
        json.dumps({"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": [test]})
    )
    command = ["promtool", "test", "rules", "tests.yml"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout
