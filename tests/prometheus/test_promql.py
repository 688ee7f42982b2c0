"""The syntax tree of PromQL: what is printed means what was read, checked by a real Prometheus."""

import math

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from analysis.errors import InputError
from analysis.prometheus.promql import (
    comparison,
    comparisons,
    format_number,
    labels_used,
    metric_names,
    number,
    parse,
    quote,
    text_of,
    with_thresholds,
)

EXPRESSIONS = [
    r'x{a=~"b\\.c|\"d\"",e!~"f",g!="h"} > 1e-9',
    "x{a=`w\\d+\\.`} > 1",
    'x{a="`"} > 1 # a `comment`',
    '{__name__="a:b", c="d\\n"} > 1',
    "x{a='q\"q'} > 1",
    'x{a="é\u2028☃"} > 1',
    "max_over_time((x > 5)[5m:1m]) > 3",
    "max_over_time((x > 1)[5m:] offset 1m) > 2",
    "max_over_time(sum(x)[1d:] @ 100) > 1",
    "rate(a[1h30m] offset -5m) > 0x1F",
    "x @ 123.5 > 1",
    "x > NaN",
    "-x > -Inf",
    "topk by (a) (3, x) > 1",
    "a / on(b) group_left(c) d > bool 1",
    "a * ignoring(b) group_right() d == 3",
    "- (x + 1) ^ 2 > 2",
    "a and on() b > 1 unless ignoring(c) d < 2 or e",
    "histogram_quantile(0.9, sum by (le) (rate(h_bucket[5m]))) > .5",
    'label_replace(x, "d", "$1", "s", "(\\\\d+)\\\\..*") > 1',
    'count_values by (a) ("v", x) > 1',
    "2 ^ 3 ^ 2 < x",
    "time() - x > 86400*2",
]


def formatted(url, expr):
    answer = requests.get(f"{url}/api/v1/format_query", {"query": expr}, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


@pytest.mark.parametrize("expr", EXPRESSIONS)
def test_prometheus_reads_what_is_printed_as_the_same_expression(empty_prometheus, expr):
    url = empty_prometheus.url
    assert formatted(url, text_of(parse(expr))) == formatted(url, expr)


@pytest.mark.parametrize("expr", EXPRESSIONS)
def test_a_replaced_threshold_is_found_where_it_was_put_and_nothing_else_moves(empty_prometheus, expr):
    tree = parse(expr)
    before = comparisons(tree)
    for place in range(len(before)):
        after = comparisons(parse(with_thresholds(tree, {place: 12345.5})))
        assert [c.threshold for c in after][place] == 12345.5
        rest = [(c.op, c.threshold) for i, c in enumerate(after) if i != place]
        assert repr(rest) == repr([(c.op, c.threshold) for i, c in enumerate(before) if i != place])
        formatted(empty_prometheus.url, with_thresholds(tree, {place: -math.inf}))


@pytest.mark.parametrize(
    "expr",
    [
        'sum by ("a.b", x)({__name__="my.wave"}) > 1',
        'a and on ("b.c", d) b > 3',
        'a * ignoring ("é") group_left ("c d", e) b > 3',
        '{__name__="my.wave","a.b"=~"1|2"} > 0.2',
    ],
)
def test_names_in_any_letters_keep_their_quotes(expr):
    assert text_of(parse(expr)) == expr


@given(st.floats())
def test_a_printed_number_reads_back_as_the_same(value):
    back = number(parse(format_number(value)))
    assert back == value or (math.isnan(value) and math.isnan(back))


@given(st.text(max_size=20).filter(lambda text: "\x00" not in text))
def test_a_quoted_value_reads_back_as_the_same(value):
    [(_, _, back)] = _matchers(parse(f"x{{a={quote(value)}}}"))
    assert back == value


def _matchers(node):
    return [(m.name, m.op, m.value) for m in node.matchers.matchers]


def test_a_number_on_the_left_is_mirrored():
    found = comparison(parse("(5 > x)"))
    assert (found.op, found.threshold, found.is_bool) == ("<", 5.0, False)


@pytest.mark.parametrize(
    ("text", "value"), [("2 ^ 10", 1024), ("7 % 4", 3), ("14.4 * (1 - 0.5)", 7.2), ("-(3)", -3), ("x", None)]
)
def test_constants_are_worked_out(text, value):
    assert number(parse(text)) == value


def test_labels_that_functions_read_and_write_are_named():
    assert labels_used(parse('label_replace(x, "to", "$1", "from", "(.*)")')) == {
        "to": {"written"},
        "from": {"matched"},
    }
    joined = labels_used(parse('label_join(x, "to", "-", "a", "b")'))
    assert joined == {"to": {"written"}, "a": {"matched"}, "b": {"matched"}}
    assert labels_used(parse('count_values by (job) ("version", x)')) == {"version": {"written"}, "job": {"grouped"}}


def test_metrics_are_named_once_and_in_order():
    assert metric_names('b + on() {__name__="a"} + b + rate({__name__=~"c.*"}[5m])') == ["b", "a"]


def test_what_is_no_promql_says_so():
    with pytest.raises(InputError, match="not PromQL"):
        parse("sum(")


@pytest.mark.parametrize(
    ("expr", "numbers"),
    [
        ("max by (job) (cpu > 50) > 90", [50, 90]),
        ("(cpu > bool 60) == 1", [60, 1]),
        ("80 < (5 < cpu)", [80, 5]),
        ("(10 > a > 1) and b != 3 or 7 >= sum(c < 9) unless d == 2", [10, 1, 3, 7, 9, 2]),
    ],
)
def test_comparisons_stand_in_the_order_of_the_text(expr, numbers):
    tree = parse(expr)
    assert [found.threshold for found in comparisons(tree)] == numbers
    changed = with_thresholds(tree, {place: 100.0 + place for place in range(len(numbers))})
    assert [found.threshold for found in comparisons(parse(changed))] == [100 + n for n in range(len(numbers))]
