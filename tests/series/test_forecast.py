"""The forecast: known lines, steps that are no slopes, and an interval that holds what it promises."""

import numpy as np
import pandas as pd
import pytest

from analysis.datasets.growth import make_growth_history
from analysis.series.backtest import backtest, wilson
from analysis.series.forecast import Forecast, forecast


def daily(values):
    index = pd.date_range("2026-08-01", periods=len(values), freq="D", tz="UTC", name="time")
    return pd.Series(np.asarray(values, dtype="float64"), index=index)


def days_until(found, history):
    return (pd.Timestamp(found.reached_at) - history.index[-1]) / pd.Timedelta(days=1)


@pytest.mark.parametrize("slope", [5.0, 50.0])
def test_a_straight_line_reaches_its_limit_when_it_does(slope):
    noise = np.random.default_rng(1).normal(0, slope / 2, 60)
    history = daily(np.round(10_000 + slope * np.arange(60) + noise))
    found = forecast(history, 10_000 + slope * 159)
    assert days_until(found, history) == pytest.approx(100, rel=0.1)
    assert found.early < found.reached_at < found.late
    assert found.trend == pytest.approx(slope, rel=0.1)


def test_a_release_is_a_step_and_not_a_slope():
    values = np.where(np.arange(60) < 40, 10_000, 14_000) + np.random.default_rng(2).normal(0, 20, 60)
    found = forecast(daily(np.round(values)), 16_000)
    assert (found.reached_at, found.reason) == (None, "no_growth")
    assert found.stretch_start == pd.Timestamp("2026-08-01", tz="UTC") + pd.Timedelta(days=40)


def test_releases_that_go_up_again_and_again_are_growth():
    noise = np.random.default_rng(5).normal(0, 15, 120)
    history = daily(np.round(10_000 + 500 * (np.arange(120) // 20) + noise))
    found = forecast(history, 15_000)
    assert found.reason is None
    assert found.early < found.reached_at  # 500 more every 20 days: 2,500 more take about 100
    assert 50 < days_until(found, history) < 200


def test_growth_that_was_never_steady_is_foretold_with_more_doubt():
    days, noise = np.arange(120), np.random.default_rng(6).normal(0, 10, 120)
    steady = daily(np.round(10_000 + 20 * days + noise))
    turning = daily(np.round(10_000 + np.cumsum(np.repeat([10, 35, 5, 20], 30)) + noise))
    widths = [found.late - found.early for found in (forecast(h, h.iloc[-1] + 2_000) for h in (steady, turning))]
    assert widths[1] > widths[0]


def test_growth_that_began_lately_counts_from_there():
    days = np.arange(61)
    history = daily(269 + np.where(days > 40, (days - 40) * 1.5, 0).round())
    found = forecast(history, 500)
    assert days_until(found, history) == pytest.approx((500 - 299) / 1.5, rel=0.2)


def test_no_growth_shrinking_and_unknown():
    assert forecast(daily(np.full(60, 300)), 400).reason == "no_growth"
    assert forecast(daily(300 - np.arange(60)), 400).reached_at is None
    assert forecast(daily([1, 2, 3]), 400).reason == "too_little_data"
    assert forecast(daily(np.full(60, np.nan)), 400).reason == "too_little_data"
    assert forecast(daily(np.full(60, 300)), 300).reason == "already_reached"
    assert forecast(daily(1000 + np.arange(60)), 1e9).reason == "beyond_two_years"


def test_the_same_history_gives_the_same_dates():
    history = make_growth_history(5)
    assert forecast(history.history, history.limit) == forecast(history.history, history.limit)


def test_the_interval_covers_what_it_promises():
    made = (make_growth_history(seed) for seed in range(20_000, 20_120))
    cases = [(h.history, h.limit, h.reached_days) for h in made]
    found = backtest(cases, forecast)
    assert found.wilson[0] <= 0.8 <= found.wilson[1]


def test_the_backtest_sees_an_interval_that_is_too_narrow_or_useless():
    made = (make_growth_history(seed) for seed in range(40))
    cases = [(h.history, h.limit, h.reached_days) for h in made]
    assert backtest(cases, lambda h, _: Forecast(0.8, early=h.index[-1], late=h.index[-1])).wilson[1] < 0.8
    everything = backtest(cases, lambda h, _: Forecast(0.8, early=h.index[-1]))
    assert everything.coverage == 1
    assert everything.median_width_days == 730


def test_wilson_is_inside_zero_and_one():
    assert wilson(0, 10)[0] == 0
    assert wilson(10, 10)[1] == 1
    low, high = wilson(800, 1000)
    assert (low, high) == pytest.approx((0.7741, 0.8236), abs=0.001)
