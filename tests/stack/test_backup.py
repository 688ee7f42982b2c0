"""The commands of docs/retention-and-backup.md, run: snapshot, files, archive, and what was restored."""

import os
import re
import subprocess
import sys
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from analysis import connect
from analysis.datasets.backfill import SERVER_ARGUMENTS, backfill
from analysis.prometheus.private_server import PrivatePrometheus
from tests.stack.native import ROOT
from tests.waiting import until

PAGE = (ROOT / "docs/retention-and-backup.md").read_text()
CONFIG = "global: {scrape_interval: 1s}\nscrape_configs: [{job_name: self, static_configs: [{targets: ['OWN']}]}]\n"
PROBE = "count_over_time(up[1h])"


def run_commands(title, **environment):
    """Run the shell commands of the page that begin with this comment."""
    commands = re.search(rf"```sh\n(# {title}\n.*?)```", PAGE, re.DOTALL)[1]
    program = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        env={**os.environ, "PATH": program, **{name: str(value) for name, value in environment.items()}},
        cwd=environment.get("PWD", ROOT),
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )


def samples(url, at):
    """Every sample of every series up to an instant, as the server stores them."""
    with connect(url) as prom:
        found = prom.get("query", {"query": '{__name__!=""}[1h]', "time": at})["result"]
    return {tuple(sorted(series["metric"].items())): series["values"] for series in found}


@pytest.fixture(scope="module")
def backed_up(tmp_path_factory):
    """What a scraping server held when it was backed up, and where the backup lies."""
    folder = tmp_path_factory.mktemp("backup")
    with PrivatePrometheus(arguments=("--web.enable-admin-api",)) as server:
        server.reload({"prometheus.yml": CONFIG.replace("OWN", f"127.0.0.1:{server.port}")})
        with connect(server.url) as prom:
            until(lambda: not prom.instant(f"{PROBE} >= 4").empty)
            server.reload({"prometheus.yml": "scrape_configs: []\n"})  # so that no scrape is under way
            until(lambda: not prom.targets()["activeTargets"])
        at = datetime.now(UTC).timestamp()
        held = samples(server.url, at)
        ran = run_commands("backup", PROMETHEUS_URL=server.url, PROMETHEUS_DATA=server.data, BACKUP=folder)
        assert ran.returncode == 0, ran.stderr
        left = list((server.data / "snapshots").iterdir())
    return {"held": held, "at": at, "folder": folder, "left": left}


def test_what_was_held_is_restored_sample_for_sample(backed_up, tmp_path):
    data = tmp_path / "tsdb"
    data.mkdir()
    (data / "old").write_text("what was there")
    ran = run_commands("restore", PROMETHEUS_DATA=data, BACKUP=backed_up["folder"])
    assert ran.returncode == 0, ran.stderr
    assert "NUM SAMPLES" in ran.stdout
    assert (tmp_path / "tsdb.before-restore/old").exists()
    with PrivatePrometheus(data=data, arguments=SERVER_ARGUMENTS) as restored:
        found = samples(restored.url, backed_up["at"])
    assert len(backed_up["held"]) > 300
    assert found == backed_up["held"]


def test_nothing_is_left_in_the_server_and_nobody_else_reads_the_backup(backed_up):
    assert backed_up["left"] == []
    (packed,) = backed_up["folder"].glob("prometheus-*.tgz")
    assert packed.stat().st_mode & 0o077 == 0
    assert not list(backed_up["folder"].glob("*.new"))


def test_without_the_admin_api_nothing_is_called_a_backup(empty_prometheus, tmp_path):
    ran = run_commands("backup", PROMETHEUS_URL=empty_prometheus.url, PROMETHEUS_DATA=tmp_path, BACKUP=tmp_path / "b")
    assert ran.returncode != 0
    assert not list((tmp_path / "b").iterdir())


def test_the_files_are_packed_and_what_is_not_there_is_left_out(tmp_path):
    for name in ("monitoring", "params", "outputs", "secrets"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "kept").write_text(name)
    ran = run_commands("files", PWD=tmp_path, BACKUP=tmp_path / "b")
    assert ran.returncode == 0, ran.stderr
    with tarfile.open(tmp_path / "b/files.tgz") as packed:
        assert {"monitoring/kept", "params/kept", "outputs/kept", "secrets/kept"} <= set(packed.getnames())


def test_the_archive_is_synced_and_whole(tmp_path):
    midnight = pd.Timestamp.now("UTC").normalize()
    index = pd.date_range(midnight - pd.Timedelta(days=6), midnight - pd.Timedelta(days=1), freq="1min", name="time")
    columns = pd.MultiIndex.from_tuples([("a",)], names=["job"])
    with PrivatePrometheus(arguments=SERVER_ARGUMENTS) as server:
        backfill(server.url, {"up": pd.DataFrame(1.0, index=index, columns=columns)})
        ran = run_commands("archive", PROMETHEUS_URL=server.url, PROMETHEUS_ARCHIVE=tmp_path / "archive")
    assert ran.returncode == 0, ran.stderr
    assert list((tmp_path / "archive").rglob("*.parquet"))
