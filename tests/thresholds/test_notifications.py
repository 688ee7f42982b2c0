"""Pages after grouping, against every flush taken one after the other."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from analysis.thresholds.notifications import pages

alerts = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(0, 200), st.integers(1, 40)), max_size=25)


def slow(rows, wait, interval):
    """Each group on its own clock, one flush after the other."""
    found = []
    for group in sorted({row[0] for row in rows}):
        mine = sorted(((s, s + d, m) for g, m, s, d in rows if g == group))
        seen_until = -1
        while any(s > seen_until for s, _, _ in mine):
            flush = min(s for s, _, _ in mine if s > seen_until) + wait
            before = set()
            while True:
                firing = {m for s, e, m in mine if s <= flush < e}
                found += [(group, flush)] * bool(firing - before)
                before, seen_until = firing, flush
                if not firing:
                    break
                flush += interval
    return sorted(found)


@example([(0, 0, 34, 1), (0, 1, 39, 2)], 5, 3)  # a group waits for its first flush, though all is resolved
@given(alerts, st.integers(0, 12), st.integers(1, 30))
def test_pages_are_those_of_every_flush(rows, wait, interval):
    columns = np.array(rows, dtype="int64").reshape(-1, 4).T
    settings = (np.full(len(rows), wait), np.full(len(rows), interval))
    where, when = pages(columns[0], columns[1], columns[2], columns[2] + columns[3], *settings)
    assert sorted(zip(where.tolist(), when.tolist(), strict=True)) == slow(rows, wait, interval)


def test_alerts_that_come_together_are_one_page():
    zeros = np.zeros(20, dtype="int64")
    where, when = pages(zeros, np.arange(20), zeros + 1000, zeros + 900_000, zeros + 30_000, zeros + 300_000)
    assert (where.tolist(), when.tolist()) == ([0], [31_000])
