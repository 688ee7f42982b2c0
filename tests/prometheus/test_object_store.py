"""The archive in an object store: equal to the server, from many machines at once, whatever fails."""

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import fsspec
import numpy as np
import pandas as pd
import polars as pl
import pytest

from analysis.datasets import SERVER_ARGUMENTS, backfill
from analysis.errors import ArchiveError, InputError
from analysis.prometheus import connect
from analysis.prometheus.archive import Archive
from analysis.prometheus.private_server import PrivatePrometheus
from analysis.settings import ConnectionSettings
from tests.prometheus.s3 import bucket, environment, s3
from tests.waiting import until

DAYS = 5
END = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=3)
START = END - timedelta(days=DAYS)
WRITER = """
import sys
from analysis.prometheus import connect
from analysis.settings import ConnectionSettings
url, root, start, end = sys.argv[1:]
for number in range(2):
    with connect(url, ConnectionSettings(archive=root)) as prom:
        prom.range(f"gauge + {number}", start, end, "10m")
"""


@pytest.fixture(scope="module")
def prometheus():
    with PrivatePrometheus(arguments=SERVER_ARGUMENTS) as running:
        index = pd.date_range(START, END, freq="10min", name="time", inclusive="left")
        values = np.random.default_rng(3).normal(0, 1, (len(index), 2)).round(3)
        values[100:300, 1] = np.nan
        columns = pd.MultiIndex.from_arrays([["a", "b\n"]], names=["l"])
        backfill(running.url, {"gauge": pd.DataFrame(values, index, columns)})
        yield running.url


@pytest.fixture(scope="module")
def store():
    with s3() as (url, asked):
        yield url, asked


@pytest.fixture(autouse=True)
def _credentials(store, monkeypatch):
    for name, value in environment(store[0]).items():
        monkeypatch.setenv(name, value)
    fsspec.filesystem("s3").clear_instance_cache()


def through(url, root, expr="gauge", **more):
    with connect(url, ConnectionSettings(archive=root, **more)) as prom:
        return prom.range(expr, START, END, "10m")


def whole(root):
    return not list(Archive(root).problems())


def pulled_and_read_again(prometheus, root):
    """What goes into a store through the server comes out of it alone, and every day of it is whole."""
    want = through(prometheus, "off")
    pd.testing.assert_frame_equal(through(prometheus, root), want)
    kept = through("http://127.0.0.1:1", root, archive_source=prometheus, timeout_seconds=1)
    pd.testing.assert_frame_equal(kept, want)
    assert whole(root)
    assert [len(dataset.held) for dataset in Archive(root).datasets()] == [DAYS]


def test_what_was_pulled_is_read_again_from_the_store_alone(prometheus, store):
    pulled_and_read_again(prometheus, bucket(store[0]))


def test_a_store_that_fails_every_tenth_request_loses_nothing(prometheus, monkeypatch):
    with s3(fails_every=10) as (url, asked):
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        pulled_and_read_again(prometheus, bucket(url))
        assert len(asked) > 60  # or else hardly any has failed


def test_writers_on_several_machines_lose_nothing_and_one_that_dies_leaves_whole_days(prometheus, store):
    root = bucket(store[0])
    command = [sys.executable, "-c", WRITER, prometheus, root, START.isoformat(), END.isoformat()]
    started = [subprocess.Popen(command) for _ in range(3)]
    began = root.removeprefix("s3:/") + "/"
    until(lambda: any(method == "PUT" and path.startswith(began) for method, path in store[1]))  # they are at work
    started[0].send_signal(signal.SIGKILL)
    started[0].wait()
    while started[1].poll() is None:
        for dataset in Archive(root).datasets():  # a reader meanwhile: whole days or none
            for day in dataset.held.values():
                dataset.read(day)
    assert [process.wait(300) for process in started[1:]] == [0, 0]
    assert whole(root)
    assert [len(dataset.held) for dataset in Archive(root).datasets()] == [DAYS] * 2


def test_a_flipped_bit_is_found_and_the_day_asked_for_again(prometheus, store):
    root = bucket(store[0])
    want = through(prometheus, root)
    files = fsspec.filesystem("s3", use_listings_cache=False)
    kinds = {(path.split("/")[-2], path.rpartition(".")[2]): path for path in files.find(root) if "FORMAT" not in path}
    assert len(kinds) >= 4
    for path in kinds.values():
        good = files.cat_file(path)
        files.pipe_file(path, bytes([good[0] ^ 1]) + good[1:])
        assert not whole(root), path
        pd.testing.assert_frame_equal(through(prometheus, root), want)
        files.pipe_file(path, good)
    assert whole(root)


def test_prune_removes_days_and_spares_what_a_writer_may_be_at_work_on(prometheus, store):
    root = bucket(store[0])
    through(prometheus, root)
    [dataset] = Archive(root).datasets()
    files = fsspec.filesystem("s3", use_listings_cache=False)
    files.pipe_file(f"{root}/{dataset.folder}/data/fresh.parquet", b"x")
    assert dataset.forget(START.date() + timedelta(days=2)) == 2
    [dataset] = Archive(root).datasets()
    assert len(dataset.held) == DAYS - 2
    assert files.exists(f"{root}/{dataset.folder}/data/fresh.parquet")
    assert whole(root)


def test_the_files_open_where_they_lie(prometheus, store):
    root = bucket(store[0])
    frame = through(prometheus, root)
    [dataset] = Archive(root).datasets()
    options = {"aws_endpoint_url": store[0], "aws_region": "us-east-1", "aws_allow_http": "true"}
    options |= {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    value = pl.coalesce("value", pl.col("scaled") / 10.0 ** pl.col("digits"))
    held = pl.scan_parquet(f"{root}/{dataset.folder}/data/*.parquet", storage_options=options).select(value).collect()
    assert np.array_equal(np.sort(held.to_series()), np.sort(frame.to_numpy()[frame.notna().to_numpy()]))


def test_a_bucket_or_a_kind_of_store_that_is_not_there_is_told(prometheus, store, monkeypatch):
    with pytest.raises(ArchiveError, match=r"s3://no-such-bucket/x.*no such bucket"):
        through(prometheus, "s3://no-such-bucket/x")
    with pytest.raises(InputError, match="cannot be opened"):
        Archive("nosuch://x/y")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    fsspec.filesystem("s3").clear_instance_cache()
    monkeypatch.setattr("analysis.prometheus.archive.object_store.ATTEMPTS", 1)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(ArchiveError, match="the store fails"):
        Archive("s3://bucket/x")


def test_the_command_lists_a_store(prometheus, store):
    root = bucket(store[0])

    def promreview(*arguments):
        command = [sys.executable, "-m", "analysis", "archive", *arguments, "--archive", root]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=os.environ)

    nothing = promreview("list")
    assert (nothing.returncode, "archive sync" in nothing.stderr) == (2, True)
    through(prometheus, root)
    listed = json.loads(promreview("list", "--format", "json").stdout)
    assert (listed["archive"], listed["datasets"][0]["days"]) == (root, DAYS)
