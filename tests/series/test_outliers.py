"""Who is unlike its peers: at the nominal level by chance, found where it is plain, two at a time."""

import numpy as np
import pandas as pd
import pytest

from analysis.series.outliers import LEAST, unlike_peers


@pytest.mark.parametrize("peers", [6, 12, 40])
def test_equal_peers_are_called_unlike_no_more_often_than_promised(peers):
    rng = np.random.default_rng(peers)
    false = sum((unlike_peers(pd.Series(rng.normal(size=peers)))["p_value"] < 0.05).any() for _ in range(400))
    assert false / 400 < 0.1


def test_two_odd_ones_do_not_hide_each_other():
    values = pd.Series([*np.random.default_rng(2).normal(size=14), 12.0, 13.0], index=list("abcdefghijklmnop"))
    table = unlike_peers(values)
    assert sorted(table.index[table["p_value"] < 0.01]) == ["o", "p"]
    assert table.loc["p", "usual"] == values.drop("p").median()


def test_what_is_equal_but_for_noise_is_not_unlike():
    values = pd.Series([1.0] * 9 + [1.01])
    assert unlike_peers(values).loc[9, "p_value"] == 0  # all the others are equal to the last bit
    assert unlike_peers(values, 0.05).loc[9, "p_value"] == 1
    assert unlike_peers(pd.Series([3.0] * 7))["p_value"].min() == 1


def test_a_few_cannot_be_judged_and_the_unknown_are_left_out():
    assert unlike_peers(pd.Series([1.0, 2.0, np.nan, 90.0, np.nan])).empty
    assert len(unlike_peers(pd.Series([*range(LEAST), np.nan], dtype="float64"))) == LEAST
