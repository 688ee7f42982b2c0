"""The cardinality review to play with: drag the limit, and see when it is reached."""

import math
from collections.abc import Mapping
from typing import Any

from analysis.findings import ReportResult
from analysis.report.figures.limits import LEVEL, limit_of, limited
from analysis.report.widgets.playable import Playable

ABOVE = 10.0  # how many times the largest count, or the limit under review, the slider reaches


def explorer(result: ReportResult, timezone: str, *, is_live: bool = True) -> Playable:
    """When a limit of series is reached, with sliders for the limit and for how sure one wants to be.

    Args:
        result: of the cardinality review.
        timezone: of the axis and of the dates.
        is_live: whether there is a person at the notebook.
    """
    has_data = "total" in result.frames and bool(result.frames["total"]["series"].notna().any())

    def draw(limit: float | None = None, level: float | None = None) -> Any:
        return limited(result, timezone, limit=limit, level=level)

    return Playable(draw, lambda: _controls(result), is_live=is_live and has_data)


def _controls(result: ReportResult) -> Mapping[str, Any]:
    import ipywidgets

    largest, limit, wide = (
        float(result.frames["total"]["series"].max()),
        limit_of(result),
        ipywidgets.Layout(width="46em"),
    )
    low, high = math.log10(max(largest, 1.0)), math.log10(ABOVE * max(largest, limit))
    level = (result.document.model_extra or {}).get("forecast", {}).get("level") or LEVEL
    return {
        "limit": ipywidgets.FloatLogSlider(
            limit, min=low, max=high, step=0.01, description="limit", readout_format=",.0f", layout=wide
        ),
        "level": ipywidgets.FloatSlider(
            level, min=0.5, max=0.95, step=0.05, description="interval", readout_format=".0%", layout=wide
        ),
    }
