"""Verdicts follow from the evidence, and what cannot be judged says so."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from analysis.settings.thresholds import ThresholdDriftSettings
from analysis.thresholds.drift import Shift
from analysis.thresholds.trend import Trend
from analysis.thresholds.verdicts import RuleEvidence, judge
from analysis.window import Window

WINDOW = Window(datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC))
SETTINGS = ThresholdDriftSettings()
STEADY = Shift(before=10, now=10, spread=1, p_value=0.8, smallest_detectable=1, days_before=31, days_now=30)
END = datetime(2026, 9, 30, tzinfo=UTC)
FALLING = Trend(WINDOW.start, END, END, 1.5, -0.1, -0.15, -0.05, independent_days=20)
QUIET = RuleEvidence(alerts=1, flaps=0, firing_minutes=5, days=30, shift=STEADY, is_shift_real=False)


def verdicts(evidence):
    return [judgement.verdict for judgement in judge(evidence, WINDOW, SETTINGS)]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "fits"),
        ({"missing": ("nope",)}, "dead"),
        ({"is_evaluated": False}, "never_evaluated"),
        ({"problem": "the server calls it wrong"}, "unknown"),
        ({"days": 3.0}, "unknown"),
        ({"alerts": 40}, "too_tight"),
        ({"alerts": 40, "flaps": 30}, "flapping"),
        ({"alerts": 0, "standing_share": 0.9}, "too_tight"),
        ({"alerts": 0, "standing_share": 0.4}, "fits"),
        ({"shift": replace(STEADY, p_value=None, days_now=4)}, "unknown"),
        ({"shift": replace(STEADY, smallest_detectable=11)}, "unknown"),
        ({"shift": replace(STEADY, now=6), "is_shift_real": True}, "drifting"),
        ({"shift": replace(STEADY, now=6), "is_shift_real": False}, "fits"),
        ({"shift": None}, "fits"),
    ],
)
def test_verdict(changes, expected):
    assert verdicts(replace(QUIET, **changes))[0] == expected


def test_the_metric_that_is_missing_is_named():
    [judgement] = judge(replace(QUIET, missing=("nope",)), WINDOW, SETTINGS)
    assert "nope" in judgement.reason


def test_a_drift_towards_the_threshold_says_when_it_is_reached():
    shift = replace(STEADY, now=3, trend=FALLING, smallest_detectable=0.5)
    [judgement] = judge(replace(QUIET, shift=shift, is_shift_real=True), WINDOW, SETTINGS)
    # 1.5 left on the last day of September, a tenth of one less each day
    assert judgement.reached_at == datetime(2026, 10, 15, tzinfo=UTC)
    assert "2026-10-15 (2026-10-10 to 2026-10-30)" in judgement.reason


@pytest.mark.parametrize(
    "trend",
    [
        None,
        replace(FALLING, flattest=0.01),
        replace(FALLING, slope_per_day=-0.001),
        replace(FALLING, independent_days=3),
    ],
)
def test_no_date_is_named_where_the_slope_does_not_surely_lead_there(trend):
    shift = replace(STEADY, now=3, trend=trend, smallest_detectable=0.5)
    [judgement] = judge(replace(QUIET, shift=shift, is_shift_real=True), WINDOW, SETTINGS)
    assert (judgement.verdict, judgement.severity, judgement.reached_at) == ("drifting", "medium", None)


def test_where_too_little_could_be_seen_it_says_how_many_days_it_takes():
    [judgement] = judge(replace(QUIET, shift=replace(STEADY, smallest_detectable=20)), WINDOW, SETTINGS)
    assert "31 days before, 30 in the window" in judgement.reason
    assert "about 120 days" in judgement.reason  # twice the sight takes four times the days


def test_what_flaps_and_pages_too_often_is_both_and_nothing_is_unknown_about_it():
    blind = replace(STEADY, smallest_detectable=20)
    assert verdicts(replace(QUIET, alerts=40, flaps=30, shift=blind)) == ["flapping", "too_tight"]


def test_noise_and_drift_are_both_told():
    evidence = replace(QUIET, alerts=40, shift=replace(STEADY, now=2), is_shift_real=True)
    assert verdicts(evidence) == ["too_tight", "drifting"]


def test_how_much_data_there_is_and_how_much_it_takes_is_said():
    [judgement] = judge(replace(QUIET, days=3.25), WINDOW, SETTINGS)
    assert "3.2 days" in judgement.reason
    assert str(SETTINGS.minimum_days) in judgement.reason
