"""The threshold review to play with: drag a threshold or the edges of time, and see how often a rule would fire."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from analysis.findings import ReportResult
from analysis.report.figures.alternatives import alerts_to_try, alternative, rules_to_try
from analysis.report.widgets.playable import Playable
from analysis.settings.thresholds import ThresholdDriftSettings
from analysis.window import Window

SHOWN_ALERTS = 200  # a longer list nobody reads
ALL = ("all of its alerts", "")


def explorer(result: ReportResult, settings: ThresholdDriftSettings, *, is_live: bool = True) -> Playable:
    """Alerts per month of a rule, with a slider for its threshold, one for the time, and lists of rules and alerts.

    Args:
        result: of the threshold review.
        settings: of the threshold review.
        is_live: whether there is a person at the notebook.
    """
    names = rules_to_try(result)

    def draw(
        name: str = "",
        threshold: float | None = None,
        stretch: tuple[datetime, datetime] | None = None,
        alert: str = "",
    ) -> Figure:
        start, end = stretch or ("", "")
        known = alert in alerts_to_try(result, name or names[0]) if names else False
        mine = alert if known else ""  # the list of alerts follows the rule a moment later
        return alternative(result, settings, name=name, threshold=threshold, alert=mine, start=start, end=end)

    return Playable(draw, lambda: _controls(result, settings, names), is_live=is_live and bool(names))


def _controls(result: ReportResult, settings: ThresholdDriftSettings, names: list[str]) -> Mapping[str, Any]:
    import ipywidgets

    wide = ipywidgets.Layout(width="46em")
    name = ipywidgets.Dropdown(options=names, description="rule", layout=wide)
    threshold = ipywidgets.SelectionSlider(options=[""], description="threshold", layout=wide)
    alert = ipywidgets.Dropdown(options=[ALL], description="alert", layout=wide)

    def offer(_: object = None) -> None:
        options, today = _thresholds(result, name.value)
        threshold.options = options
        threshold.value = today
        alert.options = [ALL, *((text, text) for text in alerts_to_try(result, name.value)[:SHOWN_ALERTS] if text)]

    name.observe(offer, names="value")
    offer()
    days = _days(settings, Window(result.document.window.start, result.document.window.end))
    stretch = ipywidgets.SelectionRangeSlider(
        options=days, index=(0, len(days) - 1), description="time", continuous_update=False, layout=wide
    )
    return {"name": name, "threshold": threshold, "stretch": stretch, "alert": alert}


def _thresholds(result: ReportResult, name: str) -> tuple[list[tuple[str, float]], float]:
    """The thresholds that were tried, as a slider names them, and the one nearest to today's."""
    curves, marks = result.frames["whatif"], result.frames["choices"].set_index("name")
    values = [float(value) for value in curves.loc[curves["name"] == name, "threshold"]]
    today = float(marks.loc[name, "today"])
    named = [(f"{value:g} (today)" if value == today else f"{value:g}", value) for value in values]
    return named, min(values, key=lambda value: abs(value - today))


def _days(settings: ThresholdDriftSettings, window: Window) -> list[tuple[str, datetime]]:
    """Midnights in the reader's zone between which a stretch may lie, and the edges."""
    whole = settings.history(window)
    low, high = (pd.Timestamp(edge).tz_convert(settings.timezone) for edge in (whole.start, whole.end))
    inner = [day for day in pd.date_range(low.normalize(), high, freq="D") if low < day < high]
    return [(f"{edge:%d %b}", edge.to_pydatetime()) for edge in (low, *inner, high)]
