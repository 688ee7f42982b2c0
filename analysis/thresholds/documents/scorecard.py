"""The scorecard: decisions, what was predicted of them, and what happened."""

from datetime import date
from typing import Literal

from pydantic import BaseModel, Field

from analysis.findings import Time
from analysis.thresholds.documents.values import RulePlace, RuleValues

ScorecardOutcome = Literal[
    "as_predicted", "more", "fewer", "not_applied", "other_values", "too_early", "not_predicted", "unknown"
]


class Predicted(BaseModel):
    """What was expected of a rule when a decision was taken."""

    before: RuleValues | None = Field(None, description="values of the rule then")
    made_for: RuleValues = Field(description="values that the prediction was made for")
    alerts_per_month: float = Field(description="expected alerts in 30 days")
    level: float = Field(description="how often the interval holds")
    by_days: dict[int, tuple[int, int]] = Field(description="interval of stretches of so many days")
    interval: tuple[int, int] | None = Field(None, description="interval of the days that were judged")
    reached_at: Time | None = Field(None, description="when a drifting rule was to reach its threshold")

    def expected(self) -> str:
        """The interval, for a sentence."""
        return f"{self.interval[0]} to {self.interval[1]}" if self.interval else "unknown"


class Happened(BaseModel):
    """What a rule did since."""

    since: Time = Field(description="day after the decision, or start of the window")
    days: float = Field(description="days with data since")
    alerts: int = Field(description="label sets that entered firing")
    source: Literal["history", "replay"] = Field(description="who counted: the server's own ALERTS, or a replay")
    replayed: int | None = Field(description="alerts that the rule as it stands would have had all the time")
    now: RuleValues = Field(description="values of the rule now")
    first_alert_at: Time | None = Field(None, description="when the first of the alerts entered firing")


class ScorecardEntry(RulePlace):
    """One accepted decision: what was predicted, and what happened."""

    id: str = Field(description="id of the finding that was decided on")
    title: str = Field(description="its title then")
    decided_at: date
    why: str
    predicted: Predicted | None
    happened: Happened | None
    outcome: ScorecardOutcome
    reason: str = Field(description="in words")
