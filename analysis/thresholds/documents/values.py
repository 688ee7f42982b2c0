"""Where a rule stands and what can be tuned about it, as every document says it."""

from pydantic import BaseModel, ConfigDict, Field


class RulePlace(BaseModel):
    """Where a rule stands."""

    file: str = Field(description="rule file, as the server or the command line names it")
    group: str = Field(description="name of its group")
    rule: int | None = Field(description="place in its group; null where the rule is gone")
    alert: str = Field(description="name of its alert")


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
