"""Arithmetic around what rules compare: the same as the server's, and bounds that lose no value that matters."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.prometheus.promql import comparison, parse, text_of
from analysis.thresholds.arithmetic import Bound, Step, applied, bound_of, filtered, peeled
from analysis.thresholds.collect import compare

numbers = st.floats(-1e6, 1e6, allow_nan=False).filter(lambda value: value == 0 or abs(value) > 1e-6)
steps = st.lists(st.builds(Step, st.sampled_from("+-*/"), numbers, st.booleans()), max_size=4)


@pytest.mark.parametrize(
    ("expr", "inner", "value"),
    [
        ("load * 100 > 5", "load", 700.0),
        ("(1 - avg by (x) (load)) * 100 > 5", "avg by (x)(load)", -600.0),
        ("20 - load / 2 > 5", "load", 16.5),
        ("load ^ 2 > 5", "load ^ 2", 7.0),
        ("load % 5 > 5", "load % 5", 7.0),
        ("load / queue > 5", "load / queue", 7.0),
    ],
)
def test_arithmetic_with_constants_is_peeled(expr, inner, value):
    node, found = peeled(comparison(parse(expr)).compared)
    assert text_of(node) == inner
    assert applied(np.array([7.0]), found).tolist() == [value]


@given(st.sampled_from([">", "<", ">=", "<="]), numbers, steps, st.lists(numbers, min_size=1, max_size=50))
def test_a_bound_loses_no_value_that_matters(op, threshold, chain, values):
    bound = bound_of(op, threshold, chain)
    values = np.array([*values, np.nan])
    holds = compare(applied(values, chain), op, threshold)
    if bound is not None:
        assert compare(values, bound.op, bound.value)[holds].all()


def test_the_loosest_bound_serves_all():
    assert filtered("a or b", [Bound(">=", 5.0), Bound(">=", 2.5)]) == "(a or b) >= 2.5"
    assert filtered("a", [Bound("<=", 5.0), Bound("<=", 2.5)]) == "(a) <= 5"
    assert filtered("a", [Bound("<=", 5.0), Bound(">=", 2.5)]) == "a"
    assert filtered("a", [Bound("<=", 5.0), None]) == "a"
