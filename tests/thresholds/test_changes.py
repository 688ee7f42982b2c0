"""Change points of daily headroom: steps and bends, not slopes and not the habits of a week."""

import numpy as np
import pandas as pd
import pytest

from analysis.thresholds.months import changes_of

INDEX = pd.date_range("2026-06-01", periods=92, freq="D", tz="UTC")
DAY = np.arange(92)
SHAPES = {
    "level": (0.0 * DAY, []),
    "slope": (-0.3 * DAY, []),
    "step": (6.0 * (DAY >= 50), [50]),
    "two steps": (6.0 * (DAY >= 30) - 6.0 * (DAY >= 60), [30, 60]),
    "bend": (-0.8 * np.maximum(0, DAY - 45), [45]),
    "step on a slope": (-0.15 * DAY - 6.0 * (DAY >= 40), [40]),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_changes_are_those_that_were_made(shape):
    course, places = SHAPES[shape]
    noise = np.random.default_rng(11).normal(0, 1, len(DAY))
    weekend = np.where(INDEX.day_of_week >= 5, 3.0, 0.0)
    found = changes_of(pd.Series(40 + course + noise + weekend, INDEX), 0.1)
    assert len(found) == len(places)
    for change, place in zip(found, places, strict=True):
        assert abs(change.at - INDEX[place]) <= pd.Timedelta(days=3)


def test_what_comes_every_week_is_no_change():
    busy = (INDEX.day_of_week < 5) & (np.random.default_rng(5).random(len(DAY)) < 0.5)
    assert changes_of(pd.Series(np.where(busy, 1.0, 2.0), INDEX), 0.1) == []


def test_a_step_without_noise_is_a_change():
    [change] = changes_of(pd.Series(np.where(DAY < 40, 5.0, 8.0), INDEX), 0.0)
    assert (change.at, change.before, change.after) == (INDEX[40], 5.0, 8.0)
