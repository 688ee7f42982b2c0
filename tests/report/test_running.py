"""Notebooks of a review on the workers of a cluster: the same results, whoever dies."""

import signal
import time
from pathlib import Path

import pytest

from analysis.errors import InputError, ParameterError
from analysis.prometheus.travelling import Travelling
from analysis.report.review import plan_review, run_review
from analysis.report.running import Task, _Elsewhere
from analysis.settings import ConnectionSettings
from tests.dask_cluster import cluster
from tests.report.handmade import finding, notebook, saving
from tests.report.killed import Review, findings_of

NESTED = """
from analysis.fanout import fan_out
assert fan_out(abs, [-1, -2, -3]) == [1, 2, 3]
"""
OF_THE_WORKER = """
import os
assert os.environ["PROMREVIEW_TEST"] == "of-the-worker"
"""
DIES = """
import os, signal, time
from pathlib import Path
mark = Path(output_directory) / "died"
if not mark.exists():
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.touch()
    runner = Path(f"/proc/{os.getppid()}/stat").read_text()
    os.kill(int(runner.rpartition(")")[2].split()[1]), signal.SIGKILL)
    time.sleep(60)
"""
WAITS = """
import os, time
from pathlib import Path
folder = Path(output_directory)
folder.mkdir(parents=True, exist_ok=True)
(folder / "begins").write_text(str(os.getpid()))
(folder / "begins").replace(folder / "begun")
time.sleep(600)
"""
ON_LINUX = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")


@pytest.fixture(scope="module")
def scheduler():
    with cluster(workers=1, PROMREVIEW_TEST="of-the-worker") as address:
        yield address


@pytest.fixture
def on_cluster(scheduler, monkeypatch):
    monkeypatch.setenv("PROMREVIEW_BACKEND", "dask")
    monkeypatch.setenv("PROMREVIEW_SCHEDULER", scheduler)


def test_notebooks_leave_the_same_on_a_cluster_and_their_own_work_finds_a_place(notebooks, settings, on_cluster):
    notebook(notebooks / "first.ipynb", NESTED + saving("first", finding("first")))
    notebook(
        notebooks / "second.ipynb",
        "import os\nassert os.environ['PROMREVIEW_TEST'] == 'of-the-worker'\n" + saving("second"),
    )
    told = []
    plan = plan_review(settings, notebooks=notebooks, params=notebooks / "none", url="http://127.0.0.1:1")
    statuses = run_review(plan, workers=2, summary=False, told=told.append)
    assert [(status.report, status.state, status.reason) for status in statuses] == [
        ("first", "done", ""),
        ("second", "done", ""),
    ]
    assert sorted(status.report for status in told) == ["first", "second"]
    assert [document["report"] for document in findings_of(settings.outputs)] == ["first", "second"]


@ON_LINUX
def test_a_worker_that_dies_under_a_notebook_costs_no_report(notebooks, settings, on_cluster):
    notebook(notebooks / "first.ipynb", DIES + saving("first", finding("first")))
    plan = plan_review(settings, notebooks=notebooks, params=notebooks / "none")
    assert [status.state for status in run_review(plan, workers=1, summary=False)] == ["done", "done"]
    assert (plan.folder / "first" / "died").exists()


def test_what_a_worker_does_not_see_or_know_is_told(notebooks, settings, on_cluster):
    plan = plan_review(settings, notebooks=notebooks, params=notebooks / "none", url="http://ann:word@127.0.0.1:1")
    with pytest.raises(ParameterError, match="PROMETHEUS_PASSWORD is not set on the worker"):
        run_review(plan, summary=False)
    elsewhere = _Elsewhere(Travelling.of(ConnectionSettings()), {}, Path("/nowhere"))
    with pytest.raises(InputError, match=r"does not see /nowhere/.*a disk that its workers share"):
        elsewhere(Task("first", {"notebook": "notebooks/first.ipynb"}))


@ON_LINUX
def test_an_interrupted_review_leaves_no_notebook_on_a_worker(notebooks, on_cluster, tmp_path):
    notebook(notebooks / "first.ipynb", WAITS)
    review = Review(notebooks, ["first"], tmp_path)
    process = review.start(tmp_path / "outputs")
    begun = tmp_path / "outputs/2026-10/first/begun"
    assert soon(lambda: begun.exists() or process.poll() is not None)
    kernel = Path("/proc", begun.read_text())
    process.send_signal(signal.SIGINT)
    process.wait(60)
    assert soon(lambda: not kernel.exists())


def soon(happens, seconds=120):
    deadline = time.monotonic() + seconds
    while not happens() and time.monotonic() < deadline:
        time.sleep(0.1)
    return happens()
