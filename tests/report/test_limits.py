"""Another limit of series: what is said is the forecast, and the picture follows the sliders."""

import re
from datetime import datetime

import numpy as np
import pandas as pd
import pytest

from analysis.drawing import description
from analysis.findings import ReportResult
from analysis.report.figures.limits import limited
from analysis.report.widgets.cardinality import explorer, round_limits
from tests.report.handmade import document

DAYS, A_DAY = 60, 10.0
START = pd.Timestamp("2026-09-01T00:00:00Z")


@pytest.fixture
def result():
    """Ten series more each day, from a thousand on."""
    index = pd.date_range(START, periods=DAYS, freq="1D", name="time")
    noise = np.random.default_rng(1).normal(0, 2, DAYS)
    total = pd.DataFrame({"series": 1000 + A_DAY * np.arange(DAYS) + noise}, index=index)
    made = document("cardinality_growth", forecast={"limit": 2000.0, "level": 0.8})
    return ReportResult(made, {}, {"total": total})


def day_of(said):
    return datetime.strptime(re.search(r"reached on (.{11})", said)[1], "%d %b %Y").replace(tzinfo=START.tzinfo)


@pytest.mark.parametrize("limit", [None, 1800.0, 3000.0])
def test_the_day_is_where_the_trend_meets_the_limit(result, limit):
    said = description(limited(result, "UTC", limit=limit))
    expected = START + pd.Timedelta(days=((limit or 2000.0) - 1000) / A_DAY)
    assert abs(day_of(said) - expected) < pd.Timedelta(days=12)
    assert "(80%: " in said


def test_what_is_reached_and_what_is_out_of_reach_is_said(result):
    assert "reached already" in description(limited(result, "UTC", limit=1100.0))
    assert "not reached within two years" in description(limited(result, "UTC", limit=1e9))
    few = ReportResult(result.document, {}, {"total": result.frames["total"].iloc[:5]})
    assert "Too little data" in description(limited(few, "UTC"))


def test_without_series_there_is_nothing_to_try():
    empty = explorer(ReportResult(document("cardinality_growth")), "UTC")
    assert "No series" in repr(empty)
    assert set(empty._repr_mimebundle_()) == {"text/plain", "image/svg+xml"}


def test_the_day_moves_with_the_limit_and_the_interval_with_the_level(result):
    limit, level, picture = explorer(result, "UTC").widget().children
    near = day_of(picture.value)
    assert limit.value == 2000.0
    limit.value = limit.options[[value for _, value in limit.options].index(2000.0) + 5][1]
    assert day_of(picture.value) > near
    level.value = 0.95
    assert "(95%: " in picture.value


def test_the_limit_under_review_is_one_of_those_to_try_as_it_is():
    limits = round_limits(318.0, 1_000_001.0)
    assert 1_000_001.0 in limits
    assert limits == sorted(limits)
    assert all(value == float(f"{value:.1e}") for value in limits if value != 1_000_001.0)
    assert limits[0] <= 320
    assert limits[-1] >= 9e6
