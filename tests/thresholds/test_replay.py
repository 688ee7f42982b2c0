"""The quick state machine against a slow one written straight after alerting.go."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from analysis.thresholds.replay import replay

INTERVAL = 1000


def slow(slots, present, evaluated, for_ms, keep_ms):
    """One slot after the other, as Prometheus does it."""
    active_at = since = None
    state = None
    written = {}
    for slot, here, there in zip(slots, present, evaluated, strict=True):
        if not there:
            continue
        keep = False
        if here:
            since = None
            if state is None:
                state, active_at = "pending", slot
        elif state is not None:
            if state == "firing" and keep_ms:
                since = slot if since is None else since
                keep = slot - since < keep_ms
            if not keep:
                state, since = None, None
                continue
        else:
            continue
        if state == "pending" and slot - active_at >= for_ms:
            state = "firing"
        written[slot] = (state, active_at)
    return written


flags = st.lists(st.booleans(), min_size=1, max_size=60)
durations = st.integers(0, 9).map(lambda n: n * 500)


@given(flags, st.randoms(use_true_random=False), durations, durations)
def test_every_written_sample_is_the_same(present, random, for_ms, keep_ms):
    evaluated = [random.random() > 0.15 for _ in present]
    slots = np.arange(len(present), dtype="int64") * INTERVAL
    intervals = replay(slots, np.array(present), np.array(evaluated), for_ms, keep_ms)
    written = {slot: (i.state, i.active_at_ms) for i in intervals for slot in range(i.start_ms, i.end_ms + 1, INTERVAL)}
    assert written == slow(slots.tolist(), present, evaluated, for_ms, keep_ms)


def test_a_known_start_makes_an_alert_fire_at_once():
    slots = np.arange(5, dtype="int64") * INTERVAL
    everywhere = np.ones(5, dtype=bool)
    [interval] = replay(slots, everywhere, everywhere, 3000, 0, known_active_at_ms=-10_000)
    assert (interval.state, interval.active_at_ms, interval.start_ms) == ("firing", -10_000, 0)
