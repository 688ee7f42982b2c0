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
    file = tmp_path / "rules.yml"
    file.write_text(RULES)
    window = ("--start", server.window.start.isoformat(), "--end", server.window.end.isoformat())
    command = [sys.executable, "-m", "analysis", "rules", "whatif", "--url", server.prom.api.url, "--rules", str(file)]
    return subprocess.run([*command, *window, *arguments], capture_output=True, text=True, timeout=120, check=False)


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
