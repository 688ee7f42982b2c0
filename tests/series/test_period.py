"""A rhythm of its own is found where there is one, and nowhere else."""

import numpy as np
import pytest

from analysis.series.period import last_cycles, period_of

NOISE = np.random.default_rng(3).normal(size=3000)
PLACE = np.arange(3000)


@pytest.mark.parametrize("period", [7, 47, 288])
def test_a_cycle_is_as_long_as_it_is(period):
    assert period_of(np.where(PLACE % period < period // 3, 10.0, 0.0) + NOISE) == period


@pytest.mark.parametrize("values", [NOISE, np.cumsum(NOISE), np.ones(3000), NOISE[:10], PLACE * 1.0])
def test_noise_drift_and_constants_have_none(values):
    assert period_of(values) is None


def test_cycles_before_predict_with_nothing_that_comes_later():
    values = 10 * np.sin(2 * np.pi * PLACE / 40)
    cycles = last_cycles(values)
    assert np.nanmax(np.abs(cycles - values)) < 1e-6
    np.testing.assert_array_equal(last_cycles(values[:1000]), cycles[:1000])
