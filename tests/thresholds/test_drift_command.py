"""``promreview rules drift`` over months whose truth is known: what moves, since when, and when it starts to fire."""

import csv
import io
import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from analysis.datasets.backfill import SERVER_ARGUMENTS, backfill
from analysis.prometheus import connect
from analysis.prometheus.private_server import PrivatePrometheus
from analysis.thresholds.documents import DriftDocument
from tests.schemas import check

DAYS, STEP, PER_DAY = 61, pd.Timedelta("5m"), 288
END = pd.Timestamp("2026-11-01T00:00:00Z")
BEGIN = END - DAYS * pd.Timedelta(days=1)
STEPPED = 40  # the day on which `stepped` takes another level
TURNED = 30  # the day from which `filling` grows
GROWTH = 0.6  # a day
LIMIT = 70.0
RULES = f"""
groups:
  - name: g
    interval: 5m
    rules:
      - {{alert: Steady, expr: steady > 80}}
      - {{alert: Filling, expr: filling > {LIMIT}}}
      - {{alert: Stepped, expr: stepped < 20}}
      - {{alert: Both, expr: steady > 43 and on (job) stepped > 0}}
      - {{alert: Dead, expr: steady > 1 and nobody_exposes_this > 1}}
      - {{alert: Young, expr: young > 80}}
      - {{alert: Broken, expr: "sum(steady"}}
"""


@pytest.fixture(scope="module")
def server():
    rng = np.random.default_rng(3)
    index = pd.date_range(BEGIN, END - STEP, freq=STEP, name="time")
    day = np.arange(len(index)) / PER_DAY
    noise = rng.normal(0, 1, (4, len(index))) + np.repeat(rng.normal(0, 1, (4, DAYS)), PER_DAY, axis=1)
    series = {
        "steady": 40 + noise[0],
        "filling": 40 + noise[1] + GROWTH * np.clip(day - TURNED, 0, None),
        "stepped": 60 + noise[2] - 12 * (day >= STEPPED),
        "young": np.where(day > DAYS - 5, 40 + noise[3], np.nan),
    }
    columns = pd.MultiIndex.from_tuples([("app",)], names=["job"])
    with PrivatePrometheus(arguments=SERVER_ARGUMENTS) as running, connect(running.url) as prom:
        backfill(running.url, {n: pd.DataFrame(v[:, None], index=index, columns=columns) for n, v in series.items()})
        yield prom


def run(server, tmp_path, *arguments):
    (tmp_path / "rules.yml").write_text(RULES)
    window = ("--start", (END - pd.Timedelta(days=30)).isoformat(), "--end", END.isoformat())
    command = [sys.executable, "-m", "analysis", "rules", "drift", "--url", server.api.url, "--rules", "rules.yml"]
    command += [*window, *arguments]
    return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def document(server, tmp_path_factory):
    done = run(server, tmp_path_factory.mktemp("drift"), "--format", "json")
    assert done.returncode == 0, done.stderr
    check("rules-drift", json.loads(done.stdout))
    return DriftDocument.model_validate_json(done.stdout)


@pytest.fixture(scope="module")
def rules(document):
    return {rule.alert: rule for rule in document.rules}


def test_every_rule_is_there_and_a_broken_one_stops_nothing(rules):
    found = {name: rule.verdict for name, rule in rules.items()}
    assert found.pop("Broken") == "unknown"
    assert found == {
        "Steady": "fits",
        "Filling": "drifting",
        "Stepped": "drifting",
        "Both": "too_tight",
        "Dead": "dead",
        "Young": "unknown",
    }


def test_a_rule_that_drifts_towards_its_threshold_says_when_it_starts_to_fire(rules):
    [verdict] = rules["Filling"].verdicts
    peaks = 40 + 2.3  # of a day: the noise of the samples that one in twenty exceeds, and some of that of days
    truth = BEGIN + pd.Timedelta(days=TURNED + (LIMIT - peaks) / GROWTH)
    assert abs(verdict.reached_at - truth) < pd.Timedelta(days=6)
    assert verdict.reached_early < verdict.reached_at < verdict.reached_late
    assert f"{verdict.reached_at:%Y-%m-%d}" in verdict.reason
    assert rules["Filling"].test.slope_per_day == pytest.approx(-GROWTH, abs=0.15)


def test_a_step_has_its_date_and_no_end(rules):
    change = max(rules["Stepped"].change_points, key=lambda one: abs(one.after - one.before))
    assert abs(change.at - (BEGIN + pd.Timedelta(days=STEPPED))) <= pd.Timedelta(days=1)
    assert change.before - change.after == pytest.approx(12, abs=1.5)
    assert rules["Stepped"].verdicts[0].reached_at is None  # it stepped, it does not go on
    assert rules["Steady"].change_points == []


def test_each_month_has_its_numbers(rules):
    months = {month.month: month for month in rules["Filling"].months}
    assert list(months) == ["2026-09", "2026-10"]
    assert months["2026-10"].headroom_in_spreads == pytest.approx(
        months["2026-10"].headroom / months["2026-10"].spread, rel=1e-6
    )
    assert months["2026-09"].headroom_in_spreads > 2 * months["2026-10"].headroom_in_spreads
    assert months["2026-09"].spread == pytest.approx(2**0.5, rel=0.25)  # what the series was made with
    assert months["2026-10"].days == pytest.approx(31, abs=0.1)
    assert months["2026-10"].exceedance_share == 0
    both = rules["Both"].months[-1]
    assert 0 < both.exceedance_share < 0.1  # a condition without a threshold at its top has a share all the same
    assert both.exceedance_minutes == pytest.approx(both.exceedance_share * both.days * 1440, rel=1e-6)
    assert rules["Both"].headroom_of == "steady > 43"


def test_a_month_that_was_exceeded_says_how_often(server, tmp_path):
    (tmp_path / "p.yaml").write_text("timezone: UTC\n")
    done = run(server, tmp_path, "--format", "json", "--alert", "Filling", "--params", "p.yaml")
    text = done.stdout
    assert done.returncode == 0, done.stderr
    [filling] = json.loads(text)["rules"]
    assert sum(month["alerts"] for month in filling["months"]) == 0
    assert filling["test"]["is_shift"]
    assert filling["test"]["smallest_detectable_in_spreads"] > 0


def test_what_is_missing_is_named_and_how_much_data_it_takes(rules):
    assert rules["Dead"].missing_metrics == ["nobody_exposes_this"]
    assert "nobody_exposes_this" in rules["Dead"].verdicts[0].reason
    young = rules["Young"]
    assert young.days_of_data == pytest.approx(5, abs=0.1)
    assert young.days_needed == 14
    assert "a verdict takes 14" in young.verdicts[0].reason
    assert rules["Steady"].test.smallest_detectable < 5
    assert "would have shown" in rules["Steady"].verdicts[0].reason


def test_the_table_and_csv_say_the_same_and_severity_decides_the_exit_code(server, tmp_path, rules):
    table = run(server, tmp_path, "--fail-on", "high")
    assert table.returncode == 1
    assert f"{rules['Stepped'].change_points[0].at:%Y-%m-%d}" in table.stdout
    rows = {row["alert"]: row for row in csv.DictReader(io.StringIO(run(server, tmp_path, "--format", "csv").stdout))}
    assert {name: row["verdict"].split(", ")[0] for name, row in rows.items()} == {
        name: rule.verdict for name, rule in rules.items()
    }
    assert "2026-10" in rows["Filling"]["exceeded"]
