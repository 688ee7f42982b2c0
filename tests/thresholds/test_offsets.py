"""What a cut ActiveAt and the stamps of samples say of a group's query offset."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from analysis.thresholds.collect import Grid
from analysis.thresholds.offsets import SECOND, offset_of

MILLISECOND = timedelta(milliseconds=1)


def seen(slot_ms: int, offset_ms: int, interval_ms: int) -> tuple[timedelta, Grid]:
    """What the server shows of an alert that begins at a slot."""
    stamp = slot_ms - offset_ms
    ahead = (slot_ms // 1000 * 1000 - stamp) * MILLISECOND
    return ahead, Grid(interval_ms * MILLISECOND, stamp % interval_ms * MILLISECOND, "history")


@given(st.integers(10**12, 2 * 10**12), st.integers(0, 600), st.integers(1, 300))
def test_whole_seconds_need_no_phase(slot_ms, offset_seconds, interval_seconds):
    ahead, stamped = seen(slot_ms, offset_seconds * 1000, interval_seconds * 1000)
    assert offset_of(ahead, stamped, []) == offset_seconds * SECOND


@given(st.integers(10**12, 2 * 10**12), st.integers(0, 600_000), st.integers(2_000, 300_000))
def test_with_the_phase_it_is_exact(slot_ms, offset_ms, interval_ms):
    ahead, stamped = seen(slot_ms, offset_ms, interval_ms)
    phase = slot_ms % interval_ms * MILLISECOND
    assert offset_of(ahead, stamped, [phase]) == offset_ms * MILLISECOND
