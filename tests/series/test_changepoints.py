"""Change points: known steps are found, noise and slopes give none."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.series.changepoints import change_points, last_stretch, noise_level


@pytest.mark.parametrize("seed", range(5))
def test_a_step_is_found_where_it_is(seed):
    rng = np.random.default_rng(seed)
    values = rng.normal(0, 1, 90)
    values[40:] += 8
    assert change_points(values) == [40]


def test_noise_alone_has_hardly_any_change():
    rng = np.random.default_rng(7)
    found = sum(bool(change_points(rng.normal(0, 1, 90))) for _ in range(200))
    assert found <= 10  # 5 %


def test_a_slope_is_not_a_step_but_a_bend_is_a_change():
    rng = np.random.default_rng(3)
    line = np.arange(80) * 2.0 + rng.normal(0, 1, 80)
    assert change_points(line, shape="trend") == []
    bent = line + np.where(np.arange(80) > 50, (np.arange(80) - 50) * 6.0, 0)
    assert len(change_points(bent, shape="trend")) == 1
    assert abs(last_stretch(bent, shape="trend") - 50) <= 3


def test_missing_points_keep_the_places():
    values = np.r_[np.zeros(30), np.full(30, 9.0)] + np.random.default_rng(1).normal(0, 0.5, 60)
    values[[3, 4, 5, 20, 45]] = np.nan
    assert change_points(values) == [30]


@given(st.lists(st.floats(-1e6, 1e6), max_size=30))
@settings(max_examples=30, deadline=None)
def test_places_are_inside_and_scale_does_not_matter(values):
    values = np.round(np.asarray(values, dtype="float64"), 2)
    found = change_points(values)
    assert all(0 < place < len(values) for place in found)
    assert found == sorted(set(found))
    if len(values) and np.ptp(values) > 1:
        assert len(change_points(values * 2.0)) == len(found)


def test_too_little_or_constant_data_has_none():
    assert change_points([]) == []
    assert change_points([1.0, 9.0, 1.0]) == []
    assert change_points(np.full(50, 3.0)) == []
    assert change_points(np.full(50, np.nan)) == []


def test_noise_level_ignores_steps_and_slopes():
    rng = np.random.default_rng(5)
    values = rng.normal(0, 2, 4000) + np.where(np.arange(4000) > 1000, 50, 0)
    assert noise_level(values) == pytest.approx(2, rel=0.1)
    assert noise_level(values + np.arange(4000) * 5.0, "trend") == pytest.approx(2, rel=0.1)
