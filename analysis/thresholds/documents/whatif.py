"""What ``rules whatif`` prints."""

from pydantic import BaseModel, Field

from analysis.findings import SCHEMA_VERSION, TimeSpan
from analysis.thresholds.documents.values import RulePlace, RuleValues


class Combination(RuleValues):
    """One combination of values, and what it would have done in the window; a month has 30 days."""

    alerts: int = Field(description="label sets that entered firing")
    alerts_per_month: float
    pages: int = Field(description="notifications after Alertmanager's grouping, without repetitions and resolutions")
    pages_per_month: float
    noise_pages: int = Field(description="pages that no incident, maintenance or silence excuses")
    noise_pages_per_month: float
    firing_minutes: float
    pages_outside_working_hours: int
    flaps: int = Field(description="fire, resolve, fire again within the flap gap")
    flaps_threshold: int = Field(description="of these, because the value crossed the threshold again")
    flaps_no_data: int = Field(description="of these, because the series had no sample in between")
    flaps_label_churn: int = Field(description="of these, because another label set took over")
    near_misses: int = Field(description="pending, but never firing")
    incidents: int = Field(description="labelled incidents that name this alert")
    incidents_caught: int = Field(description="of these, caught in time")
    latest_seconds: float | None = Field(description="how late the latest of them was caught; null where none was")


class Approximate(BaseModel):
    """What could not be reproduced."""

    removed: list[str] = Field(description="rule labels that are templates, left out of the identity of alerts")
    reason: str


class WhatIfRule(RulePlace):
    """Every combination of one rule."""

    expr: str
    numbers: list[str] = Field(description="the comparisons whose numbers can be varied, in the order of the text")
    current: RuleValues
    days_of_data: float = Field(description="days of the window in which the rule had anything to judge")
    approximate: Approximate | None
    recall: str = Field(description="whether recall is measured or unknown")
    combinations: list[Combination]


class SkippedRule(RulePlace):
    """A rule that could not be evaluated."""

    reason: str


class WhatIfDocument(BaseModel):
    """The whole result."""

    schema_version: int = SCHEMA_VERSION
    window: TimeSpan
    rules: list[WhatIfRule]
    skipped: list[SkippedRule]
