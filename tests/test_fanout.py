import os
import signal
from functools import partial
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from analysis.cli import hoisted
from analysis.errors import ParameterError, SourceError
from analysis.fanout import FanOutSettings, fan_out, run
from tests.dask_cluster import cluster

LOCAL = FanOutSettings(backend="local", jobs=2)


def noise(seed):
    return np.random.default_rng(seed).normal(size=50).sum()


def die_once(folder, item):
    mark = Path(folder) / f"died-{item}"
    if item == 3 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    (Path(folder) / f"done-{item}").touch()
    return item * item


def die_always(item):
    if item == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return item


@pytest.fixture(scope="module")
def dask_settings():
    with cluster(workers=2) as address:
        yield FanOutSettings(backend="dask", scheduler=address, jobs=2)


@pytest.fixture(autouse=True)
def worth_it(monkeypatch):
    monkeypatch.setattr(run, "START_SECONDS", 0.0)


def test_results_come_in_the_order_of_the_items_and_are_the_same_everywhere(dask_settings):
    here = [noise(seed) for seed in range(20)]
    assert fan_out(noise, range(20), settings=LOCAL) == here
    assert fan_out(noise, range(20), settings=dask_settings) == here


@pytest.mark.parametrize("where", ["local", "dask"])
def test_a_worker_killed_in_the_middle_costs_its_block_and_no_result(where, tmp_path, dask_settings):
    settings = LOCAL if where == "local" else dask_settings
    assert fan_out(partial(die_once, str(tmp_path)), range(8), settings=settings) == [n * n for n in range(8)]
    assert (tmp_path / "died-3").exists()


def test_a_block_that_always_kills_its_worker_is_named():
    with pytest.raises(SourceError, match=r"died again and again .* block not done: [12]"):
        fan_out(die_always, range(4), settings=LOCAL, here=int)


def test_a_cluster_is_not_waited_for_where_a_block_kills_each_worker():
    with cluster(workers=2) as address, pytest.raises(SourceError, match="died again and again"):
        fan_out(die_always, range(4), settings=FanOutSettings(backend="dask", scheduler=address))


def test_workers_that_cannot_do_the_work_are_told(dask_settings, tmp_path, monkeypatch):
    (tmp_path / "only_here.py").write_text("def work(item):\n    return item\n")
    monkeypatch.syspath_prepend(tmp_path)
    only_here = import_module("only_here")
    with pytest.raises(SourceError, match=r"cannot do this work \(.*only_here"):
        fan_out(only_here.work, range(4), settings=dask_settings)


def test_each_result_is_told_once():
    ticks = []
    fan_out(noise, range(5), settings=LOCAL, told=ticks.append)
    assert sorted(ticks) == sorted(noise(seed) for seed in range(5))


def test_dask_without_a_scheduler_is_refused(monkeypatch):
    monkeypatch.setenv("PROMREVIEW_BACKEND", "dask")
    with pytest.raises(ParameterError, match=r"^PROMREVIEW_SCHEDULER: the dask backend"):
        FanOutSettings.from_environment()


def test_a_scheduler_that_is_not_there_is_named():
    with pytest.raises(SourceError, match=r"no Dask scheduler at tcp://127\.0\.0\.1:1"):
        fan_out(noise, range(3), settings=FanOutSettings(backend="dask", scheduler="tcp://127.0.0.1:1"))


def test_a_scheduler_without_workers_is_told(monkeypatch):
    monkeypatch.setattr("analysis.fanout.cluster.WORKER_SECONDS", 1.0)
    with cluster(workers=0) as address, pytest.raises(SourceError, match="has no worker"):
        fan_out(noise, range(3), settings=FanOutSettings(backend="dask", scheduler=address))


def where(_item):
    return os.getpid()


def test_work_too_small_for_the_start_of_a_process_stays_here(monkeypatch):
    monkeypatch.setattr(run, "START_SECONDS", 60.0)
    assert set(fan_out(where, range(50), settings=LOCAL)) == {os.getpid()}


def test_a_cluster_with_one_place_does_the_work_too():
    with cluster(workers=1) as address:
        for jobs in (1, 2):
            settings = FanOutSettings(backend="dask", scheduler=address, jobs=jobs)
            assert os.getpid() not in fan_out(where, range(2), settings=settings)


def test_work_that_is_worth_it_leaves_after_its_first_item():
    found = fan_out(where, range(6), settings=LOCAL)
    assert found[0] == os.getpid()
    assert os.getpid() not in found[1:]


def test_options_of_the_whole_program_may_stand_anywhere():
    given = ["rules", "drift", "--scheduler", "tcp://h:1", "--alert", "A", "--backend=dask", "--", "--backend"]
    expected = ["--scheduler", "tcp://h:1", "--backend=dask", "rules", "drift", "--alert", "A", "--", "--backend"]
    assert hoisted(given) == expected
