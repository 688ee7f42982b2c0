"""Windows, steps, months, durations and time zones.

A window is half-open, ``[start, end)``, and UTC inside. Its stamps are the multiples of
the step since the epoch, plus a phase where a caller gives one, that lie in it.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from analysis.errors import InputError

_UNIT_MS = {
    "ms": 1,
    "s": 1_000,
    "m": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
    "w": 7 * 86_400_000,
    "y": 365 * 86_400_000,
}
_DURATION = re.compile(r"(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?")
_UNITS_IN_ORDER = ("y", "w", "d", "h", "m", "s", "ms")
READABLE_POINTS = 1000  # a screen is about as many pixels wide
USUAL_STEPS = ("15s", "30s", "1m", "2m", "5m", "10m", "15m", "30m", "1h", "2h", "6h", "12h", "1d")
LONGEST_SHOWN = 40  # characters of what somebody typed, in a message
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_duration(text: str) -> timedelta:
    """Read a Prometheus duration such as ``5m``, ``1h30m`` or ``30d``.

    Raises:
        InputError: the text is not a duration.

    Example:
        >>> parse_duration("1h30m")
        datetime.timedelta(seconds=5400)
    """
    match = _DURATION.fullmatch(text.strip())
    if text.strip() == "0":
        return timedelta()
    if not match or not any(match.groups()):
        raise InputError(f"{text!r} is not a duration; write one as Prometheus does: 30s, 5m, 1h30m, 30d")
    pairs = zip(_UNITS_IN_ORDER, match.groups(), strict=True)
    try:
        return timedelta(milliseconds=sum(_UNIT_MS[unit] * int(n or 0) for unit, n in pairs))
    except (OverflowError, ValueError):  # Python reads no whole number of more than 4,300 digits
        raise InputError(f"{_shortened(text)} is longer than any window; write a shorter duration") from None


def _shortened(text: str) -> str:
    return repr(text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…")


def format_duration(duration: timedelta) -> str:
    """Write a duration as Prometheus does; weeks and years are written as days.

    Example:
        >>> format_duration(parse_duration("90m"))
        '1h30m'
    """
    milliseconds = duration // timedelta(milliseconds=1)
    parts = []
    for unit in ("d", "h", "m", "s", "ms"):
        count, milliseconds = divmod(milliseconds, _UNIT_MS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def as_duration(value: "str | float | timedelta") -> timedelta:
    """Accept a duration as text, as seconds, or as it is."""
    if isinstance(value, timedelta):
        return value
    return parse_duration(value) if isinstance(value, str) else timedelta(seconds=value)


def readable_step(duration: timedelta) -> timedelta:
    """The smallest usual step that gives at most `READABLE_POINTS` stamps: more than a screen can show.

    Example:
        >>> format_duration(readable_step(parse_duration("30d")))
        '1h'
    """
    steps = [parse_duration(text) for text in USUAL_STEPS]
    return next((step for step in steps if duration <= READABLE_POINTS * step), steps[-1])


def parse_time(text: "str | float | datetime", now: datetime | None = None) -> datetime:
    """Read a time: RFC 3339, Unix seconds, ``now``, or relative such as ``-30d``.

    Args:
        text: what to read; a date alone means its midnight in UTC.
        now: what relative times refer to; the clock when left out.

    Raises:
        InputError: the text is none of these, or is a time without a zone.

    Example:
        >>> parse_time("-30d", now=parse_time("2026-11-01")).isoformat()
        '2026-10-02T00:00:00+00:00'
    """
    if isinstance(text, datetime):
        return _utc(text)
    if isinstance(text, int | float):
        return _from_unix(float(text))
    text = text.strip()
    if text == "now" or text.startswith("-"):
        return _ago(text[1:], now or datetime.now(UTC)) if text != "now" else now or datetime.now(UTC)
    return _absolute(text)


def _ago(text: str, now: datetime) -> datetime:
    try:
        return now - parse_duration(text)
    except OverflowError:
        raise InputError(f"{_shortened('-' + text)} lies before all calendars; write a shorter duration") from None


def _absolute(text: str) -> datetime:
    if re.fullmatch(r"\d{5,12}(\.\d+)?", text):
        return _from_unix(float(text))
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(
            f"{text!r} is not a time; write RFC 3339 (2026-10-01T00:00:00Z), Unix seconds, now, or -30d"
        ) from None
    if parsed.tzinfo is None and re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        parsed = parsed.replace(tzinfo=UTC)
    return _utc(parsed)


def _from_unix(seconds: float) -> datetime:
    try:
        return EPOCH + timedelta(milliseconds=round(seconds * 1000))
    except (OverflowError, ValueError):
        raise InputError(f"{seconds!r} is not a time: too far from now, or not a number") from None


def _utc(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise InputError(f"{instant.isoformat()} has no time zone; add Z or an offset such as +02:00")
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise InputError(f"{instant.isoformat()} is not a time: too far from now") from None


def format_time(instant: datetime) -> str:
    """RFC 3339 in UTC, with milliseconds where they are not whole seconds.

    Example:
        >>> format_time(parse_time("2026-10-01T02:00:00+02:00"))
        '2026-10-01T00:00:00Z'
    """
    instant = instant.astimezone(UTC)
    timespec = "milliseconds" if instant.microsecond >= 1000 else "seconds"
    return instant.isoformat(timespec=timespec).replace("+00:00", "Z")


def unix_ms(instant: datetime) -> int:
    """Milliseconds since the epoch."""
    return (instant - EPOCH) // timedelta(milliseconds=1)


def from_unix_ms(milliseconds: int) -> datetime:
    """The instant so many milliseconds after the epoch, in UTC."""
    return EPOCH + timedelta(milliseconds=milliseconds)


def zone(name: str) -> ZoneInfo:
    """The time zone of this IANA name.

    Raises:
        InputError: there is no such zone.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, IsADirectoryError):
        raise InputError(f"{name!r} is not a time zone; write an IANA name such as Europe/Berlin or UTC") from None


@dataclass(frozen=True)
class Window:
    """The half-open stretch of time ``[start, end)``, both in UTC."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        """Refuse an empty or reversed window."""
        if not self.start < self.end:
            raise InputError(
                f"the window is empty: start {format_time(self.start)} is not before end {format_time(self.end)}"
            )

    @property
    def duration(self) -> timedelta:
        """How long it is."""
        return self.end - self.start

    def stamp_bounds_ms(self, step: timedelta, phase: timedelta = timedelta()) -> tuple[int, int]:
        """First stamp in the window and first stamp past it, in Unix milliseconds.

        Both are equal where no stamp lies in the window.
        """
        step_ms, phase_ms = step // timedelta(milliseconds=1), phase // timedelta(milliseconds=1)
        if step_ms <= 0:
            raise InputError("the step must be at least 1ms")

        def at_or_after(instant: datetime) -> int:
            since_ms = -((EPOCH - instant) // timedelta(milliseconds=1))  # rounded up
            return phase_ms - (phase_ms - since_ms) // step_ms * step_ms

        return at_or_after(self.start), at_or_after(self.end)

    def split(self, longest: timedelta) -> "list[Window]":
        """Cut into windows no longer than `longest`, edges neither lost nor doubled."""
        edges, edge = [], self.start
        while edge < self.end:
            edges.append(edge)
            edge += longest
        return [Window(a, b) for a, b in zip(edges, [*edges[1:], self.end], strict=True)]


def month_window(month: str, timezone: str = "UTC") -> Window:
    """The calendar month ``YYYY-MM`` in a time zone.

    Raises:
        InputError: not a month, or no such time zone.

    Example:
        >>> month_window("2026-10", "Europe/Berlin").start.isoformat()
        '2026-09-30T22:00:00+00:00'
    """
    match = re.fullmatch(r"(\d{4})-(0[1-9]|1[0-2])", month)
    if not match or not 1970 <= int(match[1]) <= 9998:
        raise InputError(f"{month!r} is not a month; write YYYY-MM, for example 2026-10")
    year, number = int(match[1]), int(match[2])
    tz = zone(timezone)
    start = datetime(year, number, 1, tzinfo=tz)
    end = datetime(year + number // 12, number % 12 + 1, 1, tzinfo=tz)
    return Window(start.astimezone(UTC), end.astimezone(UTC))
