"""Recommendations: inside the budget, no incident missed, checked on a month not seen, or refused with the reason."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from analysis.datasets.backfill import SERVER_ARGUMENTS, backfill
from analysis.prometheus import connect
from analysis.prometheus.private_server import PrivatePrometheus
from analysis.report.figures import thresholds as figures
from analysis.settings.thresholds import ThresholdDriftSettings
from analysis.thresholds import recommend, review
from analysis.thresholds.candidates import WIDEST_GAP, _filled, _of_kind, rounded
from analysis.thresholds.predict import interval_of, predict
from analysis.window import Window
from benchmarks.alert_habits import correlated, geometric, growing, shifted, storms
from benchmarks.prediction import held
from tests.schemas import check

DAYS, STEP = 60, pd.Timedelta("5m")
PER_DAY = 288
END = pd.Timestamp("2026-11-01T00:00:00Z")
INCIDENTS = (12, 25, 48)  # days on which something really broke
RULES = """
groups:
  - name: g
    interval: 5m
    rules:
      - {alert: Noisy, expr: busy > 70}
      - {alert: Quiet, expr: busy > 500}
      - {alert: Deaf, expr: busy > 400, labels: {severity: page}}
      - {alert: Young, expr: young > 70}
"""


@pytest.fixture(scope="module")
def server():
    """Bursts to 75 or so that mean nothing, several a week, and to 200 on the days of the incidents."""
    rng = np.random.default_rng(11)
    index = pd.date_range(END - DAYS * pd.Timedelta(days=1), END - STEP, freq=STEP, name="time")
    values = 50 + rng.normal(0, 3, len(index))
    for day in range(DAYS):
        if rng.random() < 0.6:
            begin = day * PER_DAY + rng.integers(20, 200)
            values[begin : begin + rng.integers(2, 5)] = rng.uniform(73, 80)
    for day in INCIDENTS:
        values[day * PER_DAY + 150 : day * PER_DAY + 170] = 200
    columns = pd.MultiIndex.from_tuples([("app",)], names=["job"])
    busy = pd.DataFrame(values[:, None], index=index, columns=columns)
    young = busy.copy()
    young.loc[index < END - pd.Timedelta(days=34)] = np.nan
    with PrivatePrometheus(arguments=SERVER_ARGUMENTS) as running, connect(running.url) as prom:
        backfill(running.url, {"busy": busy, "young": young})
        yield prom


def window():
    return Window((END - pd.Timedelta(days=30)).to_pydatetime(), END.to_pydatetime())


def incidents_text():
    rows = []
    for day in INCIDENTS:
        start = END - pd.Timedelta(days=DAYS - day) + 150 * STEP
        end = start + 20 * STEP
        rows.append(f"- {{start: '{start.isoformat()}', end: '{end.isoformat()}', alerts: [Noisy, Deaf], late: 20m}}")
    return "incidents:\n" + "\n".join(rows)


def settings_of(tmp_path, **more):
    (tmp_path / "rules.yml").write_text(RULES)
    (tmp_path / "incidents.yaml").write_text(incidents_text())
    given = {"incidents_file": str(tmp_path / "incidents.yaml"), "maintenance_file": ""} | more
    return ThresholdDriftSettings(rule_files=[str(tmp_path / "rules.yml")], history_months=1, **given)


@pytest.fixture(scope="module")
def with_incidents(server, tmp_path_factory):
    document = recommend(server, settings_of(tmp_path_factory.mktemp("a")), window())
    return {entry["alert"]: entry for entry in document.model_dump(mode="json")["rules"]}


def test_noise_goes_and_no_incident_is_missed(with_incidents):
    noisy = with_incidents["Noisy"]
    assert noisy["verdict"] == "too_tight"
    pages = noisy["expected"]["pages_per_month"]
    assert pages["recommended"] < pages["current"]
    assert noisy["recommended"] != noisy["current"]
    assert noisy["held_out"]["missed"] == 0
    assert noisy["held_out"]["incidents"] == 1
    assert noisy["held_out"]["alerts_recommended"] < noisy["held_out"]["alerts_current"]
    low, high = noisy["expected"]["alerts_per_month"]["interval"]
    assert low <= noisy["expected"]["alerts_per_month"]["recommended"] <= high


def test_what_fits_is_left_alone_and_its_recall_is_unknown(with_incidents):
    quiet = with_incidents["Quiet"]
    assert quiet["recommended"] is None
    assert quiet["recall"] is None
    assert "recall is unknown" in quiet["reason"]


def test_a_rule_that_misses_incidents_is_tightened_until_it_catches_them(with_incidents):
    deaf = with_incidents["Deaf"]
    assert deaf["verdict"] == "too_loose"
    assert deaf["recall"] == 0
    assert 50 < deaf["recommended"]["threshold"] < 200
    assert deaf["held_out"]["missed"] == 0


def test_too_little_data_is_refused_with_how_much_it_takes(with_incidents):
    young = with_incidents["Young"]
    assert young["recommended"] is None
    assert "too little data" in young["reason"]
    assert "14" in young["reason"]


def test_noise_in_maintenance_argues_for_nothing(server, tmp_path):
    start, end = (END - pd.Timedelta(days=DAYS + 1)).isoformat(), END.isoformat()
    (tmp_path / "maintenance.yaml").write_text(f"maintenance:\n- {{start: '{start}', end: '{end}'}}\n")
    settings = settings_of(tmp_path, maintenance_file=str(tmp_path / "maintenance.yaml"), alerts=["Noisy"])
    [noisy] = recommend(server, settings, window()).rules
    assert noisy.recommended is None
    assert noisy.expected.pages_per_month.current > 5


def test_the_figure_marks_today_and_the_recommendation(server, tmp_path):
    result = review(server, settings_of(tmp_path), window())
    curve = result.frames["whatif"].query("name == 'Noisy'")
    assert (np.diff(curve["alerts_per_month"]) <= 0).sum() > (np.diff(curve["alerts_per_month"]) > 0).sum()
    drawn = figures.whatif(result)
    axes = {ax.get_title(loc="left").split(":")[0]: ax for ax in drawn.axes}
    assert {"Noisy", "Quiet", "Deaf"} <= set(axes)
    labels = [text.get_text() for text in axes["Noisy"].get_legend().get_texts()]
    [noisy] = [entry for entry in result.document.recommendations if entry["alert"] == "Noisy"]
    assert labels[0] == "today"
    assert str(noisy["recommended"]["threshold"]) in labels[1]
    [finding] = [f for f in result.document.findings if f.labels["alertname"] == "Noisy" and f.kind == "too_tight"]
    assert finding.evidence["proposal"] == noisy["recommended"]
    assert finding.action.startswith("Try")


def test_the_command_prints_what_the_function_gives(server, tmp_path):
    settings = settings_of(tmp_path)
    command = [sys.executable, "-m", "analysis", "rules", "recommend", "--url", server.api.url, "--format", "json"]
    command += ["--rules", settings.rule_files[0], "--alert", "Noisy", "--start", window().start.isoformat()]
    parameters = tmp_path / "p.yaml"
    parameters.write_text(f"incidents_file: {settings.incidents_file}\nmaintenance_file: ''\n")
    command += ["--end", window().end.isoformat(), "--params", str(parameters)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    check("rules-recommend", json.loads(done.stdout))
    [noisy] = json.loads(done.stdout)["rules"]
    [expected] = recommend(server, settings.model_copy(update={"alerts": ["Noisy"]}), window()).rules
    assert noisy == expected.model_dump(mode="json")


@pytest.mark.parametrize(
    ("value", "tolerance", "written"), [(87.33, 1, 88), (0.0871, 0.004, 0.085), (1234.5, 60, 1200)]
)
def test_values_are_rounded_as_a_person_would(value, tolerance, written):
    assert abs(rounded(value, tolerance) - value) <= tolerance
    assert rounded(value, tolerance) == pytest.approx(written)


@pytest.mark.parametrize(
    "habit",
    [geometric(0.5, 1), geometric(15, 4), growing(60, 0.5), shifted(15, 3), correlated(15, 0.9, 1.0), storms(4, 40)],
    ids=["rare", "in fours", "halves", "shifted", "correlated", "storms"],
)
def test_the_prediction_holds_what_it_promises(habit):
    assert held(50, habit, first_seed=80_000)[:, 0].mean() >= 0.78  # 50 months at 90 % fall below once in 100


def test_a_prediction_is_no_wider_than_what_was_seen_asks_for():
    quiet = predict(np.zeros(61), 0.9)
    assert quiet.low == 0 < quiet.high < 10
    steady = predict(np.full(61, 5), 0.9)
    assert 100 <= steady.low < 150 < steady.high <= 210
    assert steady.by_days[7][1] < steady.by_days[28][1]
    assert steady.by_days[21][0] <= interval_of(steady.by_days, 25)[0] <= steady.by_days[28][0]
    assert interval_of(steady.by_days, 3) is None


def test_a_prediction_says_where_nothing_was_seen_that_could_size_it():
    assert "on no day of 61" in predict(np.zeros(61), 0.9).limits
    assert "on one day alone" in predict([0] * 60 + [40], 0.9).limits
    assert predict([1, 0, 0, 2], 0.9).limits is None


def test_the_same_past_has_the_same_prediction():
    daily = np.random.default_rng(4).poisson(1, 61)
    assert predict(daily, 0.9) == predict(daily, 0.9)


def test_one_day_of_thousands_is_no_surprise_next_month():
    burst = predict([0] * 20 + [1000] + [0] * 40, 0.9)
    assert burst.low == 0
    assert burst.high > 100


def test_candidates_leave_no_wide_gap_between_what_is_usual_and_rare_peaks():
    filled = _filled(np.array([20.0, 25.0, 31.0, 60.0, 60.5]))
    assert {20.0, 25.0, 31.0, 60.0, 60.5} <= set(filled)
    assert np.diff(filled).max() < 1.5 * np.ptp(filled) / WIDEST_GAP
    assert _filled(np.array([5.0])) == [5.0]


def test_what_is_counted_gets_whole_levels():
    assert _of_kind([0.2, 2.4, 3.0], np.array([0.0, 1.0, 3.0])) == [0, 2, 3]
    assert _of_kind([0.2, 2.4], np.array([0.0, 1.5])) == [0.2, 2.4]
