"""A team's own report to play with: drag the limit, and see how often the values would stay above it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.findings import ReportResult
from analysis.report.figures.own import values
from analysis.report.widgets.playable import Playable
from analysis.settings.own import OwnReportSettings

STEPS = 100  # of the slider


def explorer(result: ReportResult, settings: OwnReportSettings, *, is_live: bool = True) -> Playable:
    """The values with a slider for the limit.

    Args:
        result: of the report.
        settings: of the report.
        is_live: whether there is a person at the notebook.
    """
    has_data = len(_finite(result)) > 0

    def draw(limit: float | None = None) -> Any:
        return values(result, settings, limit=limit)

    return Playable(draw, lambda: _controls(result, settings), is_live=is_live and has_data)


def _controls(result: ReportResult, settings: OwnReportSettings) -> Mapping[str, Any]:
    import ipywidgets

    values_seen = _finite(result)
    spaced = np.linspace(values_seen.min(), values_seen.max(), STEPS)
    limits = sorted({settings.limit, *(float(f"{value:.2e}") for value in spaced)})
    slider = ipywidgets.SelectionSlider(
        options=[(f"{value:,.6g}", value) for value in limits],
        value=settings.limit,
        description="limit",
        layout=ipywidgets.Layout(width="46em"),
    )
    return {"limit": slider}


def _finite(result: ReportResult) -> NDArray[np.float64]:
    """Every value that a limit can be set beside: a share of nothing is infinite."""
    values_seen = result.frames["values"].to_numpy(dtype="float64").ravel()
    return values_seen[np.isfinite(values_seen)]
