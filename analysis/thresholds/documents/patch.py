"""What ``rules patch --format json`` prints."""

from pydantic import BaseModel, Field

from analysis.findings import SCHEMA_VERSION, TimeSpan


class Outcome(BaseModel):
    """What a rule would have done with certain values."""

    alerts: int = Field(description="label sets that entered firing")
    pages: int = Field(description="notifications after grouping, without repetitions and resolutions")
    firing_minutes: float
    incidents: int = Field(description="labelled incidents that name this alert")
    incidents_caught: int = Field(description="of these, caught in time")


class PatchReplay(BaseModel):
    """A rule before and after a change, replayed over the same window."""

    window: TimeSpan
    days_of_data: float
    before: Outcome
    after: Outcome

    def shown(self) -> str:
        """One line for the header of a diff."""
        numbers = [
            f"{name} {getattr(self.before, name):g} -> {getattr(self.after, name):g}"
            for name in ("alerts", "pages", "firing_minutes")
        ]
        if self.before.incidents:
            caught = f"{self.before.incidents_caught} -> {self.after.incidents_caught}"
            numbers.append(f"labelled incidents caught {caught} of {self.before.incidents}")
        else:
            numbers.append("recall unknown: no labelled incident")
        span = f"{self.window.start:%Y-%m-%d} to {self.window.end:%Y-%m-%d}, {self.days_of_data:.1f} days of data"
        return f"replayed {span}: {', '.join(numbers)}".replace("firing_minutes", "firing minutes")


class PatchChange(BaseModel):
    """What becomes of one rule."""

    group: str
    alert: str
    why: str = Field(description="what the recommendation expected; empty where the values were typed")
    replay: PatchReplay | None = Field(description="null where no server was named")


class PatchedFile(BaseModel):
    """One rule file that changes."""

    file: str
    diff: str = Field(description="unified diff, as `patch -p1` takes it")


class PatchDocument(BaseModel):
    """The whole result."""

    schema_version: int = SCHEMA_VERSION
    checked: str = Field(description="what promtool said, or why it was not asked")
    written: bool = Field(description="whether the files were changed")
    changes: list[PatchChange]
    files: list[PatchedFile]
