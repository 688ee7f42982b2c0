"""A server that answers queries and lacks other pages, or keeps them from us: each costs its section, and says so."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from analysis import cardinality, thresholds, upkeep
from analysis.datasets import SERVER_ARGUMENTS, backfill
from analysis.prometheus import connect
from analysis.prometheus.private_server import PrivatePrometheus
from analysis.settings import ConnectionSettings
from analysis.settings.cardinality import CardinalityGrowthSettings
from analysis.settings.thresholds import ThresholdDriftSettings
from analysis.settings.upkeep import MonitoringGapsSettings
from analysis.window import Window
from tests.prometheus.faulty_server import before

END = datetime(2026, 6, 1, tzinfo=UTC)
WINDOW = Window(END - timedelta(hours=6), END)
RULES = """groups:
- name: g
  rules:
  - {alert: Loaded, expr: load > 10}
  - {alert: Gone, expr: no_such_metric > 1}
"""
ANSWERS = {
    "404": (404, b"404 page not found\n"),
    "403": (403, b'{"message":"Forbidden"}'),
    "html": (200, b"<!doctype html><title>Log in</title>"),
}
REVIEWS = {
    "cardinality": (cardinality.review, CardinalityGrowthSettings()),
    "thresholds": (thresholds.review, ThresholdDriftSettings()),
    "gaps": (upkeep.review_gaps, MonitoringGapsSettings()),
}
SENTENCES = {  # which section of which report says so
    "/rules": {"cardinality": "usage by rules", "thresholds": "rules", "gaps": "alert rules"},
    "/series": {"cardinality": "series that came and went"},
    "/label/": {},
    "/status/": {},
    "/targets": {},
}


@pytest.fixture(scope="module")
def server():
    index = pd.date_range(WINDOW.start, WINDOW.end, freq="1min", inclusive="left", name="time")
    columns = pd.MultiIndex.from_tuples([("api", "a"), ("api", "b")], names=["job", "instance"])
    frame = pd.DataFrame(np.ones((len(index), 2)), index=index, columns=columns)
    config = "rule_files: [rules.yml]\n"
    with PrivatePrometheus(config, {"rules.yml": RULES}, arguments=SERVER_ARGUMENTS) as started:
        backfill(started.url, {"load": frame * 12, "up": frame})
        yield started.url


def reviewed(url):
    for name, (review, settings) in REVIEWS.items():
        with connect(url, ConnectionSettings(archive="off", timeout_seconds=20)) as prom:
            yield name, review(prom, settings, WINDOW).document


@pytest.mark.parametrize(
    ("page", "how"),
    [
        ("/rules", "404"),
        ("/rules", "403"),
        ("/series", "html"),
        ("/label/", "404"),
        ("/status/", "html"),
        ("/targets", "404"),
    ],
)
def test_a_page_that_lacks_costs_its_section_and_never_a_report(server, page, how):
    with before(server, lambda path, _number: ANSWERS[how] if f"/api/v1{page}" in path else None) as url:
        for name, document in reviewed(url):
            scopes = {gap.scope for gap in document.coverage.gaps}
            assert SENTENCES[page].get(name, "") in {*scopes, ""}
            kinds = {finding.kind for finding in document.findings}
            if page == "/rules":  # nothing is called unwatched, or fitting, by rules that nobody could see
                assert "unwatched_job" not in kinds
                assert [f.severity for f in document.findings if "judged" in f.title] == ["unknown"] * (
                    name != "cardinality"
                )
            if page in ("/label/", "/series"):  # nothing is called missing that the server will not list
                assert not kinds & ({"dead"} if page == "/label/" else {"missing_metrics"})


def test_nothing_lacks_where_everything_is_there(server):
    found = {finding.kind for _, document in reviewed(server) for finding in document.findings}
    assert {"dead", "missing_metrics"} <= found
