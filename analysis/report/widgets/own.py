"""A team's own report to play with: drag the limit, and see how often the values would stay above it."""

from collections.abc import Mapping
from typing import Any

from analysis.findings import ReportResult
from analysis.report.figures.own import values
from analysis.report.widgets.playable import Playable
from analysis.settings.own import OwnReportSettings

STEPS = 200  # of the slider


def explorer(result: ReportResult, settings: OwnReportSettings, *, is_live: bool = True) -> Playable:
    """The values with a slider for the limit.

    Args:
        result: of the report.
        settings: of the report.
        is_live: whether there is a person at the notebook.
    """
    has_data = bool(result.frames["values"].notna().to_numpy().any())

    def draw(limit: float | None = None) -> Any:
        return values(result, settings, limit=limit)

    return Playable(draw, lambda: _controls(result, settings), is_live=is_live and has_data)


def _controls(result: ReportResult, settings: OwnReportSettings) -> Mapping[str, Any]:
    import ipywidgets

    frame = result.frames["values"]
    low, high = min(float(frame.min().min()), settings.limit), max(float(frame.max().max()), settings.limit)
    wide, step = ipywidgets.Layout(width="46em"), (high - low) / STEPS or 1.0
    slider = ipywidgets.FloatSlider(
        settings.limit, min=low, max=high + step, step=step, description="limit", readout_format=".4g", layout=wide
    )
    return {"limit": slider}
