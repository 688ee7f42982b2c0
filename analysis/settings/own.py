"""Settings of a team's own report: one query, and the limit its values should keep."""

from typing import Literal

from pydantic import Field

from analysis.settings.base import Duration, ReportSettings, Step


class OwnReportSettings(ReportSettings):
    """What is asked, and from which value on it is a finding."""

    report: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="name of the report, as its notebook has it")
    expr: str = Field(min_length=1, description="PromQL; one line in the figure per series of its result")
    step: Step = Field("5m", description="distance of the values, as a Prometheus duration")
    unit: str = Field("", description="unit of the values, for the axis")
    limit: float = Field(description="values above it are findings")
    hold: Duration = Field("15m", description="how long a value stays above the limit before it is a finding")
    severity: Literal["critical", "high", "medium", "low", "info"] = Field(
        "medium", description="severity of the findings"
    )
    action: str = Field("Look at what changed.", description="what a person should do")
