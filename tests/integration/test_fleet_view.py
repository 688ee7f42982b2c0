"""A real global view of three clusters: each is reviewed alone, whatever it is called, and what ended has vanished."""

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.cli.members import fleet_of
from analysis.datasets import SERVER_ARGUMENTS, backfill
from analysis.errors import InputError, SourceError
from analysis.findings import FindingsDocument
from analysis.prometheus import connect
from analysis.prometheus.private_server import PrivatePrometheus, free_port
from analysis.report.fleet.members import folder_name
from analysis.settings import ConnectionSettings
from analysis.window import Window
from tests.report.handmade import notebook

ROOT = Path(__file__).parents[2]
HOSTILE = '../eu"} or vector(1) #\\ <b>\n\x1b[31m日本'
LOADS = {"eu": 1.0, HOSTILE: 2.0, "us": 4.0}
OCTOBER = Window(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))
DIED = datetime(2026, 10, 16, tzinfo=UTC)
PULLS = """
from pathlib import Path
from analysis.findings import Coverage, Finding, FindingsDocument, TimeSpan
from analysis.prometheus import connect
from analysis.settings.base import load_settings
window = load_settings(ReportSettings, overrides={"month": month}).window()
with connect() as prom:
    load = float(prom.range("load", window.start, window.end, "1d").sum(axis=1).max())
    document = FindingsDocument(report="first", window=TimeSpan.of(window), source=prom.source(), queries=prom.queries,
                                coverage=Coverage(share=1.0), load=load)
folder = Path(output_directory)
folder.mkdir(parents=True, exist_ok=True)
(folder / "findings.json").write_text(document.to_json())
"""


@pytest.fixture(scope="module")
def view():
    index = pd.date_range("2026-10-01", "2026-11-01", freq="4min", inclusive="left", name="time", tz="UTC")
    columns = pd.MultiIndex.from_tuples([(name, "api") for name in LOADS], names=["cluster", "job"])
    frame = pd.DataFrame(np.ones((len(index), 1)) * list(LOADS.values()), index=index, columns=columns)
    frame.loc[index >= DIED, "us"] = np.nan
    with PrivatePrometheus(arguments=SERVER_ARGUMENTS) as server:
        backfill(server.url, {"load": frame, "up": frame / frame})
        yield server


def run(folder, *arguments, **variables):
    command = [sys.executable, "-m", "analysis", *arguments]
    around = os.environ | {"PYTHONPATH": str(ROOT)} | variables
    return subprocess.run(command, cwd=folder, env=around, capture_output=True, text=True, timeout=540, check=False)


def test_each_cluster_of_a_view_is_reviewed_alone_and_one_that_ended_has_vanished(tmp_path, view):
    notebook(tmp_path / "notebooks/first.ipynb", PULLS)
    shutil.copy(ROOT / "notebooks/monthly_review.ipynb", tmp_path / "notebooks")
    (tmp_path / "params/environments").mkdir(parents=True)
    (tmp_path / "params/monthly_review.yaml").write_text("reports: [first]\n")
    (tmp_path / "archive").mkdir()
    asked = ("review", "--month", "2026-10", "--each-value-of", "cluster", "--jobs", "3", "--url", view.url)
    ran = run(tmp_path, *asked, "--fail-on", "high")
    assert ran.returncode == 1, ran.stderr
    assert "\x1b" not in ran.stderr
    month = tmp_path / "outputs/2026-10"
    for name, load in LOADS.items():
        (document,) = json.loads((month / folder_name(name) / "findings.json").read_text())["reports"]
        assert document["load"] == load
    fleet = FindingsDocument.read(month / "fleet.json")
    (vanished,) = fleet.findings
    assert (vanished.kind, vanished.severity) == ("cluster_vanished", "high")
    assert vanished.labels == {"cluster": "us"}
    assert abs((vanished.start - DIED).total_seconds()) <= 3600
    assert {row["name"]: (row["state"], row["targets"]) for row in fleet.members} == dict.fromkeys(
        LOADS, ("reviewed", 1)
    )
    above = (month / "index.html").read_text()
    assert "<b>" not in above
    assert f'href="{folder_name(HOSTILE)}/index.html"' in above
    assert sorted(path.name for path in month.iterdir() if path.is_dir()) == sorted(map(folder_name, LOADS))


@pytest.fixture
def project(tmp_path, monkeypatch):
    (tmp_path / "params/environments").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PROMETHEUS_URL", "http://127.0.0.1:1")  # --url replaces it
    return tmp_path


def test_an_environment_may_stand_for_the_clusters_behind_it(project, view):
    (project / "params/environments/all.yaml").write_text(f"url: {view.url}\neach_value_of: cluster\n")
    (project / "params/environments/dead.yaml").write_text(f"url: http://127.0.0.1:{free_port()}\n")
    (project / "params/environments/gone.yaml").write_text("url: http://127.0.0.1:1\neach_value_of: cluster\n")
    fleet = fleet_of(OCTOBER, every=True)
    behind = {f"all-{folder_name(name)}" for name in LOADS}
    assert {member.folder for member in fleet.members} == {"dead", "gone", *behind}
    restricted = [json.loads(m.variables["PROMETHEUS_MATCHERS"]) for m in fleet.members if m.folder in behind]
    assert {found["cluster"] for found in restricted} == set(LOADS)
    assert {member.folder for member in fleet_of(OCTOBER, environment="all").members} == behind
    assert os.environ["PROMETHEUS_URL"] == "http://127.0.0.1:1"


def test_a_view_that_is_dead_or_a_label_that_tells_nothing_apart_is_said(project, view):
    with pytest.raises(SourceError, match="connection refused"):
        fleet_of(OCTOBER, url=f"http://127.0.0.1:{free_port()}", each_value_of="cluster")
    with pytest.raises(InputError, match="has a label 'region'"):
        fleet_of(OCTOBER, url=view.url, each_value_of="region")
    for label in ("../x", "a b", 'a"}'):
        with pytest.raises(InputError, match="not a label name"):
            fleet_of(OCTOBER, url=view.url, each_value_of=label)


def test_the_days_without_a_cluster_are_kept_too_where_the_view_had_others(tmp_path, view):
    def pulled(url):
        where = {"matchers": '{"cluster": "us"}', "archive": str(tmp_path), "archive_source": "view"}
        with connect(settings=ConnectionSettings(url=url, **where)) as prom:
            frame = prom.range("load", "2026-10-14", "2026-10-19", "1h")
            ended = prom.instant("load", "2026-10-20T12:00:00Z")
            return pd.DataFrame(frame), len(ended), prom.queries[0].warnings

    frame, ended, _ = pulled(view.url)
    assert (frame.notna().sum().to_list(), ended) == ([49], 0)  # the stamp at which it ended included
    again, _, warnings = pulled(f"http://127.0.0.1:{free_port()}")
    pd.testing.assert_frame_equal(frame, again)
    assert warnings == []  # nothing had to be asked
