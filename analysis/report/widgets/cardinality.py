"""The cardinality review to play with: drag the limit, and see when it is reached."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from analysis.findings import ReportResult
from analysis.report.figures.cardinality import total
from analysis.report.figures.limits import LEVEL, limit_of, limited
from analysis.report.widgets.playable import Playable

ABOVE = 10.0  # how many times the largest count, or the limit under review, the slider reaches
STEPS = 80  # of the slider


def explorer(result: ReportResult, timezone: str, *, is_live: bool = True) -> Playable:
    """When a limit of series is reached, with sliders for the limit and for how sure one wants to be.

    Where nobody can move them it is the picture of the review itself.

    Args:
        result: of the cardinality review.
        timezone: of the axis and of the dates.
        is_live: whether there is a person at the notebook.
    """
    has_data = "total" in result.frames and bool(result.frames["total"]["series"].notna().any())

    def draw(limit: float | None = None, level: float | None = None) -> Any:
        if limit is None and has_data:
            return total(result, timezone)
        return limited(result, timezone, limit=limit, level=level)

    return Playable(draw, lambda: _controls(result), is_live=is_live and has_data)


def _controls(result: ReportResult) -> Mapping[str, Any]:
    import ipywidgets

    largest, limit = float(result.frames["total"]["series"].max()), limit_of(result)
    level = (result.document.model_extra or {}).get("forecast", {}).get("level") or LEVEL
    wide = ipywidgets.Layout(width="46em")
    return {
        "limit": ipywidgets.SelectionSlider(
            options=[(f"{value:,.0f}", value) for value in round_limits(largest, limit)],
            value=limit,
            description="limit",
            layout=wide,
        ),
        "level": ipywidgets.FloatSlider(
            level, min=0.5, max=0.95, step=0.05, description="interval", readout_format=".0%", layout=wide
        ),
    }


def round_limits(largest: float, limit: float) -> list[float]:
    """Limits of two digits from the largest count on, evenly apart on a logarithmic scale, and the one under review."""
    spaced = np.geomspace(max(largest, 1.0), ABOVE * max(largest, limit, 1.0), STEPS)
    return sorted({limit, *(float(f"{value:.1e}") for value in spaced)})
