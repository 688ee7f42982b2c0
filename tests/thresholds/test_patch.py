"""A patch changes the values that are meant and not one byte more."""

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.errors import InputError
from analysis.prometheus.promql import comparisons, parse
from analysis.prometheus.rule_files import groups_of_text
from analysis.thresholds.patch import changes_of, diff, patched, possible, write
from analysis.thresholds.rule_text import Change, changed_text

FILE = """# rules of the team
groups:
  - name: a   # first
    interval: 30s
    rules:
      - alert: Plain      # comment 80
        expr: up{code="80"} / 80 > 80   # eighty
        for: "5m"
        labels: {severity: page}
      - alert: Block
        expr: |
          sum(rate(x[5m])) by (job)
            > 0.05
        annotations:
          summary: 'above 0.05'
      - {alert: Flow, expr: "5 < queue", labels: {a: "1"}}
      - alert: Folded
        expr: >-
          load > 1e3
          and
          load < 2e3
  - name: b
    rules:
      - alert: Plain
        expr: 'down > 80'
"""


def change(**what):
    return Change(**{"alert": "Plain", "group": "a", **what})


@pytest.mark.parametrize(
    ("what", "old", "new"),
    [
        (change(thresholds={0: 90.0}), "/ 80 > 80   # eighty", "/ 80 > 90   # eighty"),
        (change(for_duration=timedelta(minutes=10)), 'for: "5m"', 'for: "10m"'),
        (change(group="b", thresholds={0: 81.5}), "'down > 80'", "'down > 81.5'"),
        (Change("Block", thresholds={0: 0.1}), "            > 0.05\n", "            > 0.1\n"),
        (
            Change("Block", for_duration=timedelta(minutes=2)),
            "            > 0.05\n",
            "            > 0.05\n        for: 2m\n",
        ),
        (Change("Flow", thresholds={0: 7.0}), '"5 < queue"', '"7 < queue"'),
        (
            Change("Flow", for_duration=timedelta(minutes=1), keep_firing_for=timedelta(hours=1)),
            '"5 < queue",',
            '"5 < queue", for: 1m, keep_firing_for: 1h,',
        ),
        (Change("Folded", thresholds={1: 3000.0}), "load < 2e3", "load < 3000"),
        (Change("Folded", keep_firing_for=timedelta(minutes=3)), "< 2e3\n", "< 2e3\n        keep_firing_for: 3m\n"),
    ],
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_only_the_meant_value_changes(what, old, new, line_end):
    text, ended = FILE.replace("\n", line_end), line_end.join
    got = changed_text(text, "f", what)
    assert got == text.replace(ended(old.split("\n")), ended(new.split("\n")), 1)


def test_what_is_meant_must_be_one_rule():
    with pytest.raises(InputError, match=r"groups: a, b.*--group"):
        changed_text(FILE, "f", Change("Plain", thresholds={0: 1.0}))
    assert changed_text(FILE, "f", Change("Nothing", thresholds={0: 1.0})) is None


@pytest.mark.parametrize(
    ("old", "value", "new"),
    [
        ("x > 14.4 * 0.005", 0.1, "x > 0.1"),
        ("x / y > ( 25 / 100 )", 0.5, "x / y > 0.5"),
        ("time() - x > 24*60*60 * 2", 5.0, "time() - x > 5"),
        ("x < -0.05", 0.1, "x < 0.1"),
        ("x > 3", -2.0, "x > -2"),
    ],
)
def test_a_threshold_that_is_worked_out_or_has_a_sign_becomes_one_number(old, value, new):
    text = "groups: [{name: g, rules: [{alert: A, expr: '%s'}]}]\n"
    assert changed_text(text % old, "f", Change("A", thresholds={0: value})) == text % new


def test_more_thresholds_than_numbers_are_refused():
    with pytest.raises(InputError, match="takes 1 thresholds"):
        changed_text(FILE, "f", change(thresholds={0: 1.0, 1: 2.0}))


ONE = "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: up > 5"


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        (ONE, "> 5", "> 7\n    for: 9m\n    keep_firing_for: 2m\n"),
        ("\ufeff" + ONE + "\n", "> 5\n", "> 7\n    for: 9m\n    keep_firing_for: 2m\n"),
        (ONE.replace(": A", ":\tA") + "\n", "> 5\n", "> 7\n    for: 9m\n    keep_firing_for: 2m\n"),
        (
            '{"groups":[{"name":"g","rules":[{"alert":"A","expr":"up > 5"}]}]}',
            '5"',
            '7", "for": "9m", "keep_firing_for": "2m"',
        ),
        (
            '{"groups": [{"name": "g", "rules": [{\n  "alert": "A",\n  "expr": "up > 5"\n}]}]}',
            '5"',
            '7",\n  "for": "9m",\n  "keep_firing_for": "2m"',
        ),
        (ONE + "\n    for:\n", "> 5\n    for:\n", "> 7\n    for: 9m\n    keep_firing_for: 2m\n"),
    ],
)
def test_new_entries_are_written_as_those_around_them(text, old, new):
    what = Change("A", "", {0: 7.0}, timedelta(minutes=9), timedelta(minutes=2))
    assert changed_text(text, "f", what) == text.replace(old, new)


@pytest.mark.parametrize("more", ["for: &f 5m\n  - {alert: B, expr: up, for: *f}\n", "<<: {for: 1m}\n"])
def test_what_others_share_is_changed_by_hand(more):
    text = f"{ONE}\n    {more}"
    if "&f" in more:
        with pytest.raises(InputError, match="by hand"):
            changed_text(text, "f", Change("A", for_duration=timedelta(minutes=9)))
    else:
        assert changed_text(text, "f", Change("A", thresholds={0: 7.0})) == text.replace("> 5", "> 7")


@given(
    threshold=st.floats(0.001, 1e6).map(lambda v: round(v, 4)),
    old=st.sampled_from(["5", "0.5", "1e3", ".25", "5.0"]),
    expr=st.sampled_from(["x > {}", "{} < x", "(x - 5) / 5 >= {}", 'x{{a="5"}} > {} and y', "rate(x[5m]) > {}"]),
    style=st.sampled_from(["{}", "'{}'", "|\n          {}\n", ">-\n          {}"]),
    before=st.sampled_from(["", "# 5 > 0.5\n", "---\n"]),
)
@settings(max_examples=25, deadline=None)
def test_any_style_keeps_everything_else(threshold, old, expr, style, before):
    source = style.format(expr.format(old))
    text = (
        f"{before}groups:\n  - name: g\n    rules:\n      - alert: A\n        expr: {source}\n        for: 5m # five\n"
    )
    if style == "{}" and (source.startswith((".", "'")) or ": " in source):
        return
    new = changed_text(text, "f", Change("A", thresholds={0: threshold}))
    kept = [line for line in text.splitlines() if old not in line or line.startswith("#")]
    assert all(line in new.splitlines() for line in kept)
    [group] = groups_of_text(new, "f")
    assert comparisons(parse(group.alerts[0].expr))[0].threshold == threshold


def test_a_recommendation_becomes_a_diff_that_git_applies(tmp_path):
    (tmp_path / "rules.yml").write_text(FILE)
    rule = {
        "file": "rules.yml",
        "group": "a",
        "rule": 0,
        "alert": "Plain",
        "verdict": "too_tight",
        "current": {"threshold": 80, "for": "5m", "keep_firing_for": "0s"},
        "recommended": {"threshold": 95, "for": "10m", "keep_firing_for": "0s"},
        "expected": {"alerts_per_month": {"current": 40, "recommended": 3, "interval": [1, 6], "level": 0.8}},
    }
    left_alone = {**rule, "alert": "Block", "recommended": None}
    recommended = tmp_path / "r.json"
    recommended.write_text(json.dumps({"rules": [rule, left_alone]}))
    command = [
        str(Path(sys.executable).with_name("promreview")),
        "rules",
        "patch",
        "--rules",
        "rules.yml",
        "--from",
        "r.json",
    ]
    shown = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "alerts per month 40 -> 3" in shown.stdout
    assert "promtool" in shown.stdout
    assert (tmp_path / "rules.yml").read_text() == FILE
    (tmp_path / "d.patch").write_text(shown.stdout)
    subprocess.run(["git", "apply", "d.patch"], cwd=tmp_path, check=True)
    by_git = (tmp_path / "rules.yml").read_text()
    (tmp_path / "rules.yml").write_text(FILE)
    subprocess.run([*command, "--write"], cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / "rules.yml").read_text() == by_git != FILE
    assert "nothing changes" in subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stderr


def test_a_link_stays_a_link_and_a_mode_stays(tmp_path):
    real, link = tmp_path / "real.yml", tmp_path / "link.yml"
    real.write_text(FILE)
    real.chmod(0o640)
    link.symlink_to(real)
    texts = patched([link], [change(thresholds={0: 90.0})])
    write(texts)
    assert link.is_symlink()
    assert (real.stat().st_mode & 0o777, "> 90" in real.read_text()) == (0o640, True)
    assert diff(texts, ["said"]).startswith("# said\n--- a/")


@pytest.mark.parametrize(
    "document", [{}, {"rules": [1]}, {"rules": [{"recommended": {}}]}, {"rules": [{"alert": "x"}]}]
)
def test_another_document_is_refused(document):
    if document.get("rules") == [{"recommended": {}}]:
        assert changes_of(document) == []
        return
    with pytest.raises(InputError, match="rules recommend"):
        changes_of(document)


def recommended(file, alert, place, threshold, new):
    values = {"for": "0s", "keep_firing_for": "0s"}
    now, then = ({**values, "threshold": number} for number in (threshold, new))
    return {"file": file, "group": "g", "rule": place, "alert": alert, "current": now, "recommended": then}


def test_rules_of_one_name_are_told_apart_by_place_and_file_and_one_refusal_stops_nothing(tmp_path):
    text = "groups:\n- name: g\n  rules:\n  - {record: r, expr: up}\n"
    text += "".join(f"  - alert: Same\n    expr: y > {n}\n    labels: {{n: '{n}'}}\n" for n in (80, 90))
    text += '  - alert: Burn\n    expr: "q > \\x35"\n'
    files = [tmp_path / "a.yml", tmp_path / "b.yml"]
    for file in files:
        file.write_text(text)
    rules = [recommended(str(files[1]), "Same", 2, 90, 95), recommended(str(files[1]), "Burn", 3, 5, 7)]
    changes = [change for _, change in changes_of({"rules": rules})]
    made, refused = possible(files, changes)
    assert patched(files, made) == {files[1]: (text, text.replace("y > 90", "y > 95"))}
    assert len(refused) == 1
    assert "Burn" in refused[0]
    with pytest.raises(InputError, match="by hand"):
        possible(files, changes[1:])
