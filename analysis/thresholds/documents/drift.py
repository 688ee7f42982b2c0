"""What ``rules drift`` prints."""

from typing import Literal

from pydantic import BaseModel, Field

from analysis.findings import SCHEMA_VERSION, Severity, Time, TimeSpan
from analysis.thresholds.documents.values import RulePlace

Verdict = Literal["fits", "too_tight", "too_loose", "drifting", "flapping", "dead", "never_evaluated", "unknown"]


class DriftMonth(BaseModel):
    """One rule in one calendar month of the time zone, as far as the window and the history reach into it."""

    month: str = Field(description="YYYY-MM")
    days: float = Field(description="days with data")
    exceedance_share: float | None = Field(description="share of the slots with data at which the condition was true")
    exceedance_minutes: float = Field(description="time for which it was true")
    alerts: int = Field(description="label sets that entered firing")
    headroom: float | None = Field(description="median over days of the distance to the threshold, in the rule's unit")
    spread: float | None = Field(description="robust standard deviation of the series nearest to the threshold")
    headroom_in_spreads: float | None = Field(description="headroom in units of that spread")


class ChangePoint(BaseModel):
    """A day on which the headroom took another level."""

    at: Time = Field(description="midnight, in the time zone, at which the new level begins")
    before: float = Field(description="median headroom of the stretch before")
    after: float = Field(description="median headroom of the stretch that begins")


class DriftTest(BaseModel):
    """Whether the days of the window differ from those before it."""

    p_value: float | None = Field(description="two-sided; null where there is too little data")
    is_shift: bool = Field(description="the shift survived the test over all rules, with the false discovery rate held")
    before: float | None = Field(description="median daily headroom before, in the rule's unit")
    now: float | None = Field(description="median daily headroom in the window")
    change: float | None = Field(description="now minus before; negative is towards the threshold")
    smallest_detectable: float | None = Field(description="smallest shift that four of five such data sets would show")
    smallest_detectable_in_spreads: float | None = Field(description="the same in units of the series' own spread")
    slope_per_day: float | None = Field(description="of the daily headroom in its last straight stretch")
    slope_since: Time | None = Field(description="first day of that stretch")
    daily_correlation: float | None = Field(description="of the headroom of one day with that of the next")
    days_before: int = Field(description="days with data before the window")
    days_now: int = Field(description="days with data in it")


class DriftVerdict(BaseModel):
    """One verdict with what it stands on."""

    verdict: Verdict
    severity: Severity
    reason: str
    reached_at: Time | None = Field(None, description="when a drifting rule starts to fire, at this pace")
    reached_early: Time | None = Field(None, description="the same at the steepest slope that the days allow (95 %)")
    reached_late: Time | None = Field(None, description="the same at the flattest slope")


class DriftRule(RulePlace):
    """Everything that is known about the drift of one rule."""

    expr: str
    verdict: Verdict = Field(description="the gravest of the verdicts")
    verdicts: list[DriftVerdict] = Field(description="the gravest first")
    headroom_of: str = Field(description="the comparison that headroom is measured on; empty without any")
    threshold: float | None = Field(
        description="number that headroom is measured to, else that of a comparison at the top"
    )
    missing_metrics: list[str] = Field(description="without these it can never fire, and nobody exposes them")
    days_of_data: float = Field(description="days of the window with data")
    days_needed: float = Field(description="days that a verdict takes, in the window and before it")
    alerts: int = Field(description="label sets that entered firing in the window")
    pages: int | None = Field(description="pages that no incident, maintenance or silence excuses; null where unknown")
    flaps: int
    firing_minutes: float
    months: list[DriftMonth]
    change_points: list[ChangePoint]
    test: DriftTest | None = Field(description="null where the rule has no threshold to measure headroom against")


class DriftDocument(BaseModel):
    """The whole result."""

    schema_version: int = SCHEMA_VERSION
    window: TimeSpan
    history: TimeSpan | None = Field(description="what the window is compared with; null where with nothing")
    timezone: str = Field(description="of days and months")
    false_discovery_rate: float
    rules: list[DriftRule]
