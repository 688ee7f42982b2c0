"""Scores of single series: nothing later is used online, and what was put in is ranked first."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from analysis.errors import InputError
from analysis.series import score_offline, score_online

SAMPLES = 4_000
PLACE = 3_000
DAY = 288  # samples of five minutes
SHAPES = {
    "spike": lambda x, _: x + 6,
    "dip": lambda x, _: x - 6,
    "lasting rise": lambda x, _: x + 3,
    "stuck": lambda x, _: np.full(len(x), x[0]),
    "rough": lambda x, rng: x + 3 * rng.normal(size=len(x)),
}
LENGTHS = {"spike": 1, "dip": 3, "lasting rise": 70, "stuck": 80, "rough": 60}


def series(values, step="5min"):
    index = pd.date_range("2026-03-02", periods=len(values), freq=step, tz="UTC", name="time")
    return pd.Series(values, index=index, dtype="float64")


def rhythm(seed, samples=SAMPLES):
    rng = np.random.default_rng(seed)
    return rng, 10 + 2 * np.sin(2 * np.pi * np.arange(samples) / DAY) + 0.5 * rng.normal(size=samples)


@pytest.mark.parametrize("score", [score_online, score_offline])
@pytest.mark.parametrize("kind", SHAPES)
def test_what_was_put_in_scores_above_the_rest(kind, score):
    rng, values = rhythm(81)
    inside = slice(PLACE, PLACE + LENGTHS[kind])
    values[inside] = SHAPES[kind](values[inside], rng)
    truth = np.zeros(SAMPLES, bool)
    truth[inside] = True
    found = score(series(values))
    assert roc_auc_score(truth, found) > 0.9


@given(cut=st.integers(1, 599), seed=st.integers(0, 50))
@settings(max_examples=12, deadline=None)
def test_online_scores_do_not_change_when_samples_are_appended(cut, seed):
    _, values = rhythm(seed, 600)
    values[::37] = np.nan
    whole = score_online(series(values, "1h"))
    pd.testing.assert_series_equal(score_online(series(values[:cut], "1h")), whole.iloc[:cut])


def test_an_hour_that_is_odd_for_its_time_of_day_is_seen_though_the_value_is_common():
    _, values = rhythm(82)
    night = PLACE - PLACE % DAY + 3 * DAY // 4  # the lowest hour
    values[night : night + 12] += 4  # as much as at noon
    for score in (score_online, score_offline):
        found = score(series(values))
        assert found.iloc[night : night + 12].median() > 3 * found.iloc[2 * DAY :].quantile(0.9)


@pytest.mark.parametrize("score", [score_online, score_offline])
@pytest.mark.parametrize("samples", [0, 1, 2, 5, 50])
def test_short_series_have_a_score_for_every_sample(samples, score):
    found = score(series(np.arange(samples)))
    assert len(found) == samples
    assert np.isfinite(found).all()
    assert (found >= 0).all()


@pytest.mark.parametrize("score", [score_online, score_offline])
def test_missing_samples_are_not_judged_and_do_not_matter_to_others(score):
    _, values = rhythm(83)
    values[100:140] = np.nan
    values[500] = np.inf
    found = score(series(values))
    assert found.isna().sum() == 41
    pd.testing.assert_series_equal(found.dropna(), score(series(values).replace(np.inf, np.nan).dropna()))


@pytest.mark.parametrize("score", [score_online, score_offline])
def test_units_do_not_matter(score):
    _, values = rhythm(84)
    one, other = score(series(values)), score(series(values * 1e6 - 5e6))
    np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3)


def test_a_constant_that_moves_once_is_strange_there():
    values = np.full(2_000, 7.0)
    values[1_500] = 8.0
    for score in (score_online, score_offline):
        assert score(series(values)).argmax() == 1_500


@pytest.mark.parametrize(
    "bad",
    [
        [1.0, 2.0],
        pd.Series([1.0, 2.0]),
        pd.Series([1.0], index=pd.date_range("2026-01-01", periods=1)),
        series(np.arange(3))[::-1],
        pd.Series(["a"], index=pd.date_range("2026-01-01", periods=1, tz="UTC")),
        series(np.arange(3)).iloc[[0, 1, 1]],
        series(np.arange(3)).astype("complex128"),
    ],
)
def test_what_is_no_series_is_refused_in_one_line(bad):
    for score in (score_online, score_offline):
        with pytest.raises(InputError) as refused:
            score(bad)
        assert "\n" not in str(refused.value)
        assert "use " in str(refused.value) or "give " in str(refused.value)


def test_a_rhythm_of_its_own_is_learnt_whatever_the_calendar_says():
    place = np.arange(4000)
    values = 5 * np.exp(-(((place % 47) - 20) ** 2) / 6) + 0.2 * np.random.default_rng(5).normal(size=len(place))
    values[3000 : 3000 + 47] = 0.2 * np.random.default_rng(6).normal(size=47)  # one beat is left out
    index = pd.date_range("2026-01-01", periods=len(place), freq="1min", tz="UTC")
    for score in (score_online, score_offline):
        assert 3000 <= int(score(pd.Series(values, index)).argmax()) < 3050


@pytest.mark.parametrize("unit", [1e-300, 1e300])
def test_the_smallest_and_the_largest_numbers_are_judged_alike(unit):
    values = np.random.default_rng(7).normal(size=800)
    index = pd.date_range("2026-01-01", periods=len(values), freq="5min", tz="UTC")
    for score in (score_online, score_offline):
        plain, scaled = score(pd.Series(values, index)), score(pd.Series(values * unit, index))
        assert np.allclose(plain, scaled, rtol=1e-3, atol=1e-3)


def test_the_first_samples_are_not_the_strangest_of_a_usual_series():
    index = pd.date_range("2026-01-01", periods=2000, freq="5min", tz="UTC")
    for seed in range(5):
        values = pd.Series(np.random.default_rng(seed).normal(size=len(index)), index)
        assert score_online(values).iloc[:64].max() < 5


def beats(samples, period, seed):
    """A heartbeat of sharp peaks whose rate wanders, and its phase."""
    rng = np.random.default_rng(seed)
    phase = np.cumsum(1 + 0.02 * np.sin(np.arange(samples) / 300) + 0.01 * rng.normal(size=samples)) / period
    inside = phase % 1
    beat = 5 * np.exp(-0.5 * ((inside - 0.3) / 0.03) ** 2) + np.exp(-0.5 * ((inside - 0.6) / 0.06) ** 2)
    return beat + 0.1 * rng.normal(size=samples)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("oddity", ["reversed", "missing", "widened"])
def test_one_odd_cycle_among_many_is_the_strangest_stretch_though_each_of_its_values_is_common(oddity, seed):
    values = beats(6_000, 90, seed)
    part = slice(4_000, 4_090)
    odd = {
        "reversed": lambda x: x[::-1],
        "missing": lambda x: np.full(len(x), np.median(x)) + 0.1 * np.random.default_rng(seed).normal(size=len(x)),
        "widened": lambda x: np.interp(np.arange(len(x)) / 2 + len(x) / 8, np.arange(len(x)), x),
    }
    values[part] = odd[oddity](values[part])
    assert 3_950 <= score_offline(series(values, "1min")).argmax() <= 4_140


def test_outliers_among_trend_and_three_seasons_rank_first_in_hindsight():
    rng, hour = np.random.default_rng(9), np.arange(1_680)
    values = 0.3 * hour + sum(s * np.sin(2 * np.pi * hour / p) for s, p in ((90, 12), (300, 24), (150, 168)))
    values = values + rng.normal(0, 15, len(hour))
    places = np.array([400, 811, 1_222, 1_533])
    values[places] += [140, -140, 140, -140]
    found = score_offline(series(values, "1h"))
    assert set(found.to_numpy().argsort()[-4:]) == set(places)


def test_small_moves_of_large_numbers_count():
    _, values = rhythm(85)
    values[PLACE] += 8
    for score in (score_online, score_offline):
        assert score(series(1e12 + values)).argmax() == PLACE


@given(seed=st.integers(0, 1_000))
@settings(max_examples=10, deadline=None)
def test_online_scores_of_samples_at_any_times_know_nothing_later(seed):
    rng = np.random.default_rng(seed)
    stamps = np.unique(rng.integers(0, 30 * 86_400, 700))
    index = pd.to_datetime(stamps, unit="s", utc=True)
    values = pd.Series(np.cumsum(rng.normal(size=len(index))), index)
    whole, cut = score_online(values), int(rng.integers(1, len(index)))
    pd.testing.assert_series_equal(score_online(values.iloc[:cut]), whole.iloc[:cut])
