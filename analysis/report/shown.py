"""Times, numbers and spans as a person reads them on a page."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo


def shown_time(instant: datetime, zone: ZoneInfo) -> str:
    """Day and minute in the reader's zone."""
    return f"{instant.astimezone(zone):%a %d %b %Y %H:%M}"


def shown_day(instant: datetime, zone: ZoneInfo) -> str:
    """The day in the reader's zone."""
    return f"{instant.astimezone(zone):%d %b %Y}"


def shown_span(start: datetime, end: datetime | None, zone: ZoneInfo) -> str:
    """A stretch of time; the day is said once where both ends share it."""
    if end is None:
        return f"since {shown_time(start, zone)}"
    if start.astimezone(zone).date() == end.astimezone(zone).date():
        return f"{shown_time(start, zone)} – {end.astimezone(zone):%H:%M}"
    return f"{shown_time(start, zone)} – {shown_time(end, zone)}"


def shown_number(value: Any) -> str:
    """A number with the digits that a reader needs; anything else as it is."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.3g}"


def shown_length(seconds: float) -> str:
    """A length of time in the two largest units that it has: ``14 d 8 h``."""
    if not math.isfinite(seconds):
        return "unknown"
    parts, left = [], abs(seconds)
    for name, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        count, left = divmod(left, size)
        parts += [f"{count:,.0f} {name}"] if count else []
    parts += [f"{left:.3g} s"] if left and len(parts) < 2 else []
    return ("-" if seconds < 0 else "") + (" ".join(parts[:2]) or "0 s")


def shown_share(share: float | None) -> str:
    """A share of the window in percent: 100% is said of the whole alone, 0% of nothing alone."""
    if share is None:
        return "unknown"
    if 0.999 < share < 1:
        return "over 99.9%"
    return "under 0.1%" if 0 < share < 0.001 else f"{share * 100:.3g}%"


def shown_month(folder: str) -> str:
    """``2026-10`` as ``October 2026``; any other name of a folder as it is."""
    return f"{month_start(folder):%B %Y}" if is_month(folder) else folder


def is_month(text: str) -> bool:
    """Whether a folder's name is a calendar month."""
    return month_start(text) is not None


def month_start(text: str) -> datetime | None:
    """The first day of a month ``YYYY-MM``; None where the text is no month."""
    try:
        return datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC) if len(text) == 7 else None
    except ValueError:
        return None


def month_before(text: str) -> str:
    """The month before ``YYYY-MM``."""
    first = month_start(text)
    return (first - timedelta(days=1)).strftime("%Y-%m") if first else text
