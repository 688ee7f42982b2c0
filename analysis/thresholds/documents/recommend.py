"""What ``rules recommend`` prints, and what stands under ``recommendations`` in the report's findings."""

from pydantic import BaseModel, Field

from analysis.findings import SCHEMA_VERSION, TimeSpan
from analysis.thresholds.documents.drift import Verdict
from analysis.thresholds.documents.values import RulePlace, RuleValues


class PagesPerMonth(BaseModel):
    """Over everything seen, the months before and the window, per 30 days."""

    current: float | None = Field(description="with today's values; null where the rule was not replayed")
    recommended: float | None = Field(description="with the recommended ones; null where there are none")


class AlertsPerMonth(PagesPerMonth):
    """The same for alerts, with what is expected of the coming 30 days."""

    interval: tuple[int, int] | None = Field(description="of the recommended values, of today's where there are none")
    level: float | None = Field(description="how often the interval holds")
    limits: str | None = Field(None, description="what the interval cannot know; null where it rests on what was seen")


class Expected(BaseModel):
    """How loud the rule is, and would be."""

    alerts_per_month: AlertsPerMonth
    pages_per_month: PagesPerMonth


class HeldOut(BaseModel):
    """The window: a month that the recommendation was not fitted on."""

    month: str = Field(description="YYYY-MM, the month that most of the window lies in")
    alerts_current: int
    alerts_recommended: int | None
    pages_current: int
    pages_recommended: int | None
    incidents: int = Field(description="labelled incidents that name this alert")
    missed: int = Field(description="of these, missed or caught too late, by the recommended values if there are any")


class RecommendRule(RulePlace):
    """The recommendation for one rule."""

    expr: str
    verdict: Verdict
    current: RuleValues
    recommended: RuleValues | None = Field(description="null where nothing better is known; `reason` says why")
    expected: Expected
    held_out: HeldOut | None = Field(description="null where the rule was not replayed")
    recall: float | None = Field(description="share of labelled incidents that today's values caught; null: unknown")
    reason: str


class RecommendDocument(BaseModel):
    """The whole result."""

    schema_version: int = SCHEMA_VERSION
    window: TimeSpan
    budget_pages_per_week: float
    rules: list[RecommendRule]
