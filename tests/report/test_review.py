"""Running notebooks: checked before, whole or not at all, one never in the way of another."""

import json
import random
import time
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer
from filelock import FileLock

from analysis.cli.options import FailOn
from analysis.cli.review import leave_if_found
from analysis.errors import InputError, ParameterError
from analysis.report.review import plan_review, run_review, write_summary
from analysis.report.runner import open_notebook, prepare
from analysis.report.status import Status, fingerprint, read_status, write_status
from tests.report.handmade import document, finding, notebook, put, saving
from tests.report.killed import Review, findings_of


def plan(settings, notebooks, **more):
    return plan_review(settings, notebooks=notebooks, params=notebooks / "none", **more)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"moth": "2026-10"}, "'moth'"),
        ({"timezone": "Mars/Base"}, "Mars/Base"),
        ({"month": "2026-13"}, "2026-13"),
        ({"start": "2026-10-02T00:00:00Z", "end": "2026-10-01T00:00:00Z"}, "end"),
        ({"timezone": "[unclosed"}, "'timezone'"),
        ({"timezone": "{a: 2026-13-01}"}, "'timezone'"),
    ],
)
def test_a_wrong_parameter_is_refused_in_one_line_that_names_it(notebooks, tmp_path, values, named):
    with pytest.raises(ParameterError) as refused:
        prepare(open_notebook("first", notebooks), values, tmp_path / "out")
    assert named in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "out").exists()


def test_only_knows_the_reports(settings, notebooks):
    with pytest.raises(InputError, match="first, second"):
        plan(settings, notebooks, only=["third"])


def test_a_failing_report_does_not_stop_the_others_and_says_why(settings, notebooks, monkeypatch):
    monkeypatch.setenv("PROMETHEUS_PASSWORD", "planted-password")
    notebook(
        notebooks / "first.ipynb",
        "import os\nprint(os.environ['PROMETHEUS_PASSWORD'], os.environ['PROMETHEUS_URL'])\n"
        "raise ValueError('refused with ' + os.environ['PROMETHEUS_PASSWORD'])",
    )
    url = "http://user:planted-in-url@127.0.0.1:1"
    made = plan(settings, notebooks, url=url)
    statuses = run_review(made, summary=False)
    assert [status.state for status in statuses] == ["failed", "done"]
    assert "refused with [secret]" in statuses[0].reason
    page = (made.folder / "index.html").read_text()
    assert "refused with [secret]" in page
    for path in (made.folder.parent).rglob("*"):
        if path.is_file():
            assert "planted" not in path.read_text(), path
    body = json.loads((made.folder / "findings.json").read_text())
    assert [document["report"] for document in body["reports"]] == ["second"]


def test_what_is_done_is_not_done_again_unless_it_would_be_another_run(settings, notebooks):
    run_review(plan(settings, notebooks, only=["second"]), summary=False)
    marker = Path(settings.outputs, "2026-10", "second", "findings.json")
    first = marker.stat().st_mtime_ns
    run_review(plan(settings, notebooks, only=["second"]), resume=True, summary=False)
    assert marker.stat().st_mtime_ns == first
    other = settings.model_copy(update={"timezone": "Europe/Berlin"})
    run_review(plan(other, notebooks, only=["second"]), resume=True, summary=False)
    assert marker.stat().st_mtime_ns != first


def test_half_a_month_is_not_taken_for_the_whole_when_a_run_is_resumed(tmp_path):
    job = prepare(open_notebook("threshold_drift"), {"month": "2026-10"}, tmp_path)
    marks = [
        fingerprint(job, datetime(2026, *at, tzinfo=UTC))
        for at in ((10, 14, 3), (10, 14, 22), (10, 15), (11, 2), (12, 1))
    ]
    same_day, next_day, over = marks[:2], marks[2], marks[3:]
    assert same_day[0] == same_day[1]
    assert over[0] == over[1]
    assert len({same_day[0], next_day, over[0]}) == 3


@pytest.mark.parametrize(
    ("fail_on", "code"), [("never", None), ("critical", None), ("high", 1), ("low", 1), ("unknown", None)]
)
def test_a_grave_finding_ends_with_the_code_that_was_asked_for(tmp_path, fail_on, code):
    put(tmp_path, document("first", [finding("first", severity="high")]))
    write_summary(tmp_path, ["first"])
    expected = pytest.raises(typer.Exit) if code else nullcontext()
    with expected as left:
        leave_if_found(tmp_path, FailOn(fail_on))
    assert (left.value.exit_code if left else None) == code


def test_two_runs_in_one_folder_are_refused(settings, notebooks):
    made = plan(settings, notebooks)
    made.folder.mkdir(parents=True)
    with FileLock(made.folder / ".lock"), pytest.raises(InputError, match="another review"):
        run_review(made)


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="reads /proc")
def test_a_run_killed_at_random_moments_is_completed_by_the_next(tmp_path, notebooks):
    notebook(notebooks / "first.ipynb", saving("first", finding("first"), seconds=1.0))
    review = Review(notebooks, ["first", "second"], tmp_path)
    longest = review.run(tmp_path / "clean")
    seed = random.SystemRandom().randrange(10**9)
    rng, killed, place = random.Random(seed), 0, 0
    print(f"seed {seed}")  # shown where the test fails
    while killed < 3:
        outputs, place = tmp_path / f"outputs-{place}", place + 1
        killed += review.killed(outputs, 3 - killed, rng, longest)
        assert [read_status(outputs / "2026-10" / name, name).state for name in ("first", "second")] == ["done", "done"]
        assert findings_of(outputs) == findings_of(tmp_path / "clean")


def test_the_slowest_report_of_last_month_begins_first_and_the_order_of_the_page_stays(settings, notebooks, tmp_path):
    outputs = Path(settings.outputs)
    for name, seconds in (("first", 3.0), ("second", 60.0)):
        write_status(outputs / "2026-09" / name, Status(name, "done", seconds=seconds))
    for name in ("first", "second"):
        mark = f"import time, pathlib\npathlib.Path({str(tmp_path)!r}, {name!r}).write_text(str(time.time()))"
        notebook(notebooks / f"{name}.ipynb", mark)
    statuses = run_review(plan(settings, notebooks), workers=1, summary=False)
    assert [status.report for status in statuses] == ["first", "second"]
    began = [float((tmp_path / name).read_text()) for name in ("first", "second")]
    assert began[1] < began[0]


def test_several_notebooks_at_once_take_no_longer_than_the_slowest_or_their_share(settings, notebooks):
    names = ["first", "second", "third", "fourth"]
    for place, name in enumerate(names):
        notebook(notebooks / f"{name}.ipynb", saving(name, finding(name), seconds=1.0 + place))
    many = settings.model_copy(update={"reports": names})
    began = time.monotonic()
    statuses = run_review(plan(many, notebooks), workers=2, summary=False)
    took, each = time.monotonic() - began, [status.seconds for status in statuses]
    assert took <= 1.2 * max(*each, sum(each) / 2) + 10
    assert took < sum(each)  # or else they came one after the other
