"""Decisions of the meeting, in ``params/decisions.yaml``: accepted, rejected, or muted until a day, and why."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from analysis.errors import ParameterError

FILE = Path("params/decisions.yaml")
DUE_DAYS = 62  # before a window's end: the month that a decision falls into, and the first whole one after it


class Decision(BaseModel):
    """One decision on one finding; the newest of an id counts."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(min_length=1, description="id of the finding")
    decision: Literal["accepted", "rejected", "muted"] = Field(description="what was decided")
    until: date | None = Field(None, description="first day on which a muted finding speaks again")
    why: str = Field(min_length=1, description="reason, in a sentence")
    decided_at: date = Field(description="day of the decision, UTC")
    report: str = Field("", description="report of the finding")
    title: str = Field("", description="title of the finding at the time")
    action: str = Field("", description="what was to be done")
    labels: dict[str, str] = Field({}, description="labels of the finding")
    environment: str = Field("", description="whose finding alone is meant; every environment's where empty")
    predicted: dict[str, Any] = Field({}, description="what was expected of an accepted change, for the scorecard")

    @model_validator(mode="after")
    def _check_until(self) -> "Decision":
        if (self.until is None) == (self.decision == "muted"):
            raise ValueError("a muted finding has a day until which it is, and no other has one")
        return self

    def holds_on(self, day: date) -> bool:
        """Whether it still counts on a day."""
        return self.until is None or day < self.until

    def counts_in(self, environment: str) -> bool:
        """Whether it is about an environment's findings, too; the empty one is that of a single server."""
        return self.environment in ("", environment)

    @property
    def decided_on(self) -> datetime:
        """The beginning of the day of the decision."""
        return datetime.combine(self.decided_at, time(), UTC)

    def is_due(self, end: datetime) -> bool:
        """Whether the scorecard of a window that ends then tells of it: accepted, and not long before."""
        return self.decision == "accepted" and end - timedelta(days=DUE_DAYS) <= self.decided_on < end

    def shown(self) -> str:
        """One line for the page."""
        until = f" until {self.until}" if self.until else ""
        return f"{self.decision}{until} ({self.decided_at}): {self.why}"


def read_decisions(path: Path = FILE) -> list[Decision]:
    """Every decision, in the order of the file; none where there is no file.

    Raises:
        ParameterError: the file is wrong; says where.
    """
    try:
        return decisions_of(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise ParameterError(f"cannot read {path}: {error}") from None


def decisions_of(text: str, file: str) -> list[Decision]:
    """Every decision in the text of a file; `file` is what messages call it.

    Raises:
        ParameterError: it is no list of decisions; says where.
    """
    try:
        items = YAML(typ="safe").load(text) or []
    except (YAMLError, ValueError) as error:
        raise ParameterError(f"{file} is not YAML: {' '.join(str(error).split())[:200]}") from None
    if not isinstance(items, list):
        raise ParameterError(f"{file} is no list of decisions: each begins with `- id:`")
    return [_decision(item, f"{file}, decision {place}") for place, item in enumerate(items, start=1)]


def _decision(item: Any, where: str) -> Decision:
    try:
        return Decision.model_validate(item)
    except ValidationError as error:
        first = error.errors()[0]
        field = "".join(f"{part}: " for part in first["loc"])
        raise ParameterError(f"{where}: {field}{first['msg'].removeprefix('Value error, ')}") from None


def current(decisions: Iterable[Decision], day: date, environment: str = "") -> dict[str, Decision]:
    """The decision that counts for each finding of an environment on a day."""
    newest = {decision.id: decision for decision in decisions if decision.counts_in(environment)}
    return {key: decision for key, decision in newest.items() if decision.holds_on(day)}
