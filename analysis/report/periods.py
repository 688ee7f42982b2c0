"""The stretches of time that a folder of results stands for: a month, an ISO week, or a day."""

import re
from datetime import date, timedelta
from pathlib import Path
from typing import Literal

from analysis.report.shown import month_before, month_start, shown_month

Period = Literal["month", "week", "day"]
_WEEK, _DAY = re.compile(r"\d{4}-W\d{2}"), re.compile(r"\d{4}-\d{2}-\d{2}")
TITLES: dict[Period, str] = {"week": "Weekly review", "day": "Daily check"}
"""Heading of a page that is no month's; that of a month is a parameter."""


def period_of(name: str) -> Period | None:
    """What a folder's name stands for: ``2026-11``, ``2026-W48``, ``2026-11-24``; None for any other name."""
    if month_start(name):
        return "month"
    return "week" if _monday(name) else "day" if _day(name) else None


def _monday(name: str) -> date | None:
    return _date(f"{name}-1") if _WEEK.fullmatch(name) else None


def _day(name: str) -> date | None:
    return _date(name) if _DAY.fullmatch(name) else None


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def period_before(name: str) -> str:
    """The month, week or day before; the name itself where it is none of them."""
    if day := _day(name):
        return f"{day - timedelta(days=1):%Y-%m-%d}"
    if monday := _monday(name):
        return f"{monday - timedelta(days=7):%G-W%V}"
    return month_before(name)


def shown_period(name: str) -> str:
    """``October 2026``, ``Week 48 of 2026``, ``Tuesday 24 November 2026``; any other name as it is."""
    if day := _day(name):
        return f"{day:%A} {day.day} {day:%B %Y}"
    if monday := _monday(name):
        return f"Week {monday.isocalendar().week} of {monday.isocalendar().year}"
    return shown_month(name)


def period_part(folder: Path) -> str:
    """The innermost part of a path that is a period: the folder itself, or the one around an environment's."""
    return next((part for part in reversed(folder.parts) if period_of(part)), folder.name)
