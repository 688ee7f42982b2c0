"""Work on one server in blocks: the same findings, to the last bit, from local work and from a Dask cluster."""

import json
import os
import signal
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis import cardinality, logins, thresholds
from analysis.datasets import SERVER_ARGUMENTS, backfill
from analysis.errors import InputError
from analysis.fanout import FanOutSettings
from analysis.prometheus import connect
from analysis.prometheus.archive import Archive
from analysis.prometheus.blocks import block_exprs, reduced
from analysis.prometheus.private_server import PrivatePrometheus
from analysis.prometheus.spread import spread
from analysis.settings import ConnectionSettings
from analysis.settings.cardinality import CardinalityGrowthSettings
from analysis.settings.logins import LoginAnomaliesSettings
from analysis.settings.thresholds import ThresholdDriftSettings
from analysis.thresholds.collect import reviewed_rules, rule_groups
from analysis.thresholds.replay_document import replay_document
from analysis.thresholds.whatif_document import Asked, whatif_document
from analysis.window import Window
from tests.dask_cluster import cluster

END = datetime(2026, 6, 1, tzinfo=UTC)
WINDOW = Window(END - timedelta(days=2), END)
STEP = timedelta(minutes=5)
RULES = """
groups:
  - name: one
    interval: 1m
    rules:
      - {alert: High, expr: load > 1.5, for: 5m}
      - {alert: Higher, expr: "avg by (instance) (avg_over_time(load[10m])) > 1.1", for: 10m}
      - {alert: Gone, expr: no_such_metric > 1}
  - name: two
    rules:
      - {alert: Low, expr: load < -1.5}
"""


@pytest.fixture(scope="module")
def world():
    """Twelve noisy gauges, two of which end."""
    index = pd.date_range(END - timedelta(days=4), END, freq="1min", inclusive="left", name="time")
    rng = np.random.default_rng(5)
    values = rng.normal(size=(len(index), 12)).cumsum(axis=0) / 20
    values[len(index) * 3 // 4 :, 10:] = np.nan
    columns = pd.MultiIndex.from_tuples([("j", f"i{n}.x") for n in range(12)], names=["job", "instance"])
    frame = pd.DataFrame(values, index=index, columns=columns)
    with PrivatePrometheus(arguments=SERVER_ARGUMENTS) as server, connect(server.url) as prom:
        pods = pd.DataFrame(np.nan, index, pd.MultiIndex.from_tuples([(f"p{n}",) for n in range(24)], names=["pod"]))
        for number in range(24):  # four at a time, for eight hours each, up to an hour before the end
            begin = len(index) - 60 - 480 * (1 + number // 4)
            pods.iloc[begin : begin + 480, number] = number
        counted = (frame * 0 + rng.poisson(20, frame.shape)).cumsum()
        backfill(server.url, {"load": frame, "up": frame * 0 + 1, "logins_total": counted, "pod_load": pods})
        yield prom


@pytest.fixture(scope="module")
def scheduler():
    with cluster(workers=2) as address:
        yield address


def everywhere(monkeypatch, scheduler, work):
    """The same work in this process and on the cluster."""
    results = []
    for backend in ("sequential", "dask"):
        monkeypatch.setenv("PROMREVIEW_BACKEND", backend)
        monkeypatch.setenv("PROMREVIEW_SCHEDULER", scheduler)
        results.append(work())
    return results


def told(document):
    kept = document.model_dump(mode="json", exclude={"generated_at"})
    return json.dumps(kept, sort_keys=True)


def test_rules_are_judged_the_same_everywhere_queries_included(world, scheduler, monkeypatch, tmp_path):
    file = tmp_path / "rules.yml"
    file.write_text(RULES)
    settings = ThresholdDriftSettings(rule_files=[str(file)], minimum_days=3, history_months=0, bootstrap_samples=200)

    def review():
        with connect(world.api.url) as prom:
            return thresholds.review(prom, settings, WINDOW)

    here, there = everywhere(monkeypatch, scheduler, review)
    assert told(here.document) == told(there.document)
    assert {row["alert"] for row in here.document.recommendations} == {"High", "Higher", "Gone", "Low"}
    for name, frame in here.frames.items():
        pd.testing.assert_frame_equal(frame, there.frames[name], check_exact=True, obj=name)


def rules_of(prom, file, alerts=()):
    settings = ThresholdDriftSettings(rule_files=[str(file)], alerts=list(alerts))
    return settings, reviewed_rules(rule_groups(prom, settings), settings)


def test_rules_are_replayed_the_same_everywhere(world, scheduler, monkeypatch, tmp_path):
    file = tmp_path / "rules.yml"
    file.write_text(RULES)
    told = []

    def replay():
        with connect(world.api.url) as prom:
            _, rules = rules_of(prom, file)
            document = replay_document(prom, rules, WINDOW, timedelta(minutes=1), told.append)
            return json.dumps(document), prom.queries

    here, there = everywhere(monkeypatch, scheduler, replay)
    assert here == there
    document = json.loads(here[0])
    assert {alert["alert"] for alert in document["alerts"]} >= {"High", "Low"}
    assert len(document["groups"]) == 2
    assert sum(told) == 8  # each rule once, on either way


def test_values_are_tried_the_same_everywhere(world, scheduler, monkeypatch, tmp_path):
    file = tmp_path / "rules.yml"
    file.write_text(RULES)

    def attempt():
        with connect(world.api.url) as prom:
            settings, _ = rules_of(prom, file, ["High", "Low", "Gone"])
            document, tables = whatif_document(prom, settings, WINDOW, Asked(["0:2:0.5"], ["0,5m"]))
            return document.model_dump_json(), [table.to_csv() for table in tables], prom.queries

    here, there = everywhere(monkeypatch, scheduler, attempt)
    assert here == there
    assert len(here[1]) == 3


def test_logins_are_judged_the_same_everywhere(world, scheduler, monkeypatch):
    login = {"metric": "logins_total", "labels": ["instance"]}
    settings = LoginAnomaliesSettings(failures=login, history="2d")

    def review():
        with connect(world.api.url) as prom:
            return logins.review(prom, settings, WINDOW)

    here, there = everywhere(monkeypatch, scheduler, review)
    assert told(here.document) == told(there.document)
    assert not any(finding.severity == "unknown" for finding in here.document.findings)
    for name, frame in here.frames.items():
        pd.testing.assert_frame_equal(frame, there.frames[name], check_exact=True, obj=name)


def test_series_are_counted_the_same_everywhere(world, scheduler, monkeypatch):
    settings = CardinalityGrowthSettings(limit_series=100).model_copy(update={"series_per_query": 10})  # batches

    def review():
        with connect(world.api.url) as prom:
            return cardinality.review(prom, settings, WINDOW).document

    here, there = everywhere(monkeypatch, scheduler, review)
    assert told(here) == told(there)
    assert here.model_extra["series"]["end"] == 30


def last_and_sum(frame):
    return frame.columns.to_list(), frame.sum().to_list()


def last_and_sum_of(prom, expr):
    return last_and_sum(prom.range(expr, WINDOW.start, WINDOW.end, STEP))


@pytest.mark.parametrize("expr", ["load", "sum by (instance) (rate(load[10m])) > 0", "load # {"])
def test_blocks_together_are_the_whole(world, scheduler, monkeypatch, expr):
    assert len(block_exprs(world, expr, WINDOW, 4)) > 2
    whole = last_and_sum(world.range(expr, WINDOW.start, WINDOW.end, STEP))
    work = partial(reduced, world, expr, WINDOW, STEP, last_and_sum, 4)
    here, there = everywhere(monkeypatch, scheduler, work)
    assert here == there
    assert len(here) > 2
    together = [pair for keys, sums in here for pair in zip(keys, sums, strict=True)]
    assert sorted(together) == sorted(zip(*whole, strict=True))


def test_workers_fill_the_archive_and_read_it_when_the_server_is_gone(world, scheduler, monkeypatch, tmp_path):
    kept = {"archive": str(tmp_path), "archive_source": "kept"}

    def through(url):
        with connect(url, ConnectionSettings(**kept, timeout_seconds=2)) as prom:
            prom.know(world.source())
            return spread(prom, last_and_sum_of, ["load * 1", "load * 2", "load * 3"])

    monkeypatch.setenv("PROMREVIEW_SCHEDULER", scheduler)
    gone = "http://127.0.0.1:1"
    for backend, url in (("dask", world.api.url), ("dask", gone), ("sequential", gone)):
        monkeypatch.setenv("PROMREVIEW_BACKEND", backend)
        assert through(url) == [last_and_sum_of(world, f"load * {number}") for number in (1, 2, 3)]
    assert not list(Archive(tmp_path).problems())
    assert [len(dataset.held) for dataset in Archive(tmp_path).datasets()] == [2, 2, 2]


def test_blocks_hold_what_came_and_went_too(world):
    """Of 24 pods, four at a time, no more than a few are in one block, although hardly any is there at the end."""
    exprs = block_exprs(world, "pod_load", WINDOW, 6)
    sizes = [world.range(expr, WINDOW.start, WINDOW.end, STEP).shape[1] for expr in exprs]
    assert sum(sizes) == 24
    assert max(sizes) <= 6


def test_what_is_too_small_for_blocks_is_asked_for_as_it_is(world):
    assert block_exprs(world, "load", WINDOW, 12) == ["load"]
    assert block_exprs(world, "no_such_metric", WINDOW, 1) == ["no_such_metric"]
    with pytest.raises(InputError, match="12 series and no label takes it apart"):
        block_exprs(world, "topk(99, load)", WINDOW, 4)


def killed_once(folder, prom, place):
    mark = Path(folder) / f"died-{place}"
    if place == 2 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return float(prom.range(f"load * {place}", WINDOW.start, WINDOW.end, STEP).sum().sum())


@pytest.mark.parametrize("backend", ["local", "dask"])
def test_a_worker_that_dies_costs_no_result_and_no_record(world, scheduler, backend, tmp_path, monkeypatch):
    monkeypatch.setattr("analysis.fanout.run.START_SECONDS", 0.0)
    (tmp_path / "died-0").touch()
    settings = FanOutSettings(backend=backend, scheduler=scheduler, jobs=2)
    with connect(world.api.url) as prom:
        found = spread(prom, partial(killed_once, str(tmp_path)), range(5), settings=settings)
        exprs = [query.expr for query in prom.queries]
    assert (tmp_path / "died-2").exists()
    assert found == [killed_once(tmp_path, world, place) for place in range(5)]
    assert exprs == [f"load * {place}" for place in range(5)]
