"""The login review to play with: counts by a label, around an event, of one value."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from analysis.drawing import describe, figure
from analysis.findings import ReportResult
from analysis.report.figures.explore import narrowed
from analysis.report.widgets.playable import Playable
from analysis.window import zone

MARGIN = pd.Timedelta(hours=3)  # what is shown on either side of an event
ALL = ("the largest", "")


def explorer(result: ReportResult, timezone: str, *, is_live: bool = True) -> Playable:
    """Counts by the values of a label, with lists to choose the counts, the time and the value from.

    Args:
        result: of the login review.
        timezone: of the axis.
        is_live: whether there is a person at the notebook.
    """
    pairs = sorted({key[:2] for key in result.frames.get("parts", pd.DataFrame()).columns})
    first = pairs[0] if pairs else ("failures", "country")

    def draw(
        counts: tuple[str, str] = first, stretch: tuple[datetime, datetime] | None = None, value: str = ""
    ) -> Figure:
        if not pairs:
            return _nothing()
        low, high = (instant.isoformat() for instant in stretch) if stretch else ("", "")
        known = value in result.frames["parts"][counts[0]][counts[1]]
        values = (value,) if known else ()  # the list of values follows the counts a moment later
        return narrowed(result, timezone, signal=counts[0], label=counts[1], values=values, start=low, end=high)

    return Playable(draw, lambda: _controls(result, timezone, pairs), is_live=is_live and bool(pairs))


def _nothing() -> Figure:
    made, (ax,) = figure("There are no counts to narrow down", height=0.6)
    ax.set_axis_off()
    return describe(made, "There are no counts to narrow down.")


def _controls(result: ReportResult, timezone: str, pairs: list[tuple[str, str]]) -> Mapping[str, Any]:
    import ipywidgets

    parts, named = result.frames["parts"], {f"{signal} by {label}": (signal, label) for signal, label in pairs}
    counts = ipywidgets.Dropdown(options=named, description="counts")
    value = ipywidgets.Dropdown(options=[ALL], description="value")

    def offer(_: object = None) -> None:
        names = parts[counts.value[0]][counts.value[1]].columns
        value.options = [ALL, *((str(name), str(name)) for name in names)]

    counts.observe(offer, names="value")
    offer()
    stretch = ipywidgets.Dropdown(options=_stretches(result, timezone), description="time")
    return {"counts": counts, "stretch": stretch, "value": value}


def _stretches(result: ReportResult, timezone: str) -> dict[str, tuple[datetime, datetime]]:
    """The whole window, and the hours around each event."""
    window = result.document.window
    found = {"the whole window": (window.start, window.end)}
    for event in result.document.findings:
        name = f"{event.start.astimezone(zone(timezone)):%d %b %H:%M} {event.kind}"
        found[name] = (event.start - MARGIN, (event.end or window.end) + MARGIN)
    return found
