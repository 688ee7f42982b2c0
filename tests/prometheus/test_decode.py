"""The quick decoder and the strict one give the same frame, whatever a server may answer."""

import json
import math
from itertools import pairwise

import msgspec
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.errors import ContradictionError, InputError, SourceError
from analysis.prometheus.decode import Grid, decode_matrix
from analysis.prometheus.filled import Filled
from analysis.prometheus.quick import Reader
from analysis.prometheus.rows import column_names

FIRST, STEP = 1_700_000_000_250, 15_000
HOSTILE = st.one_of(
    st.sampled_from(
        ['"values":[[', "]]", '\\"values\\":[[', '"}', "],[", "\\", "\n", "=cmd()", "é\u2028", "\U0001f511"]
    ),
    st.text(max_size=8),
)
VALUES = st.one_of(
    st.sampled_from(["NaN", "+Inf", "-Inf", "1e-320", "5e-324", "-0", "1.7976931348623157e+308", "0"]),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
)


def shown_stamp(number: int) -> float | int:
    stamp = (FIRST + number * STEP) / 1000
    return int(stamp) if stamp == int(stamp) else stamp


def identity(metric):
    return tuple(sorted((name, value) for name, value in metric.items() if value))


@st.composite
def answers(draw, points=6):
    labels = st.dictionaries(st.sampled_from(["__name__", "values", "histograms", "b"]), HOSTILE, max_size=3)
    result = []
    for metric in draw(
        st.lists(labels, max_size=4, unique_by=lambda m: tuple(sorted((k, v) for k, v in m.items() if v)))
    ):
        at = sorted(draw(st.sets(st.integers(0, points - 1), min_size=1)))
        if draw(st.booleans()):
            at = list(range(points))
        item = {"metric": metric, "values": [[shown_stamp(n), draw(VALUES)] for n in at]}
        if draw(st.integers(0, 9)) == 0:
            spare = [n for n in range(points) if n not in at]
            item["histograms"] = [[shown_stamp(n), {"count": "1", "buckets": [[0, "1", "2", "1"]]}] for n in spare]
        result.append(item)
    return result


def quickly(body: bytes, cuts: list[int], points: int):
    reader = Reader(FIRST, FIRST + points * STEP, STEP)
    edges = [0, *sorted(cut % (len(body) + 1) for cut in cuts), len(body)]
    for start, end in pairwise(edges):
        reader.feed(body[start:end])
    items = msgspec.json.decode(reader.text())["data"]["result"]
    grid = Grid(FIRST, FIRST + points * STEP, STEP)
    grid.add(items, FIRST, FIRST + points * STEP, reader.series)
    return grid.decoded(), items


@given(answers(), st.lists(st.integers(0, 10_000), max_size=5), st.booleans())
@settings(max_examples=300, deadline=None)
def test_the_quick_decoder_gives_what_the_strict_one_does(result, cuts, spaced):
    separators = (", ", ": ") if spaced else (",", ":")  # another server may write blanks
    whole = {"status": "success", "data": {"resultType": "matrix", "result": result}}
    body = json.dumps(whole, separators=separators, ensure_ascii=False).encode()
    quick, items = quickly(body, cuts, 6)
    strict = decode_matrix(result, FIRST, FIRST + 6 * STEP, STEP)
    pd.testing.assert_frame_equal(quick.frame, strict.frame, check_exact=True)
    assert np.array_equal(np.signbit(quick.frame), np.signbit(strict.frame))
    assert np.array_equal(quick.present, strict.present)
    assert quick.histograms == strict.histograms
    assert spaced or all(isinstance(item["values"], int) for item in items)  # the quick way was the one taken


def test_values_keep_their_last_bit():
    texts = ["NaN", "+Inf", "-Inf", "1e-320", "-0", "0.1", "1.7976931348623157e+308", "123456789.12345679"]
    result = [{"metric": {"a": "b"}, "values": [[shown_stamp(n), text] for n, text in enumerate(texts)]}]
    body = json.dumps({"data": {"result": result}}, separators=(",", ":")).encode()
    decoded, _ = quickly(body, [], len(texts))
    for got, text in zip(decoded.frame.iloc[:, 0], texts, strict=True):
        want = float(text)
        assert (math.isnan(got) and math.isnan(want)) or np.float64(got).tobytes() == np.float64(want).tobytes()
    assert decoded.present.all()


def test_equal_labels_with_different_values_contradict_each_other():
    pair = [{"metric": {"a": "b"}, "values": [[shown_stamp(0), value]]} for value in ("1", "2")]
    with pytest.raises(ContradictionError, match="'a': 'b'"):
        decode_matrix(pair, FIRST, FIRST + STEP, STEP)
    decode_matrix([pair[0], pair[0]], FIRST, FIRST + STEP, STEP)


def test_stamps_beside_the_grid_are_refused_not_moved():
    result = [{"metric": {}, "values": [[FIRST / 1000 + 1, "1"]]}]
    with pytest.raises(SourceError, match="not asked for"):
        decode_matrix(result, FIRST, FIRST + 4 * STEP, STEP)


def test_series_that_come_later_stand_where_they_belong():
    grid = Grid(FIRST, FIRST + 4 * STEP, STEP)
    for number, names in enumerate(["m", "bm", "zam", "am"]):
        at = FIRST + number * STEP
        items = [{"metric": {"n": name}, "values": [[at / 1000, str(number)]]} for name in names]
        grid.add(items, at, at + STEP)
    frame = grid.decoded().frame
    assert list(frame.columns.get_level_values("n")) == ["a", "b", "m", "z"]
    assert frame["m"].to_numpy().ravel().tolist() == [0, 1, 2, 3]
    assert int(frame.notna().sum().sum()) == 8


def test_labels_that_are_called_like_columns_keep_names_of_their_own():
    assert column_names(["job", "time", "value"]) == ["job", "label_time", "label_value"]
    assert column_names(["label_time", "time"]) == ["label_time", "label_label_time"]


def test_what_no_memory_holds_is_refused_at_once():
    grid = Grid(0, 10**16, 1)
    with pytest.raises(InputError, match=r"1 series .* more than the memory .*--summary"):
        grid.add([{"metric": {"l": "a"}, "values": [[0, "1"]]}], 0, 1)


@given(
    st.lists(
        st.tuples(st.sets(st.integers(0, 4), min_size=1), st.integers(0, 6), st.integers(1, 7), st.booleans()),
        max_size=8,
    )
)
def test_what_is_filled_is_the_same_as_blocks_and_as_an_array(steps):
    filled, wanted = Filled(7), np.zeros((5, 7), dtype=bool)
    for series, first, length, by_cell in steps:
        places, span = np.array(sorted(series)), slice(first, min(first + length, 7))
        if by_cell:
            filled.array(max(series) + 1)[places, span] = True
        elif filled.has(places, span):
            assert wanted[places, span].any()
            continue
        else:
            assert not wanted[places, span].any()
            filled.add(places, span)
        wanted[places, span] = True
    order = np.array([3, 1, 4, 0, 2])
    assert filled.is_whole(5) <= wanted.all()
    assert np.array_equal(filled.ordered(order), wanted[order])
