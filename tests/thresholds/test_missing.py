"""Which missing metric kills a rule, against what a real Prometheus answers."""

import pytest

from analysis.prometheus.promql import parse
from analysis.thresholds.missing import missing_metrics, presence_query, unmatched

EXISTING = {"load", "queue"}


@pytest.mark.parametrize(
    ("expr", "missing"),
    [
        ("load > 1 and nope > 1", ["nope"]),
        ("nope > 1 or load > 1", []),
        ("nope > 1 or gone > 1", ["nope", "gone"]),
        ("load > 1 unless nope", []),
        ("nope unless load", ["nope"]),
        ("load / on() group_left nope", ["nope"]),
        ("sum by (job) (rate(nope[5m])) > 1", ["nope"]),
        ("absent(nope)", []),
        ("absent_over_time(nope[5m]) == 1 and gone", ["gone"]),
        ("vector(1) > 0 or nope", []),
        ("histogram_quantile(0.9, nope_bucket) > 1", ["nope_bucket"]),
        ('{__name__=~"nope.*"} > 1', []),
        ("load_absent > 1", ["load_absent"]),
        ("load > 1", []),
    ],
)
def test_what_is_missing_is_named_exactly_where_nothing_can_come_out(restless_server, expr, missing):
    assert missing_metrics(parse(expr), EXISTING) == missing
    if missing:
        assert restless_server.prom.range(expr, *bounds(restless_server), "60s").shape[1] == 0


def bounds(server):
    return server.window.start, server.window.end


@pytest.mark.parametrize(
    ("expr", "has_data"),
    [
        ("load > 1e9 and queue > 1e9", True),
        ("nope > 1 and gone > 1", False),
        ("max_over_time((nope > 1)[5m:1m]) > 2", False),
        ("rate(queue[5m]) > 1e9", True),
    ],
)
def test_a_rule_without_result_still_has_data_where_its_metrics_have(restless_server, expr, has_data):
    frame = restless_server.prom.range(presence_query(expr), *bounds(restless_server), "60s")
    assert bool(frame.shape[1]) == has_data


@pytest.mark.parametrize(
    ("expr", "told"),
    [
        ('load{instance="nowhere"} > 1', ['no series of load had instance="nowhere" in this window']),
        ('load{instance="i1",job="nothing"} > 1', ['no series of load had job="nothing" in this window']),
        (
            'load{instance="i1",instance="i2"} > 1',
            ['no series of load had instance="i1" and instance="i2" at once in this window'],
        ),
        ('sum(rate(queue{instance=~"x.*"}[5m])) > 1', ['no series of queue had instance=~"x.*" in this window']),
        ('load{instance="nowhere"} > 1 or load > 1', []),
        ('load unless load{instance="nowhere"}', []),
        ('absent(load{instance="nowhere"})', []),
        ('load{instance="i1"} > 1e9', []),
    ],
)
def test_labels_that_no_series_has_are_told(restless_server, expr, told):
    assert unmatched(restless_server.prom, parse(expr), restless_server.window) == told
