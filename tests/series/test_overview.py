"""One row per series, checked against each series by itself."""

import numpy as np
import pandas as pd

from analysis.series.overview import COLUMNS, overview, together

INDEX = pd.date_range("2026-10-01", periods=40, freq="5min", tz="UTC", name="time")


def frame_of(labels, seed):
    values = np.random.default_rng(seed).normal(size=(len(INDEX), len(labels))).round(2)
    values[:10, 0] = values[35:, 0] = np.nan
    values[20, -1] = np.nan
    columns = pd.MultiIndex.from_tuples(labels, names=["instance", "mean"])
    return pd.DataFrame(values, INDEX, columns)


def test_each_row_says_what_its_series_is_like():
    frame = frame_of([("a", ""), ("b", "x"), ("c", "y")], 1)
    rows = overview(frame).set_index(["instance", "label_mean"])
    for key, row in rows.iterrows():
        known = frame[key].dropna()
        assert (row["samples"], row["first"], row["last"]) == (len(known), known.index[0], known.index[-1])
        told = [row[name] for name in ("minimum", "median", "mean", "maximum")]
        assert np.allclose(told, [known.min(), known.median(), known.mean(), known.max()])
        assert row["drops"] == (known.diff() < 0).sum()


def test_a_series_without_samples_has_no_row_and_nothing_at_all_is_an_empty_table():
    frame = frame_of([("a", ""), ("b", "x")], 2)
    frame[("b", "x")] = np.nan
    assert overview(frame)["instance"].to_list() == ["a"]
    for empty in (frame.iloc[:0], frame * np.nan):
        assert overview(empty).columns.to_list() == ["instance", "label_mean", *COLUMNS]
        assert len(overview(empty)) == 0


def test_parts_with_other_labels_are_one_table_in_order():
    first = overview(frame_of([("b", "x"), ("c", "y")], 3))
    second = overview(frame_of([("a", ""), ("z", "")], 4)).drop(columns="label_mean")
    rows = together([first, second])
    assert rows["instance"].to_list() == ["a", "b", "c", "z"]
    assert rows["label_mean"].to_list() == ["", "x", "y", ""]
    pd.testing.assert_frame_equal(together([rows]), rows)
