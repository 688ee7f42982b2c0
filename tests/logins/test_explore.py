"""Narrowing down in the notebook: what is drawn is what was asked for, and mistakes are said in a line."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from analysis.drawing import description
from analysis.errors import InputError
from analysis.findings import Coverage, Finding, FindingsDocument, ReportResult, Source, TimeSpan
from analysis.report.figures.explore import narrowed
from analysis.report.widgets.logins import explorer

START = datetime(2026, 5, 1, tzinfo=UTC)
END = START + timedelta(days=2)


@pytest.fixture
def result():
    index = pd.date_range(START, END, freq="5min", inclusive="right", name="time")
    columns = {
        ("failures", "country", "$x$"): np.full(len(index), 9.0),
        ("failures", "country", "DE"): np.full(len(index), 3.0),
        ("failures", "instance", "a:1"): np.full(len(index), 12.0),
    }
    finding = Finding(
        id="one",
        report="login_anomalies",
        kind="brute_force",
        severity="high",
        title="Brute force",
        start=START + timedelta(hours=9),
        end=None,
        detected_at=START + timedelta(hours=9, minutes=5),
    )
    document = FindingsDocument(
        report="login_anomalies",
        window=TimeSpan(start=START, end=END),
        source=Source(url="http://localhost"),
        coverage=Coverage(share=1.0),
        findings=[finding],
    )
    return ReportResult(document, {}, {"parts": pd.DataFrame(columns, index=index)})


def lines(made):
    return {line.get_label(): len(line.get_ydata()) for line in made.axes[0].lines}


def test_the_largest_values_are_drawn_when_none_is_named(result):
    made = narrowed(result, "Europe/Berlin")
    assert set(lines(made)) == {r"\$x\$", "DE"}  # a value is text, never mathematics
    assert "country $x$" in description(made)
    assert "UTC" not in made.axes[0].get_xlabel()


def test_one_value_in_one_stretch(result):
    begin, end = (START + timedelta(hours=h) for h in (8, 10))
    made = narrowed(result, "UTC", values=("DE",), start=begin.isoformat(), end=end.isoformat())
    assert lines(made) == {"DE": 25}


@pytest.mark.parametrize("wrong", [{"signal": "nothing"}, {"label": "reason"}, {"values": ("KP",)}])
def test_what_is_not_there_is_refused_with_what_there_is(result, wrong):
    with pytest.raises(InputError, match="there are"):
        narrowed(result, "UTC", **wrong)


def test_the_lists_offer_labels_events_and_values(result):
    *controls, picture = explorer(result, "UTC").widget().children
    counts, stretch, value = controls
    assert "failures by instance" in dict(counts.options)
    assert len(stretch.options) == 2
    assert "have country $x$" in picture.value
    counts.value = ("failures", "instance")
    assert [name for name, _ in value.options] == ["the largest", "a:1"]
    assert "have instance a:1" in picture.value


def test_a_review_without_counts_has_nothing_to_narrow_down(result):
    empty = ReportResult(result.document)
    assert "no counts" in repr(explorer(empty, "UTC"))
