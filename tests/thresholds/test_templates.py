"""What templates in rule labels become, against a real Prometheus's own expansion in the live replay; here the rest."""

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
        "{{ eq $labels.job `web` }}",
        '{{ printf "%.2f" $value }}',
        "{{ range query `up` }}{{ end }}",
        "{{ externalURL }}",
        "{{ with",
    ],
)
def test_what_depends_on_more_is_left_undecided(text):
    assert expanded(text, LABELS) is None
    assert not is_decided(text)
