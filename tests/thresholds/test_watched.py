"""Which comparison a rule's headroom is measured on, and on which of its values."""

import numpy as np
import pandas as pd
import pytest

from analysis.prometheus.decode import Decoded
from analysis.prometheus.promql import parse, text_of
from analysis.thresholds.headroom import daily_headroom
from analysis.thresholds.watched import is_filtered, sides_of, watched

INDEX = pd.date_range("2026-09-01", periods=4 * 1440, freq="1min", tz="UTC", name="time")
DAYTIME = np.asarray((INDEX.hour >= 10) & (INDEX.hour < 16))


def decoded(values):
    columns = pd.MultiIndex.from_tuples([("a",)], names=["job"])
    return Decoded(pd.DataFrame(values.reshape(-1, 1), INDEX, columns), np.isfinite(values).reshape(-1, 1))


ANSWERS = {
    "errors": decoded(np.where(DAYTIME, 0.02, 0.9)),  # nobody is there at night, and the few who are fail
    "traffic": decoded(np.where(DAYTIME, 100.0, 1.0)),
    "never": decoded(np.zeros(len(INDEX))),
    "near": decoded(np.linspace(70, 79, len(INDEX))),
}


def watched_in(expr):
    return watched(parse(expr), ANSWERS.__getitem__, INDEX, len(INDEX) // 20)


@pytest.mark.parametrize(
    ("expr", "sides"),
    [
        ("a > 5", ["a > 5"]),
        ("5 > a and b", ["5 > a"]),
        ("a and b > 5", ["b > 5"]),
        ("(a > 1 unless b > 2) or c < 3", ["a > 1", "c < 3"]),
        ("a unless b > 5", []),
        ("a == 5", []),
        ("(a > bool 5) == 1", []),
        ("absent(a)", []),
    ],
)
def test_the_sides_are_those_that_make_it_fire(expr, sides):
    assert [text_of(side.comparison.node) for side in sides_of(parse(expr))] == sides


def test_a_guard_leaves_out_what_it_does_not_let_through():
    found = watched_in("errors > 0.1 and traffic > 10")
    assert found.nearest.max() == 0.02
    assert found.is_sparse
    assert daily_headroom(found, "UTC").to_numpy() == pytest.approx(0.08)
    assert daily_headroom(watched_in("errors > 0.1"), "UTC").max() == pytest.approx(-0.8)


def test_a_guard_that_never_holds_says_nothing_about_headroom():
    found = watched_in("errors > 0.1 and never > 10")
    assert found.nearest.max() == 0.9
    assert not found.is_sparse


def test_of_alternatives_the_nearer_one_is_watched():
    assert watched_in("traffic > 1e6 or near > 80").text == "near > 80"


@pytest.mark.parametrize(
    ("expr", "expected"),
    [("count(up == 0)", True), ("sum(a > bool 5)", False), ("rate(a[5m]) / b", False), ("absent(a)", True)],
)
def test_what_leaves_series_out_is_known(expr, expected):
    assert is_filtered(parse(expr)) is expected
