"""Sentences with one of a thing, and values that try to turn the letters around them."""

import pytest

from analysis import markup
from analysis.drawing import plain
from analysis.report.deliver import harmless
from analysis.report.notebook_html import environment
from analysis.words import counted, how_often, in_order, seen

TURNING = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\x07\x1b\x9b"


def test_one_of_a_thing_is_written_as_one():
    assert [counted(number, "alert") for number in (0, 1, 1200)] == ["0 alerts", "1 alert", "1,200 alerts"]
    assert counted(2, "query", "queries") == "2 queries"
    assert [how_often(number) for number in (1, 2)] == ["once", "2 times"]


def _on_a_page(text):
    return environment().from_string("{{ text }}").render(text=text)


@pytest.mark.parametrize("shown", [_on_a_page, markup.cell, markup.with_code, plain, harmless, seen])
def test_no_value_turns_the_letters_around_it(shown):
    said = shown(f"photo{TURNING}gnp.exe")
    assert not set(said) & set(TURNING)
    assert said.startswith("photo")
    assert said.endswith("gnp.exe")
    assert said.count("\ufffd") == len(TURNING)


def test_words_from_right_to_left_keep_to_themselves():
    hebrew = "\u05d0\u05d1 \u05d2\u05d3"
    assert in_order(f"country {hebrew}: 7 of 9") == f"country \u2068{hebrew}\u2069: 7 of 9"
    assert in_order("plain text, 1.5 ü 漢字") == "plain text, 1.5 ü 漢字"
