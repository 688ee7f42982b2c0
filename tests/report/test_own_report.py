"""A team's own report: the page of the docs followed literally, and what counts as a stretch."""

import os
import re
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.errors import InputError
from analysis.findings import FindingsDocument, ReportResult
from analysis.report.new_report import new_report
from analysis.report.own import stretches
from analysis.report.review import plan_review, run_review
from analysis.report.widgets.own import explorer
from analysis.settings.own import OwnReportSettings
from analysis.settings.review import MonthlyReviewSettings
from tests.report.handmade import document

ROOT = Path(__file__).parents[2]
STEP = timedelta(minutes=5)


def frame(*values):
    index = pd.date_range("2026-10-01", periods=len(values), freq="5min", tz="UTC", name="time")
    columns = pd.MultiIndex.from_tuples([("a",)], names=["job"])
    return pd.DataFrame(np.array(values, dtype=float)[:, None], index=index, columns=columns)


def lengths(values, hold=10):
    table = stretches(frame(*values), 5.0, STEP, timedelta(minutes=hold))
    return list((table["end"] - table["start"]) / STEP)


def test_only_a_stretch_that_holds_is_found():
    assert lengths([1, 9, 1, 9, 9, 1, 9, 9, 9]) == [2, 3]


def test_a_missing_sample_ends_a_stretch_and_is_never_above():
    assert lengths([9, 9, np.nan, 9, 9, 9]) == [2, 3]
    assert lengths([np.nan] * 6) == []


def test_the_limit_itself_is_kept():
    assert lengths([5, 5, 5]) == []


def test_the_highest_value_and_its_time_are_told():
    (row,) = stretches(frame(6, 8, 7), 5.0, STEP, STEP).to_dict("records")
    assert (row["highest"], row["labels"]) == (8.0, {"job": "a"})
    assert row["at"] == row["start"] + STEP


@pytest.mark.parametrize("name", ["Up", "../up", "1up", "a b", ""])
def test_a_name_that_cannot_be_one_is_refused(tmp_path, name):
    with pytest.raises(InputError, match="cannot name"):
        new_report(name, "up", 1, tmp_path)
    assert not list(tmp_path.iterdir())


def test_nothing_is_overwritten(tmp_path):
    new_report("mine", "up", 1, tmp_path)
    with pytest.raises(InputError, match="exists already"):
        new_report("mine", "up", 1, tmp_path)


def test_the_page_works_as_it_stands(tmp_path, empty_prometheus):
    commands = re.findall(r"```sh\n(.*?)```", (ROOT / "docs/your-own-report.md").read_text(), re.DOTALL)
    assert len(commands) == 4
    (tmp_path / "tests").mkdir()
    shutil.copy(ROOT / "tests/conftest.py", tmp_path / "tests/conftest.py")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = os.environ | {"PROMETHEUS_URL": empty_prometheus.url, "PATH": path, "PYTHONPATH": str(ROOT)}
    for command in commands:
        ran = subprocess.run(
            ["bash", "-ec", command], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, command + ran.stdout + ran.stderr
    document = FindingsDocument.read(tmp_path / "outputs/head_series/findings.json")
    assert document.coverage.share == 0
    assert document.coverage.gaps[0].reason == "the query gives no series"


def test_a_report_of_its_own_is_on_the_page_of_the_month(tmp_path, empty_prometheus):
    new_report("mine", "up", 1, tmp_path)
    settings = MonthlyReviewSettings(month="2026-10", outputs=str(tmp_path / "outputs"), reports=["mine"])
    folders = {"notebooks": tmp_path / "notebooks", "params": tmp_path / "params"}
    [status] = run_review(plan_review(settings, url=empty_prometheus.url, **folders), summary=False)
    assert status.state == "done", status.reason
    assert "mine" in (tmp_path / "outputs/2026-10/index.html").read_text().lower()


def test_another_limit_is_tried_in_the_picture():
    pulled = frame(6, 8, 7, 1, 9, 9, np.nan, -np.inf)
    settings = OwnReportSettings(report="mine", expr="x_bytes", limit=5, hold="5m")
    result = ReportResult(document("mine"), {}, {"values": pulled})
    slider, picture = explorer(result, settings).widget().children
    assert "2 times above the limit of 5" in picture.value
    assert slider.value == 5
    slider.value = next(value for _, value in slider.options if value >= 8)
    assert "Once above the limit of 8" in picture.value
    assert explorer(result, settings).figure().axes[0].get_ylabel() == "bytes"


def test_without_data_the_picture_says_so():
    empty = ReportResult(document("mine"), {}, {"values": frame().iloc[:, :0]})
    settings = OwnReportSettings(report="mine", expr="x_bytes", limit=5)
    assert set(explorer(empty, settings)._repr_mimebundle_()) == {"text/plain", "image/svg+xml"}
