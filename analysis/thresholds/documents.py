"""What the threshold commands print, as types: one declaration is the check, the JSON and its schema."""

from collections.abc import Mapping
from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from analysis.findings import Time

ScorecardOutcome = Literal[
    "as_predicted", "more", "fewer", "not_applied", "other_values", "too_early", "not_predicted", "unknown"
]


class RuleValues(BaseModel):
    """The values of a rule that can be tuned."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    threshold: float | list[float] | None = Field(
        description="number that it compares with, a list in the order of the text where there are several"
    )
    for_: str = Field(alias="for", description="Prometheus duration")
    keep_firing_for: str = Field(description="Prometheus duration")

    def numbers(self) -> list[float]:
        """Its thresholds, none where it compares with no number."""
        if isinstance(self.threshold, list):
            return self.threshold
        return [] if self.threshold is None else [self.threshold]

    def shown(self) -> str:
        """For a sentence."""
        parts = [" and ".join(f"{number:g}" for number in self.numbers()), f"for {self.for_}"]
        if self.keep_firing_for != "0s":
            parts.append(f"keep_firing_for {self.keep_firing_for}")
        return ", ".join(part for part in parts if part)


class Predicted(BaseModel):
    """What was expected of a rule when a decision was taken."""

    before: RuleValues | None = Field(None, description="values of the rule then")
    made_for: RuleValues = Field(description="values that the prediction was made for")
    alerts_per_month: float = Field(description="expected alerts in 30 days")
    level: float = Field(description="how often the interval holds")
    by_days: Mapping[int, tuple[int, int]] = Field(description="interval of stretches of so many days")
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


class ScorecardEntry(BaseModel):
    """One accepted decision: what was predicted, and what happened."""

    id: str = Field(description="id of the finding that was decided on")
    title: str = Field(description="its title then")
    decided_at: date
    why: str
    file: str
    group: str
    rule: int | None = Field(description="place in its group; null where the rule is gone")
    alert: str
    predicted: Predicted | None
    happened: Happened | None
    outcome: ScorecardOutcome
    reason: str = Field(description="in words")
