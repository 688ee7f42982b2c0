import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from analysis.series.sequential import cusum, run_starts

residuals = st.lists(st.floats(-5, 5) | st.just(float("nan")), min_size=1, max_size=80)


@given(residuals, st.floats(0.1, 2))
def test_the_sum_is_pages_recursion(z, reference):
    slow, state = [], 0.0
    for value in z:
        state = max(0.0, state + (value - reference if np.isfinite(value) else 0.0))
        slow.append(state)
    np.testing.assert_allclose(cusum(np.array(z), reference), slow, atol=1e-9)


@given(residuals)
def test_a_run_starts_behind_the_last_zero(z):
    statistic = cusum(np.array(z), 0.5)
    starts = run_starts(statistic)
    for place, start in enumerate(starts):
        assert start <= place
        assert (statistic[start:place] > 0).all()
