"""Decisions are kept, shown, and hold as long as they say."""

import json
import shutil
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from analysis.decisions import Decision, current, read_decisions
from analysis.errors import ParameterError
from analysis.findings import Coverage, Finding, FindingsDocument, Source, TimeSpan
from analysis.report.decisions import add_decision
from analysis.report.page import write_page
from analysis.settings.review import MonthlyReviewSettings
from analysis.window import month_window

WINDOW = month_window("2026-10")
TOMORROW = (datetime.now(UTC) + timedelta(days=1)).date()


def finding(identity, severity="high"):
    return Finding(
        id=identity,
        report="threshold_drift",
        kind="too_tight",
        severity=severity,
        title=f"Alert <{identity}>",
        start=WINDOW.start,
        detected_at=WINDOW.end,
        labels={"alertname": "A"},
        evidence={"alerts": 40},
    )


@pytest.fixture
def reviewed(tmp_path):
    month = tmp_path / "outputs" / "2026-10"
    document = FindingsDocument(
        report="threshold_drift",
        window=TimeSpan.of(WINDOW),
        source=Source(url="http://x"),
        coverage=Coverage(share=1.0),
        findings=[finding("aaaa1111"), finding("aaaa2222"), finding("bbbb3333")],
    )
    (month / "threshold_drift").mkdir(parents=True)
    (month / "threshold_drift" / "findings.json").write_text(document.to_json())
    (month / "threshold_drift" / "status.json").write_text(
        json.dumps({"report": "threshold_drift", "state": "done", "reason": "", "seconds": 1.0, "fingerprint": ""})
    )
    return tmp_path


def promreview(*arguments, cwd):
    command = [str(Path(sys.executable).with_name("promreview")), *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=120)


def test_a_decision_is_kept_with_its_reason_and_what_was_known(reviewed):
    (reviewed / "params").mkdir()
    (reviewed / "params" / "decisions.yaml").write_text(
        "# ours\n- id: x\n  decision: rejected\n  why: no\n  decided_at: 2026-01-01\n"
    )
    run = promreview("decide", "bbbb", "--accept", "--why", "threshold: 90 it is", cwd=reviewed)
    assert run.returncode == 0, run.stderr
    text = (reviewed / "params" / "decisions.yaml").read_text()
    assert text.startswith("# ours\n- id: x\n  decision: rejected\n  why: no\n")
    first, second = read_decisions(reviewed / "params" / "decisions.yaml")
    assert (first.id, second.id, second.decision) == ("x", "bbbb3333", "accepted")
    assert (second.why, second.predicted, second.labels) == ("threshold: 90 it is", {"alerts": 40}, {"alertname": "A"})


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["zzzz", "--accept"], "run a review first|did you mean"),
        (["aaaa", "--accept"], "several findings begin with"),
        (["bbbb3333", "--accept", "--reject"], "one of"),
        (["bbbb3333"], "one of"),
        (["bbbb3333", "--mute", "soon"], "YYYY-MM-DD"),
        (["bbbb3333", "--mute", "2020-01-01"], "to come"),
    ],
)
def test_what_cannot_be_decided_is_said_in_a_line(reviewed, arguments, words):
    import re

    run = promreview("decide", *arguments, "--why", "because", cwd=reviewed)
    assert run.returncode == 2
    assert re.search(words, run.stderr), run.stderr
    assert not (reviewed / "params" / "decisions.yaml").exists()


def test_the_page_shows_decisions_and_a_muted_finding_is_no_alarm(reviewed):
    assert promreview("decide", "bbbb3333", "--mute", str(TOMORROW), "--why", "known <b>", cwd=reviewed).returncode == 0
    assert promreview("decide", "aaaa1111", "--reject", "--why", "we want it", cwd=reviewed).returncode == 0
    run = promreview("page", "--month", "2026-10", cwd=reviewed)
    assert run.returncode == 0, run.stderr
    html = (reviewed / "outputs" / "2026-10" / "index.html").read_text()
    assert "All 2 alarms need a decision" in html
    assert f"muted until {TOMORROW}" in html
    assert "known &lt;b&gt;" in html
    assert "we want it" in html


def test_a_decision_may_be_about_one_environment_alone(reviewed, monkeypatch):
    monkeypatch.chdir(reviewed)
    month = reviewed / "outputs/2026-10"
    for name in ("eu", "us"):
        shutil.copytree(month / "threshold_drift", month / name / "threshold_drift")
    mute = ("--mute", str(TOMORROW), "--why", "known here")
    assert promreview("decide", "bbbb3333", *mute, "--environment", "eu", cwd=reviewed).returncode == 0
    assert promreview("decide", "bbbb3333", *mute, "--environment", "asia", cwd=reviewed).returncode == 2
    decisions = read_decisions(reviewed / "params/decisions.yaml")
    assert [decision.environment for decision in decisions] == ["eu"]
    today = datetime.now(UTC).date()
    assert list(current(decisions, today, "eu")) == ["bbbb3333"]
    assert current(decisions, today, "us") == current(decisions, today) == {}
    everywhere = [*decisions, decisions[0].model_copy(update={"environment": "", "why": "known"})]
    assert [current(everywhere, today, name)["bbbb3333"].why for name in ("eu", "us", "")] == ["known"] * 3
    shown = {
        name: write_page(month / name, MonthlyReviewSettings(month="2026-10")).read_text() for name in ("eu", "us")
    }
    assert ["known here" in shown[name] for name in ("eu", "us")] == [True, False]


def test_a_mute_ends_and_the_newest_decision_counts(tmp_path):
    path = tmp_path / "decisions.yaml"
    day = date(2026, 11, 1)
    add_decision(Decision(id="a", decision="rejected", why="no", decided_at=day), path)
    add_decision(Decision(id="a", decision="muted", until=date(2026, 12, 1), why="later", decided_at=day), path)
    assert current(read_decisions(path), date(2026, 11, 30))["a"].decision == "muted"
    assert current(read_decisions(path), date(2026, 12, 1)) == {}


@pytest.mark.parametrize(
    "text", ["- id: a\n", "just text", "- [1]", "- {id: a, decision: muted, why: x, decided_at: 2026-01-01}", "a: ["]
)
def test_a_wrong_file_names_itself(tmp_path, text):
    path = tmp_path / "decisions.yaml"
    path.write_text(text)
    with pytest.raises(ParameterError, match=r"decisions\.yaml"):
        read_decisions(path)


ENTRY = "id: a, decision: accepted, why: x, decided_at: 2026-01-01"


@pytest.mark.parametrize(
    "text",
    [
        f"# ours\n- {{{ENTRY}}}",
        "# ours\n  - " + ENTRY.replace(", ", "\n    ") + "\n",
        f"# ours\n[{{{ENTRY}}}]\n",
        f"# ours\n---\n- {{{ENTRY}}}\n...\n",
    ],
)
def test_a_list_written_by_hand_is_added_to(tmp_path, text):
    path = tmp_path / "decisions.yaml"
    path.write_text(text)
    for why in ("y", "z"):
        day = datetime.now(UTC).date()
        add_decision(Decision(id="b", decision="rejected", why=why, decided_at=day, until=None), path)
    assert [decision.why for decision in read_decisions(path)] == ["x", "y", "z"]
    assert path.read_text().startswith("# ours\n")
