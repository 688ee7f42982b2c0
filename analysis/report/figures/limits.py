"""Another limit than the one under review: when would the series reach it?"""

from typing import Any
from zoneinfo import ZoneInfo

from matplotlib.figure import Figure

from analysis.drawing import describe, figure
from analysis.findings import ReportResult
from analysis.report.figures.cardinality import draw_total
from analysis.report.shown import shown_day
from analysis.series.forecast import Forecast, forecast

LEVEL = 0.8  # share of cases that the interval covers, where the review says none


def limit_of(result: ReportResult) -> float:
    """The limit under review; twice the largest count where there is none."""
    known = (result.document.model_extra or {}).get("forecast", {}).get("limit")
    return float(known or 2 * result.frames["total"]["series"].max())


def limited(result: ReportResult, timezone: str, *, limit: float | None = None, level: float | None = None) -> Figure:
    """All series over time, and when they reach a limit.

    Args:
        result: of the cardinality review.
        timezone: of the axis and of the dates.
        limit: series; that of the review when None.
        level: share of cases that the interval of the date covers; that of the review when None.
    """
    if "total" not in result.frames or not result.frames["total"]["series"].notna().any():
        made, (ax,) = figure("No series in this window", height=0.6)
        ax.set_axis_off()
        return describe(made, "No series in this window, so no limit can be tried.")
    told: dict[str, Any] = (result.document.model_extra or {}).get("forecast", {})
    limit, level = limit or limit_of(result), level or told.get("level") or LEVEL
    found = forecast(result.frames["total"]["series"], limit, level)
    row = {"limit": limit, "level": level, "reached_at": found.reached_at, "trend": found.trend}
    said = _said(found, limit, ZoneInfo(timezone))
    return describe(draw_total(result, timezone, said, row | {"interval": [found.early, found.late]}), said)


def _said(found: Forecast, limit: float, zone: ZoneInfo) -> str:
    series = f"{limit:,.0f} series"
    if found.reason == "too_little_data":
        return f"Too little data to say when {series} are reached"
    if found.reason == "already_reached":
        return f"{series} are reached already"
    if found.reached_at is None:
        return f"{series} are not reached within two years"
    early, late = (shown_day(edge, zone) if edge else "later than in two years" for edge in (found.early, found.late))
    return f"{series} are reached on {shown_day(found.reached_at, zone)} ({found.level:.0%}: {early} to {late})"
