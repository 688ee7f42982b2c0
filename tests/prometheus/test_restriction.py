"""One cluster of a global view: every question carries its label, whatever the label's value is."""

import json
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis import cardinality
from analysis.datasets import SERVER_ARGUMENTS, backfill
from analysis.errors import InputError
from analysis.prometheus import connect
from analysis.prometheus.client import recorder_of
from analysis.prometheus.private_server import PrivatePrometheus
from analysis.prometheus.promql import parse, selectors
from analysis.prometheus.restriction import Restriction
from analysis.settings import ConnectionSettings
from analysis.settings.cardinality import CardinalityGrowthSettings
from analysis.window import Window

NASTY = 'eu"} or vector(666) #\\ \n`'
END = datetime(2026, 6, 1, tzinfo=UTC)
WINDOW = Window(END - timedelta(hours=6), END)
EXPRESSIONS = (
    "up",
    'up{cluster="us"}',
    'sum by (job) (rate({__name__=~"a|b", x!="}"}[5m] offset -1h)) > 3 and absent(up @ end())',
    'max_over_time((up > bool 0)[1h:5m]) or {a="b" or c="d\\"}"}',
    "label_replace(up, 'cluster', 'us', '', '') * on (cluster) group_left group_by",
    'up # {cluster="us"}',
)


@contextmanager
def only(url, **matchers):
    settings = ConnectionSettings(matchers=json.dumps(matchers), archive="off")
    with connect(url, settings) as prom:
        yield prom


@pytest.fixture(scope="module")
def world():
    """A global view with two clusters, one of which has a hostile name, and a series without cluster."""
    index = pd.date_range(WINDOW.start, WINDOW.end, freq="1min", inclusive="left", name="time")
    names = [("eu", "a"), ("eu", "b"), (NASTY, "a"), ("", "a")]
    columns = pd.MultiIndex.from_tuples(names, names=["cluster", "instance"])
    frame = pd.DataFrame(np.ones((len(index), 4)) * [1.0, 2.0, 3.0, 4.0], index=index, columns=columns)
    with PrivatePrometheus(arguments=SERVER_ARGUMENTS) as server:
        backfill(server.url, {"load": frame, "up": frame > 0, "only_nasty": frame.iloc[:, 2:3]})
        yield server.url


@given(st.text(), st.sampled_from(EXPRESSIONS))
def test_every_selector_carries_exactly_the_value(value, expr):
    restricted = parse(Restriction({"cluster": value}).expr(expr))
    found, before = selectors(restricted), selectors(parse(expr))
    assert len(found) == len(before)
    alternatives = 2 if " or c=" in expr else 1
    assert sum(s.matchers.count(("cluster", "=", value)) for s in found) >= len(before) + alternatives - 1
    for one, other in zip(found, before, strict=True):
        assert set(other.matchers) | {("cluster", "=", value)} == set(one.matchers)


def test_what_cannot_be_read_is_refused_and_not_asked_unrestricted():
    with pytest.raises(InputError, match="not PromQL"):
        Restriction({"cluster": "eu"}).expr("up default 2")
    with pytest.raises(InputError, match="needs a name"):
        Restriction({"": "eu"})
    assert Restriction({'cluster"}': "eu"}).expr("up") == r'up{"cluster\"}"="eu"}'


@pytest.mark.parametrize(("cluster", "loads"), [("eu", [1.0, 2.0]), (NASTY, [3.0]), ("", [4.0]), ("eu.*", [])])
def test_a_restricted_client_sees_its_cluster_alone(world, cluster, loads):
    with only(world, cluster=cluster) as prom:
        assert prom.range("load", WINDOW.start, WINDOW.end, "1h").iloc[-1].to_list() == loads
        assert sorted(prom.instant("load", END)) == loads
        assert len(prom.series(['{__name__=~"load|only_nasty"}'], WINDOW)) == len(loads) + (cluster == NASTY)
        assert ("only_nasty" in prom.label_values("__name__", window=WINDOW)) == (cluster == NASTY)
        found = set(prom.label_values("cluster", window=WINDOW))
        assert found == ({cluster} if loads and cluster else set())
        assert all(cluster in s.matchers[-1] for q in prom.queries for s in selectors(parse(q.expr)))


def test_a_review_of_one_cluster_counts_its_series_alone(world):
    with only(world, cluster="eu") as prom:
        document = cardinality.review(prom, CardinalityGrowthSettings(limit_series=100), WINDOW).document
    assert document.model_extra["series"]["end"] == 4
    assert {row["name"] for row in document.model_extra["metrics"]} == {"load", "up"}
    assert all("cluster%3D%22eu%22" in link for finding in document.findings for link in finding.links.values())


def test_rules_and_targets_of_other_clusters_are_left_out_and_shared_ones_kept():
    here = Restriction({"cluster": "eu"})
    rules = [
        {"name": "own", "labels": {"cluster": "eu"}},
        {"name": "theirs", "labels": {"cluster": "us"}},
        {"name": "all"},
    ]
    data = {"groups": [{"name": "g", "rules": rules}, {"name": "us", "rules": rules[1:2]}]}
    assert [[r["name"] for r in g["rules"]] for g in here.data("rules", data)["groups"]] == [["own", "all"]]
    assert (
        len(here.data("targets", {"activeTargets": [{"labels": r.get("labels", {})} for r in rules]})["activeTargets"])
        == 2
    )


def test_the_archive_keeps_clusters_apart_even_under_a_source_of_its_own(tmp_path, empty_prometheus):
    def source(**given):
        settings = ConnectionSettings(url=empty_prometheus.url, archive=str(tmp_path), **given)
        with connect(settings=settings) as prom:
            return recorder_of(settings, prom.api, str).source

    eu, us = (source(matchers=json.dumps({"cluster": c}), archive_source="global") for c in ("eu", "us"))
    assert len({eu, us, source(archive_source="global"), source()}) == 4
