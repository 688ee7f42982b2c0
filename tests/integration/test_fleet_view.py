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

from analysis.datasets import SERVER_ARGUMENTS, backfill
from analysis.findings import FindingsDocument
from analysis.prometheus import connect
from analysis.prometheus.private_server import PrivatePrometheus, free_port
from analysis.report.fleet.members import folder_name
from analysis.settings import ConnectionSettings
from tests.report.handmade import notebook

ROOT = Path(__file__).parents[2]
HOSTILE = '../eu"} or vector(1) #\\ <b>\n\x1b[31m日本'
LOADS = {"eu": 1.0, HOSTILE: 2.0, "us": 4.0}
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
    return subprocess.run(command, cwd=folder, env=around, capture_output=True, text=True, timeout=600, check=False)


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

    (tmp_path / "params/environments/all.yaml").write_text(f"url: {view.url}\neach_value_of: cluster\n")
    (tmp_path / "params/environments/dead.yaml").write_text(f"url: http://127.0.0.1:{free_port()}\n")
    listed = json.loads(run(tmp_path, "environments", "--format", "json", "--days", "400").stdout)["environments"]
    assert {row["folder"] for row in listed} == {"dead", *(f"all-{folder_name(name)}" for name in LOADS)}


def test_a_view_that_is_dead_or_a_label_that_tells_nothing_apart_is_said_before_anything_is_touched(tmp_path, view):
    asked = ("review", "--month", "2026-10", "--each-value-of")
    dead = run(tmp_path, *asked, "cluster", "--url", f"http://127.0.0.1:{free_port()}")
    assert (dead.returncode, "connection refused" in dead.stderr) == (3, True)
    unknown = run(tmp_path, *asked, "region", "--url", view.url)
    assert (unknown.returncode, "has a label 'region'" in unknown.stderr) == (2, True)
    broken = run(tmp_path, *asked, "../x", "--url", view.url)
    assert (broken.returncode, "not a label name" in broken.stderr) == (2, True)
    assert not (tmp_path / "outputs").exists()


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
