from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.errors import InputError
from analysis.window import (
    EPOCH,
    Window,
    format_duration,
    format_time,
    month_window,
    parse_duration,
    parse_time,
    readable_step,
    unix_ms,
)

instants = st.integers(0, 4_000_000_000_000).map(lambda ms: EPOCH + timedelta(milliseconds=ms))
steps = st.integers(1, 90_000_000).map(lambda ms: timedelta(milliseconds=ms))


@given(steps)
def test_durations_survive_writing_and_reading(duration):
    assert parse_duration(format_duration(duration)) == duration


@pytest.mark.parametrize("text", ["", "5", "m5", "5x", "-5m", "5m1h", "1.5h"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(InputError, match="duration"):
        parse_duration(text)


@given(instants, steps, steps, st.integers(0, 1000))
def test_stamps_are_the_multiples_of_the_step_that_lie_in_the_window(start, length, step, phase_ms):
    phase = timedelta(milliseconds=phase_ms)
    first, past = Window(start, start + length).stamp_bounds_ms(step, phase)
    step_ms = step // timedelta(milliseconds=1)
    assert (first - phase_ms) % step_ms == 0
    assert (past - first) % step_ms == 0
    assert first - step_ms < unix_ms(start) <= first
    assert past - step_ms < unix_ms(start + length) <= past


@given(instants, steps, steps)
def test_splitting_neither_loses_nor_doubles_an_edge(start, length, longest):
    longest = max(longest, length / 50)
    pieces = Window(start, start + length).split(longest)
    assert pieces[0].start == start
    assert pieces[-1].end == start + length
    assert all(a.end == b.start for a, b in pairwise(pieces))
    assert all(piece.duration <= longest for piece in pieces)


@pytest.mark.parametrize(
    ("month", "timezone", "hours"),
    [
        ("2026-10", "UTC", 744),
        ("2026-10", "Europe/Berlin", 745),  # the clock goes back
        ("2026-03", "Europe/Berlin", 743),  # and forward
        ("2024-02", "UTC", 29 * 24),
        ("2026-02", "America/New_York", 28 * 24),
        ("2025-12", "Asia/Kolkata", 744),
    ],
)
def test_a_month_is_a_calendar_month_in_its_zone(month, timezone, hours):
    assert month_window(month, timezone).duration == timedelta(hours=hours)


@pytest.mark.parametrize("month", ["2026-13", "2026-1", "26-10", "2026-10-01", "", "9999-12"])
def test_what_is_no_month_is_refused(month):
    with pytest.raises(InputError, match="month"):
        month_window(month)


def test_times_are_read_as_rfc3339_unix_and_relative():
    now = datetime(2026, 11, 1, tzinfo=UTC)
    assert parse_time("now", now) == now
    assert parse_time("-30d", now) == now - timedelta(days=30)
    assert parse_time("2026-10-01T02:00:00+02:00") == datetime(2026, 10, 1, tzinfo=UTC)
    assert parse_time("1790805600.25") == parse_time(1790805600.25)
    assert format_time(parse_time(1790805600.25)).endswith(".250Z")
    with pytest.raises(InputError, match="time zone"):
        parse_time("2026-10-01T02:00:00")
    with pytest.raises(InputError, match="not a time"):
        parse_time("yesterday")


def test_an_empty_window_is_refused():
    with pytest.raises(InputError, match="empty"):
        Window(EPOCH, EPOCH)


@pytest.mark.parametrize(("duration", "step"), [("1m", "15s"), ("6h", "30s"), ("30d", "1h"), ("10y", "1d")])
def test_a_step_that_can_be_read_gives_a_screen_of_points(duration, step):
    assert readable_step(parse_duration(duration)) == parse_duration(step)
