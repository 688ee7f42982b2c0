"""The shape of a day: flat where it is flat, sharp where it is sharp, and no odd day in it."""

import numpy as np

from analysis.series.rhythm import typical_day

SLOTS = 96
OWN = np.arange(25) % 5 == 0


def shapes(mean, seed=1):
    """Counts of 25 working days, five of them of the weekday that is asked for, and what is made of them."""
    rows = np.random.default_rng(seed).poisson(np.broadcast_to(mean, (len(OWN), SLOTS)))[:, :, None].astype("float64")
    return rows, lambda given: typical_day(given, OWN, np.ones(1), np.zeros(1, dtype=bool))[:, 0]


def test_a_flat_rhythm_becomes_flat():
    rows, made = shapes(np.full(SLOTS, 30.0))
    error = np.sqrt(30.0 / OWN.sum())  # of a mean over the weekday alone
    assert np.abs(made(rows) - 30).max() < 2 * error
    assert np.std(made(rows)) < error / 3


def test_a_nightly_job_keeps_its_edges():
    mean = np.full(SLOTS, 30.0)
    mean[8:10] = 240.0
    rows, made = shapes(mean)
    np.testing.assert_allclose(made(rows)[8:10], 240, rtol=0.05)
    assert made(rows)[[6, 7, 10, 11]].max() < 40


def test_what_one_weekday_has_of_its_own_stays_with_it():
    mean = np.full((len(OWN), SLOTS), 30.0)
    mean[OWN, 40:48] = 120.0
    rows, made = shapes(mean)
    np.testing.assert_allclose(made(rows)[41:47], 120, rtol=0.1)


def test_an_attack_of_one_past_day_does_not_show():
    rows, made = shapes(np.full(SLOTS, 30.0))
    attacked = rows.copy()
    attacked[20, 50:60] *= 10
    assert np.abs(made(attacked) - made(rows)).max() < 4


def test_what_was_never_seen_is_not_known():
    rows, made = shapes(np.full(SLOTS, 30.0))
    rows[:, 5] = np.nan
    assert list(np.flatnonzero(np.isnan(made(rows)))) == [5]
