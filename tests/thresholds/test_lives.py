"""Many series and many durations at once give what each gives alone."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from analysis.thresholds.lives import lives_of, runs_of

matrices = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(st.booleans(), min_size=width, max_size=width), min_size=1, max_size=40)
)


@given(matrices)
def test_runs_cover_exactly_what_is_true(rows):
    flags = np.array(rows)
    runs, seen = runs_of(flags), np.zeros_like(flags)
    for series, first, last in zip(runs.series, runs.first, runs.last, strict=True):
        assert not seen[max(first - 1, 0) : last + 2, series].any()  # runs do not touch
        seen[first : last + 1, series] = True
    assert (seen == flags).all()


@given(matrices, st.integers(0, 6), st.integers(0, 6))
def test_series_do_not_disturb_each_other(rows, for_slots, keep_slots):
    flags = np.array(rows)
    slots = np.arange(len(flags), dtype="int64") * 1000 + 7
    together = lives_of(runs_of(flags), slots, for_slots * 1000, keep_slots * 1000)
    for series in range(flags.shape[1]):
        alone = lives_of(runs_of(flags[:, series]), slots, for_slots * 1000, keep_slots * 1000)
        mine = together.series == series
        for name in ("first", "fires", "last", "firing"):
            assert (getattr(alone, name) == getattr(together, name)[mine]).all()
