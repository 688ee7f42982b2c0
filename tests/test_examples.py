"""The examples in the docstrings of what a person calls by hand: each has one, and each runs."""

import doctest
import inspect

import pytest

from analysis import cardinality, connect, findings, logins, series, settings, thresholds, window
from analysis.prometheus import promql, units
from analysis.prometheus.client import Prometheus
from analysis.report import connection

CALLED_BY_HAND = [
    connect,
    Prometheus.range,
    Prometheus.instant,
    Prometheus.decoded,
    Prometheus.source,
    Prometheus.label_values,
    logins.review,
    cardinality.review,
    thresholds.review,
    connection.look,
    series.score_online,
    series.score_offline,
    settings.load_settings,
    findings.finding_id,
    promql.quote,
    promql.selector,
    units.unit_of,
    window.parse_duration,
    window.format_duration,
    window.parse_time,
    window.format_time,
    window.month_window,
    window.readable_step,
]


@pytest.fixture(scope="module")
def prom(empty_prometheus):
    with connect(empty_prometheus.url) as client:
        yield client


@pytest.mark.parametrize("called", CALLED_BY_HAND, ids=lambda called: f"{called.__module__}.{called.__qualname__}")
def test_the_example_runs(called, prom):
    names = vars(inspect.getmodule(called)) | {"prom": prom}
    [test] = doctest.DocTestFinder(recurse=False).find(called, called.__qualname__, globs=names)
    said = []
    result = doctest.DocTestRunner().run(test, out=said.append)
    assert result.attempted > 0
    assert result.failed == 0, "".join(said)
