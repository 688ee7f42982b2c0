"""The archive against a real Prometheus: equal to the server, quick, and whole after anything."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.cli.syncing import not_kept
from analysis.datasets import SERVER_ARGUMENTS, backfill
from analysis.errors import ArchiveError, UnreachableError
from analysis.prometheus import connect
from analysis.prometheus.archive import Archive
from analysis.prometheus.archive.dataset import DAY_MS
from analysis.prometheus.archive.day_file import decode_day, encode_day
from analysis.prometheus.archive.manifests import checksum_name, day_manifest, days_of
from analysis.prometheus.archive.store import LocalStore
from analysis.prometheus.decode import Decoded
from analysis.prometheus.private_server import PrivatePrometheus
from analysis.settings import ConnectionSettings
from tests.waiting import until

DAYS = 6
END = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=3)
START = END - timedelta(days=DAYS)
QUERIES = ["gauge", "sum(gauge)", "rate(gauge[20m])", "gauge > 0", "nothing_here", "topk(1, gauge)"]


def data():
    index = pd.date_range(START, END, freq="5min", name="time", inclusive="left")
    generator = np.random.default_rng(3)
    values = generator.normal(0, 1, (len(index), 3)).round(3)
    values[400:700, 1] = np.nan  # a series that goes and comes again, over midnight
    columns = pd.MultiIndex.from_arrays([["a", 'b"]]', "c\n"]], names=["l"])
    return {"gauge": pd.DataFrame(values, index=index, columns=columns)}


@pytest.fixture(scope="module")
def server():
    with PrivatePrometheus(arguments=SERVER_ARGUMENTS) as running:
        backfill(running.url, data())
        yield running


def through(url, folder, **more):
    return connect(url, ConnectionSettings(archive=str(folder), **more))


def without(url):
    return connect(url, ConnectionSettings(archive="off"))


@given(
    expr=st.sampled_from(QUERIES),
    first=st.integers(0, DAYS * 24 * 60 - 1),
    minutes=st.integers(5, 4 * 24 * 60),
    step=st.sampled_from(["5m", "7m", "1h", "11h", "1d"]),
    phase=st.integers(0, 4),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_archive_gives_what_the_server_gives_the_first_time_and_again(
    server, tmp_path_factory, expr, first, minutes, step, phase
):
    folder = tmp_path_factory.getbasetemp() / "property"
    start = START + timedelta(minutes=first)
    asked = (expr, start, start + timedelta(minutes=minutes), step, timedelta(minutes=phase))
    with without(server.url) as prom:
        want = prom.decoded(*asked)
    for _ in range(2):
        with through(server.url, folder) as prom:
            got = prom.decoded(*asked)
        pd.testing.assert_frame_equal(got.frame, want.frame, check_exact=True)
        assert np.array_equal(got.present, want.present)


def test_settled_days_are_read_without_the_server_and_the_rest_is_said(server, tmp_path):
    with through(server.url, tmp_path) as prom:
        whole = prom.range("gauge", START, END, "5m")
    source = {"archive_source": server.url}
    with through("http://127.0.0.1:1", tmp_path, timeout_seconds=1, **source) as prom:
        pd.testing.assert_frame_equal(prom.range("gauge", START, END, "5m"), whole)
        assert prom.queries[-1].warnings == []
        beyond = prom.range("gauge", START, END + timedelta(days=1), "5m")
        assert beyond.notna().sum().sum() == whole.notna().sum().sum()
        assert "archive lacks" in prom.queries[-1].warnings[0]
        with pytest.raises(UnreachableError):
            prom.range("gauge * 2", START, END, "5m")


def test_days_that_the_server_does_not_have_are_unknown_not_empty(server, tmp_path):
    with through(server.url, tmp_path) as prom:
        prom.range("gauge", START - timedelta(days=2), END + timedelta(days=2), "5m")
        prom.range("nothing_here", START - timedelta(days=2), END, "5m")
    for dataset in Archive(tmp_path).datasets():
        held = sorted(dataset.held)
        assert (held[0], held[-1], len(held)) == (START.date(), END.date() - timedelta(days=1), DAYS)


def test_a_day_at_whose_edge_the_server_was_down_is_unknown(tmp_path):
    index = pd.date_range(START, END, freq="5min", name="time", inclusive="left")
    values = np.ones((len(index), 1))
    values[12 * 23 : 12 * 26] = np.nan  # from 23:00 of the first day to 02:00 of the second
    frame = pd.DataFrame(values, index, pd.MultiIndex.from_tuples([("job",)], names=["job"]))
    with PrivatePrometheus(arguments=SERVER_ARGUMENTS) as running, through(running.url, tmp_path) as prom:
        backfill(running.url, {"up": frame})
        prom.range("up", START, END, "5m")
    [dataset] = Archive(tmp_path).datasets()
    assert sorted(dataset.held) == [START.date() + timedelta(days=number) for number in range(2, DAYS)]


def test_a_hole_is_filled_from_another_source(server, tmp_path):
    with PrivatePrometheus() as empty, through(empty.url, tmp_path, archive_source="site") as prom:
        prom.range("gauge", START, END, "5m")
    with through(server.url, tmp_path, archive_source="site") as prom:
        prom.range("gauge", START, END, "5m")
    assert [len(dataset.held) for dataset in Archive(tmp_path).datasets()] == [DAYS]


def test_a_day_that_may_still_get_late_data_is_not_sealed(server, tmp_path):
    with through(server.url, tmp_path, archive_settle="100d") as prom:
        prom.range("gauge", START, END, "5m")
    assert not list(Archive(tmp_path).datasets())


def test_other_answers_are_kept_for_when_the_server_is_gone(server, tmp_path):
    with through(server.url, tmp_path) as prom:
        at_end, rules, values = prom.instant("gauge", END), prom.rules(), prom.label_values("l")
    source = {"archive_source": server.url, "timeout_seconds": 1}
    with through("http://127.0.0.1:1", tmp_path, **source) as prom:
        pd.testing.assert_series_equal(prom.instant("gauge", END), at_end)
        assert (prom.rules(), prom.label_values("l")) == (rules, values)
        with pytest.raises(UnreachableError):
            prom.instant("gauge", END - timedelta(hours=1))


def test_an_answer_about_a_time_without_data_is_for_when_the_server_is_gone(server, tmp_path):
    early, source = START - timedelta(days=30), {"archive_source": "site", "timeout_seconds": 1}
    with PrivatePrometheus() as empty, through(empty.url, tmp_path, **source) as prom:
        assert prom.instant("gauge", END).empty
        assert prom.instant("gauge", early).empty
    with through("http://127.0.0.1:1", tmp_path, **source) as prom:
        assert prom.instant("gauge", early).empty
    with through(server.url, tmp_path, **source) as prom:  # it knows better
        assert len(prom.instant("gauge", END)) == 3


def test_any_flipped_bit_is_found_and_the_day_asked_for_again(server, tmp_path):
    with through(server.url, tmp_path) as prom:
        want = prom.range("gauge", START, END, "5m")
        prom.rules()
    generator = np.random.default_rng(8)
    files = sorted(p for p in tmp_path.rglob("*") if p.is_file() and p.name not in ("FORMAT", ".lock"))
    for path in files:
        good = path.read_bytes()
        for _ in range(6):
            bad = bytearray(good)
            bad[generator.integers(len(bad))] ^= 1 << int(generator.integers(8))
            path.write_bytes(bad)
            assert not whole(tmp_path), path
        path.unlink()
        with through(server.url, tmp_path) as prom:
            pd.testing.assert_frame_equal(prom.range("gauge", START, END, "5m"), want)
            prom.rules()
        path.write_bytes(good)
        assert whole(tmp_path)


WRITER = """
import sys
from analysis.prometheus import connect
from analysis.settings import ConnectionSettings
url, folder, start, end = sys.argv[1:]
with connect(url, ConnectionSettings(archive=folder)) as prom:
    for number in range(40):
        prom.range(f"gauge + {number % 5}", start, end, "5m")
"""


def writer(url, folder):
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, url, str(folder), START.isoformat(), END.isoformat()], stderr=subprocess.DEVNULL
    )


def whole(folder):
    return not list(Archive(folder).problems())


def test_a_writer_killed_at_any_moment_leaves_only_whole_days(server, tmp_path):
    kills = int(os.environ.get("PROMREVIEW_KILLS", "20"))
    generator = np.random.default_rng(21)
    sealed = 0
    for _ in range(kills):
        process = writer(server.url, tmp_path)
        until((tmp_path / "FORMAT").exists)
        time.sleep(float(generator.uniform(0, 1.5)))
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert whole(tmp_path)
        held = sum(len(dataset.held) for dataset in Archive(tmp_path).datasets())
        assert held >= sealed  # nothing sealed is lost
        sealed = held
    assert sealed
    with without(server.url) as prom, through(server.url, tmp_path) as kept:
        asked = ("gauge + 1", START, END, "5m")
        pd.testing.assert_frame_equal(kept.range(*asked), prom.range(*asked))


def test_writers_side_by_side_lose_nothing(server, tmp_path):
    processes = [writer(server.url, tmp_path) for _ in range(3)]
    assert [process.wait(timeout=120) for process in processes] == [0, 0, 0]
    assert whole(tmp_path)
    assert [len(dataset.held) for dataset in Archive(tmp_path).datasets()] == [DAYS] * 5


def test_a_newer_format_is_refused(tmp_path):
    (tmp_path / "FORMAT").write_text("99")
    with pytest.raises(ArchiveError, match=r"format 99.*newer"):
        Archive(tmp_path)


def test_prune_removes_old_days_and_what_nobody_names(server, tmp_path):
    with through(server.url, tmp_path) as prom:
        prom.range("gauge", START, END, "5m")
    [dataset] = Archive(tmp_path).datasets()
    data_folder = tmp_path / dataset.folder / "data"
    (data_folder / ".part-killed").write_bytes(b"x")
    assert dataset.forget(START.date() + timedelta(days=2)) == 2
    [dataset] = Archive(tmp_path).datasets()
    assert len(dataset.held) == DAYS - 2
    assert len(list(data_folder.iterdir())) == DAYS - 2


@pytest.mark.parametrize("expr", ["gauge", "gauge / 3"], ids=["decimals", "others"])
def test_the_files_open_in_other_tools(server, tmp_path, expr):
    with through(server.url, tmp_path) as prom:
        frame = prom.range(expr, START, END, "5m")
    [dataset] = Archive(tmp_path).datasets()
    files = str(tmp_path / dataset.folder / "data" / "*.parquet")
    wanted = np.sort(frame.to_numpy()[frame.notna().to_numpy()])
    page = (Path(__file__).parents[2] / "docs" / "archive.md").read_text()
    page = page.replace("archive/SOURCE/QUERY/data/*.parquet", files)
    with_duckdb = duckdb.sql(re.search(r'duckdb -c "(.*)"', page)[1]).pl()
    with_polars = eval(re.search(r"^    (polars\.scan_parquet.*)$", page, re.MULTILINE)[1], {"polars": pl, "pl": pl})
    for rows in (with_duckdb, with_polars.collect()):
        assert {"series", "time", "value"} <= set(rows.columns)
        assert np.array_equal(np.sort(rows["value"].to_numpy()), wanted)


@given(
    values=st.lists(
        st.one_of(
            st.floats(allow_nan=True, allow_infinity=True, width=64),
            st.integers(-(2**60), 2**60).map(float),
            st.integers(-(10**7), 10**7).map(lambda n: n / 1000),
        ),
        min_size=1,
        max_size=400,
    )
)
@settings(deadline=None)
def test_a_day_gives_back_every_bit(values):
    index = pd.date_range("2026-01-01", periods=len(values), freq="1min", tz="UTC", name="time")
    frame = pd.DataFrame({("a",): values}, index=index)
    frame.columns = pd.MultiIndex.from_tuples([("a",)], names=["l"])
    decoded = Decoded(frame, np.ones((len(values), 1), dtype=bool))
    content, labels, counts = encode_day(decoded, slice(None))
    [(stamps, got)] = decode_day(content, labels, counts, len(values)).series
    assert stamps is None
    assert np.array_equal(got.view(np.int64), np.array(values).view(np.int64))


def test_a_few_odd_values_among_counts_cost_little_and_stay_what_they_are():
    counts = np.random.default_rng(2).poisson(20, (1440, 3)).astype("float64")
    odd = counts.copy()
    odd[::100, 1] = [np.inf, -np.inf, np.nan, -0.0, 1e-320] * 3
    odd[7, 0] = np.array([0x7FF8_0000_0000_002A]).view(np.float64)[0]  # a NaN with a payload
    index = pd.date_range("2026-01-01", periods=1440, freq="1min", tz="UTC", name="time")
    columns = pd.MultiIndex.from_arrays([["a", "b", "c"]], names=["l"])
    there = np.ones(odd.shape, dtype=bool)
    plain = encode_day(Decoded(pd.DataFrame(counts, index, columns), there), slice(None))[0]
    content, labels, sizes = encode_day(Decoded(pd.DataFrame(odd, index, columns), there), slice(None))
    assert len(content) < 1.2 * len(plain)
    got = decode_day(content, labels, sizes, 1440)
    assert np.array_equal(got.block.view(np.int64), odd.T.copy().view(np.int64))
    rows = pq.read_table(pa.BufferReader(content)).to_pandas()
    read = rows["value"].where(rows["scaled"].isna(), rows["scaled"] / 10.0 ** rows["digits"].fillna(0))
    assert np.array_equal(read.to_numpy().reshape(3, -1), odd.T, equal_nan=True)


def test_an_archive_that_cannot_be_written_spoils_no_answer(server, tmp_path):
    (tmp_path / checksum_name(server.url)).write_text("")  # where a folder has to be
    with without(server.url) as prom:
        want = prom.range("gauge", START, END, "5m")
    with through(server.url, tmp_path) as prom:
        pd.testing.assert_frame_equal(prom.range("gauge", START, END, "5m"), want)
        assert ["cannot be written" in text for text in not_kept(prom)] == [True]
    ran = promreview("archive", "sync", "--days", "1", "--url", server.url, "--archive", ".", cwd=tmp_path)
    assert (ran.returncode, "not kept" in ran.stderr) == (4, True), ran.stderr


def test_who_may_read_what_is_kept_is_for_the_umask_to_say(tmp_path):
    before = os.umask(0o027)
    try:
        LocalStore(tmp_path).write("a/b", b"")
    finally:
        os.umask(before)
    assert (tmp_path / "a/b").stat().st_mode & 0o777 == 0o640


def test_numbers_of_few_decimal_places_take_a_third_of_the_room():
    steps = np.random.default_rng(9).normal(0, 1, (1440, 20)).round(4)
    index = pd.date_range("2026-01-01", periods=1440, freq="1min", tz="UTC", name="time")
    columns = pd.MultiIndex.from_arrays([[str(n) for n in range(20)]], names=["l"])
    decimals = pd.DataFrame(steps.cumsum(axis=0).round(4), index, columns)
    sizes = [
        len(encode_day(Decoded(frame, np.ones(frame.shape, dtype=bool)), slice(None))[0])
        for frame in (decimals, decimals / 3)
    ]
    assert sizes[0] < 2.4 * decimals.size
    assert sizes[0] < sizes[1] / 2.5


def promreview(*arguments, cwd):
    command = [str(Path(sys.executable).with_name("promreview")), *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=300)


def test_the_commands_list_verify_and_prune(server, tmp_path):
    with through(server.url, tmp_path / "archive") as prom:
        prom.range("gauge", START, END, "5m")
    assert promreview("archive", "verify", cwd=tmp_path).returncode == 0
    listed = promreview("archive", "list", "--format", "json", cwd=tmp_path)
    assert json.loads(listed.stdout)["datasets"][0]["days"] == DAYS
    next((tmp_path / "archive").rglob("*.parquet")).write_bytes(b"")
    damaged = promreview("archive", "verify", cwd=tmp_path)
    assert damaged.returncode == 4
    assert ".parquet" in damaged.stdout
    other = promreview("archive", "prune", "--keep", "1d", "--query", "no_such", cwd=tmp_path)
    assert (other.returncode, "does not hold no_such" in other.stderr) == (2, True)
    assert promreview("archive", "prune", "--keep", "1d", "--query", "gauge ", cwd=tmp_path).returncode == 0
    assert not list((tmp_path / "archive").rglob("*.parquet"))
    nothing = promreview("archive", "list", cwd=tmp_path / "archive")
    assert (nothing.returncode, "archive sync" in nothing.stderr) == (2, True)


def test_an_archive_of_answers_alone_is_whole(server, tmp_path):
    with through(server.url, tmp_path) as prom:
        prom.rules()
    assert list(Archive(tmp_path).problems()) == []
    next(tmp_path.rglob("source.json")).unlink()
    assert [line for line in Archive(tmp_path).problems() if "source.json" in line]


def test_bounds_of_a_day_follow_the_grid(tmp_path):
    dataset = Archive(tmp_path).dataset("s", "up", 7 * 60_000, 60_000)
    previous = None
    for number in range(10):
        first, past = dataset.bounds(date(2026, 3, 28) + timedelta(days=number))
        assert (first - 60_000) % (7 * 60_000) == 0
        assert previous is None or previous == first  # no stamp lost or doubled between days
        previous = past


def test_a_folder_that_a_killed_writer_only_began_is_no_damage(server, tmp_path):
    with through(server.url, tmp_path) as prom:
        prom.range("gauge", START, END, "5m")
    [dataset] = Archive(tmp_path).datasets()
    (tmp_path / ("0" * 20) / ("1" * 20)).mkdir(parents=True)
    (tmp_path / dataset.folder).with_name("2" * 20).mkdir()
    assert whole(tmp_path)
    (tmp_path / dataset.folder / "dataset.json").unlink()
    assert not whole(tmp_path)


def test_no_flipped_bit_in_what_a_file_says_of_itself_makes_other_numbers(tmp_path):
    index = pd.date_range("2026-08-01", periods=24, freq="1h", tz="UTC", name="time")
    frame = pd.DataFrame({("a",): np.arange(24) / 8}, index=index)
    frame.columns = pd.MultiIndex.from_tuples([("a",)], names=["l"])
    dataset = Archive(tmp_path).dataset("here", "up", 3_600_000, 0)
    dataset.seal(date(2026, 8, 1), Decoded(frame, np.ones((24, 1), dtype=bool)), slice(None), "")
    [held] = Archive(tmp_path).dataset("here", "up", 3_600_000, 0).held.values()
    assert np.array_equal(dataset.read(held).series[0][1], np.arange(24) / 8)
    [path] = tmp_path.rglob("*.parquet")
    good = path.read_bytes()
    for place in range(8 * (len(good) - int.from_bytes(good[-8:-4], "little") - 8), 8 * len(good)):
        bad = bytearray(good)
        bad[place // 8] ^= 1 << place % 8
        path.write_bytes(bad)
        with pytest.raises(ArchiveError, match="damaged"):
            dataset.read(held)
    path.write_bytes(good)
    before = replace(held, footer="")  # as a manifest was written before there was such a checksum
    assert days_of(*day_manifest(before)) == [before]
    assert "footer" not in day_manifest(before)[1].decode()
    dataset.read(before)


def test_the_manifests_of_a_month_are_one_and_say_the_same(tmp_path):
    frame = pd.DataFrame({("a",): [1.0, 2.0]}, pd.date_range("2026-08-30", periods=2, freq="12h", tz="UTC"))
    frame.columns = pd.MultiIndex.from_tuples([("a",)], names=["l"])
    decoded = Decoded(frame, np.ones((2, 1), dtype=bool))
    dataset = Archive(tmp_path).dataset("s", "up", 43_200_000, 0)
    days = [date(2026, 8, 29) + timedelta(days=number) for number in range(6)]
    for day in days[:-1]:
        dataset.seal(day, decoded, slice(None), "2.42")
    want = dataset.held | {}
    assert dataset.compact(date(2026, 9, 20)) == 2
    assert dataset.compact(date(2026, 10, 1)) == 1
    dataset.seal(days[-1], decoded, slice(None), "2.42")
    assert (tmp_path / "FORMAT").read_text() == "2"
    [again] = Archive(tmp_path).datasets()
    assert {day: again.held[day] for day in want} == want
    assert sorted(again.held) == days
    assert len(list((tmp_path / dataset.folder / "days").glob("*.json"))) == 3
    assert again.compact(date(2026, 10, 1)) == 1
    assert again.forget(days[4]) == 4
    assert sorted(again.held) == days[4:]
    assert whole(tmp_path)
    [manifest] = (tmp_path / dataset.folder / "days").glob("*.json")
    manifest.write_bytes(manifest.read_bytes().replace(b"2.42", b"2.43"))
    assert not whole(tmp_path)


def test_two_that_bring_manifests_together_at_once_lose_no_day(tmp_path):
    frame = pd.DataFrame({("a",): [1.0]}, pd.date_range("2026-08-30", periods=1, tz="UTC"))
    frame.columns = pd.MultiIndex.from_tuples([("a",)], names=["l"])
    decoded = Decoded(frame, np.ones((1, 1), dtype=bool))
    writer, other = (Archive(tmp_path).dataset("s", "up", DAY_MS, 0) for _ in range(2))
    writer.seal(date(2026, 8, 1), decoded, slice(None), "")
    writer.seal(date(2026, 8, 2), decoded, slice(None), "")
    seen = other._manifests()  # what the other one has read before
    writer.seal(date(2026, 8, 3), decoded, slice(None), "")
    assert writer.compact(date(2026, 9, 1)) == 2
    other._manifests = lambda: seen
    other.compact(date(2026, 9, 1))
    [again] = Archive(tmp_path).datasets()
    assert sorted(day.day for day in again.held) == [1, 2, 3]


@pytest.mark.parametrize("first_kept", [3, 9])
def test_what_is_pruned_while_manifests_are_brought_together_is_named_by_none(tmp_path, first_kept):
    frame = pd.DataFrame({("a",): [1.0]}, pd.date_range("2026-08-30", periods=1, tz="UTC"))
    frame.columns = pd.MultiIndex.from_tuples([("a",)], names=["l"])
    writer, other = (Archive(tmp_path).dataset("s", "up", DAY_MS, 0) for _ in range(2))
    for day in range(1, 6):
        decoded = Decoded(frame + day, np.ones((1, 1), dtype=bool))
        writer.seal(date(2026, 8, day), decoded, slice(None), "")
    seen = other._manifests()  # what is brought together, as it was before
    writer.forget(date(2026, 8, first_kept))
    other._manifests = lambda: seen
    other.compact(date(2026, 9, 1))
    [again] = Archive(tmp_path).datasets()
    assert sorted(day.day for day in again.held) == [day for day in range(1, 6) if day >= first_kept]
    assert whole(tmp_path)


def test_a_reader_misses_no_day_while_manifests_are_brought_together(tmp_path):
    frame = pd.DataFrame({("a",): [1.0]}, pd.date_range("2026-08-30", periods=1, tz="UTC"))
    frame.columns = pd.MultiIndex.from_tuples([("a",)], names=["l"])
    writer, reader = (Archive(tmp_path).dataset("s", "up", DAY_MS, 0) for _ in range(2))
    for day in range(1, 6):
        writer.seal(date(2026, 8, day), Decoded(frame, np.ones((1, 1), dtype=bool)), slice(None), "")
    listed = reader.store.names

    def listed_and_then_compacted(*asked):
        found = listed(*asked)
        writer.compact(date(2026, 9, 1))
        return found

    reader.store.names = listed_and_then_compacted
    assert sorted(day.day for day in reader.held) == [1, 2, 3, 4, 5]
