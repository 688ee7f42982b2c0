"""``promreview rules whatif``, as a person types it."""

import json
import subprocess
import sys

import pytest

from analysis.errors import InputError
from analysis.thresholds.whatif_document import parse_values
from tests.schemas import check

RULES = """
groups:
  - name: g
    interval: 30s
    rules:
      - alert: Busy
        expr: load > 55
        for: 1m
      - alert: Both
        expr: load > 50 and queue > 52
"""


def run(server, tmp_path, *arguments):
    (tmp_path / "rules.yml").write_text(RULES)
    window = ("--start", server.window.start.isoformat(), "--end", server.window.end.isoformat())
    command = [sys.executable, "-m", "analysis", "rules", "whatif", "--url", server.prom.api.url]
    command += ["--rules", "rules.yml", *window, *arguments]  # as typed: the name decides when the group is evaluated
    return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)


def test_a_grid_in_json_has_every_combination_and_marks_today(restless_server, tmp_path):
    arguments = ("--alert", "Busy", "--threshold", "50:58:2", "--for", "0,2m", "--keep-firing-for", "0,1m")
    done = run(restless_server, tmp_path, *arguments, "--format", "json")
    assert done.returncode == 0, done.stderr
    check("rules-whatif", json.loads(done.stdout))
    [rule] = json.loads(done.stdout)["rules"]
    assert rule["current"] == {"threshold": 55.0, "for": "1m", "keep_firing_for": "0s"}
    tried = {(c["threshold"], c["for"], c["keep_firing_for"]) for c in rule["combinations"]}
    expected = {(float(t), f, k) for t in range(50, 59, 2) for f in ("0s", "2m") for k in ("0s", "1m")}
    assert tried == expected | {(55.0, "1m", "0s")}
    assert rule["recall"].startswith("unknown")
    table = run(restless_server, tmp_path, *arguments)
    assert "today" in table.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--alert", "Nobody"), "no alerting rule is named Nobody"),
        (("--alert", "Busy", "--threshold", "9:1:1"), "A:B:STEP"),
        (("--alert", "Busy", "--threshold", "1:2:0"), "A:B:STEP"),
        (("--alert", "Both", "--threshold", "1:2:1"), "2 numbers (load > 50; queue > 52)"),
        (("--alert", "Busy", "--for", "soon"), "not a duration"),
        (("--alert", "Busy", "--for", "500y"), "longer than the window"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(restless_server, tmp_path, arguments, said):
    done = run(restless_server, tmp_path, *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_one_number_of_several_can_stay(restless_server, tmp_path):
    arguments = ("--alert", "Both", "--threshold", "today", "--threshold", "50,51", "--format", "json")
    [rule] = json.loads(run(restless_server, tmp_path, *arguments).stdout)["rules"]
    assert [c["threshold"] for c in rule["combinations"]] == [[50, 50], [50, 51], [50, 52]]


def test_a_range_has_both_its_ends_and_no_rounding_errors():
    assert parse_values("0.1:0.5:0.1") == [0.1, 0.2, 0.3, 0.4, 0.5]
    assert parse_values("-2:2:2") == [-2, 0, 2]
    assert parse_values("1e3,5") == [1000, 5]
    for wrong in ("", "a:b:c", "1:2", "1:2:-1", "1:2:3:4", "1:inf:1", "nan:1:1"):
        with pytest.raises(InputError):
            parse_values(wrong)


def patch(server, tmp_path, *arguments):
    (tmp_path / "rules.yml").write_text(RULES)
    window = ("--start", server.window.start.isoformat(), "--end", server.window.end.isoformat())
    command = [sys.executable, "-m", "analysis", "rules", "patch", "--rules", "rules.yml", *window, *arguments]
    return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def tried(restless_server, tmp_path_factory):
    """What `whatif` says of today's values of Busy, and of 51 for 30s."""
    arguments = ("--alert", "Busy", "--threshold", "51", "--for", "30s", "--format", "json")
    [rule] = json.loads(run(restless_server, tmp_path_factory.mktemp("w"), *arguments).stdout)["rules"]
    by_values = {(c["threshold"], c["for"]): c for c in rule["combinations"]}
    before, after = by_values[55.0, "1m"], by_values[51.0, "30s"]
    assert before["alerts"] != after["alerts"] > 0
    return before, after


def test_a_patch_says_what_a_replay_of_its_own_gives_before_and_after(restless_server, tmp_path, tried):
    before, after = tried
    typed = ("--alert", "Busy", "--threshold", "51", "--for", "30s", "--url", restless_server.prom.api.url)
    done = patch(restless_server, tmp_path, *typed)
    assert done.returncode == 0, done.stderr
    header = [line for line in done.stdout.splitlines() if line.startswith("# Busy: replayed")]
    assert f"alerts {before['alerts']} -> {after['alerts']}, pages {before['pages']} -> {after['pages']}" in header[0]
    assert "+        expr: load > 51" in done.stdout
    (tmp_path / "d.patch").write_text(done.stdout)
    subprocess.run(["git", "apply", "d.patch"], cwd=tmp_path, check=True)
    assert "load > 51" in (tmp_path / "rules.yml").read_text()


def test_a_patch_of_a_recommendation_is_replayed_too_and_its_json_follows_the_schema(restless_server, tmp_path, tried):
    before, after = tried
    values = {"threshold": 55, "for": "1m", "keep_firing_for": "0s"}
    rule = {"file": "rules.yml", "group": "g", "alert": "Busy", "current": values}
    rule["recommended"] = {**values, "threshold": 51, "for": "30s"}
    rule["expected"] = {"alerts_per_month": {"current": 1, "recommended": 2}}
    (tmp_path / "r.json").write_text(json.dumps({"rules": [rule]}))
    done = patch(
        restless_server, tmp_path, "--from", "r.json", "--format", "json", "--url", restless_server.prom.api.url
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    check("rules-patch", document)
    [change] = document["changes"]
    for whose, expected in (("before", before), ("after", after)):
        assert {key: expected[key] for key in change["replay"][whose]} == change["replay"][whose]
    assert document["written"] is False
    assert "+        expr: load > 51" in document["files"][0]["diff"]


def test_without_a_server_a_patch_says_that_it_was_not_replayed(restless_server, tmp_path, monkeypatch):
    monkeypatch.delenv("PROMETHEUS_URL", raising=False)
    done = patch(restless_server, tmp_path, "--alert", "Busy", "--threshold", "51")
    assert done.returncode == 0
    assert "# Busy: not replayed; name a server with --url" in done.stdout
    dead = patch(restless_server, tmp_path, "--alert", "Busy", "--threshold", "51", "--url", "http://127.0.0.1:1")
    assert dead.returncode == 3
    assert len(dead.stderr.strip().splitlines()) == 1
    unasked = ("--alert", "Busy", "--threshold", "51", "--url", "http://127.0.0.1:1", "--no-replay")
    assert patch(restless_server, tmp_path, *unasked).returncode == 0
