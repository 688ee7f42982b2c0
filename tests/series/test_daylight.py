"""The clock that the data follow is read from the data, with nothing that comes later."""

import numpy as np
import pandas as pd
import pytest

from analysis.series.baseline import Calendar, expected_counts
from analysis.series.daylight import changes, clock_change

STEP = 15  # minutes
INDEX = pd.date_range("2026-02-23", "2026-04-03", freq=f"{STEP}min", tz="UTC", inclusive="right", name="time")
SUMMER = pd.Timestamp("2026-03-29 01:00", tz="UTC")  # in Europe


def told(people_live_in, we_say, until=None, attack=0.0):
    """What is made of the change in Europe when the people live in one zone and another one was configured."""
    index = INDEX[:until]
    hour = index.tz_convert(people_live_in)
    usual = 20 + 300 * np.exp(-((hour.hour + hour.minute / 60 - 9.0) ** 2) / 4) * (hour.day_of_week < 5)
    counts = np.random.default_rng(3).poisson(np.repeat(usual.to_numpy()[:, None], 2, axis=1)).astype("float64")
    counts[(index > SUMMER) & (index <= SUMMER + pd.Timedelta(hours=2))] += attack
    calendar = Calendar.of(index, we_say)
    expected = expected_counts(counts, calendar, np.ones((len(index), 1), dtype=bool))
    return clock_change(counts, expected, int(np.searchsorted(index, SUMMER, side="right")), STEP)


@pytest.mark.parametrize(
    ("people_live_in", "we_say", "hours"),
    [
        ("Europe/Berlin", "Europe/Berlin", 0),
        ("UTC", "UTC", 0),
        ("Europe/Berlin", "UTC", 1),
        ("UTC", "Europe/Berlin", -1),
    ],
)
@pytest.mark.parametrize("attack", [0.0, 5_000.0])
def test_the_rhythm_tells_its_clock_within_three_days(people_live_in, we_say, hours, attack):
    found = told(people_live_in, we_say, attack=attack)
    assert found.hours == hours
    assert SUMMER < INDEX[found.known] <= SUMMER + pd.Timedelta(days=3)


def test_the_decision_rests_on_what_came_before_it():
    whole = told("Europe/Berlin", "UTC")
    assert told("Europe/Berlin", "UTC", until=whole.known + 1) == whole


def test_the_zone_that_was_named_is_watched_beside_the_common_ones():
    index = pd.date_range("2026-09-01", "2026-10-01", freq="1h", tz="UTC")
    assert changes(index, "Pacific/Auckland") != changes(index, "UTC")
    assert SUMMER in [INDEX[place - 1] for place in changes(INDEX, "UTC")]
