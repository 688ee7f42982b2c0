"""What the settings of every report share, and how they are loaded.

One declaration of a parameter is its type, bound, default, help text and error message.
Values come from the model's defaults, then ``params/<report>.yaml``, then the caller.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from analysis.errors import ParameterError, PromreviewError
from analysis.window import Window, month_window, parse_duration, parse_time, zone

S = TypeVar("S", bound=BaseModel)


def _duration(text: object) -> str:
    try:
        parse_duration(str(text))
    except PromreviewError as error:
        raise ValueError(str(error)) from None
    return str(text)


def _step(text: object) -> str:
    if parse_duration(_duration(text)) <= timedelta():
        raise ValueError("it must be longer than 0")
    return str(text)


Duration = Annotated[str, BeforeValidator(_duration)]
"""A Prometheus duration such as ``30m``; 0 is one."""
Step = Annotated[str, BeforeValidator(_step)]
"""A Prometheus duration longer than 0."""


class ReportSettings(BaseModel):
    """Window and time zone: what every report needs."""

    model_config = ConfigDict(extra="forbid", validate_default=True)

    folder: ClassVar[str] = "%Y-%m-%d"
    """Name (as of strftime) of the folder of a run without a month: the day that it ran on."""

    month: str | None = Field(None, description="calendar month YYYY-MM in the time zone; or give start and end")
    start: str | None = Field(None, description="start of the window: RFC 3339, Unix seconds, or relative (-30d)")
    end: str | None = Field(None, description="end of the window, not included; now when left out")
    timezone: str = Field("UTC", description="IANA time zone of months, working hours and plots")

    @model_validator(mode="after")
    def _check_window(self) -> Self:
        if self.month and (self.start or self.end):
            raise ValueError("give either month, or start and end")
        for name, read in self._edges():
            try:
                read()
            except PromreviewError as error:
                raise ValueError(f"parameter {name!r}: {error}") from None
        return self

    def _edges(self) -> Iterator[tuple[str, Callable[[], object]]]:
        """What the window is told from, each with what reads it; then the window itself."""
        yield "timezone", lambda: zone(self.timezone)
        yield "start", lambda: parse_time(self.start or "now")
        yield "end", lambda: parse_time(self.end or "now")
        if given := [name for name in ("month", "start", "end") if getattr(self, name)]:
            yield given[0], self.window

    def window(self, now: datetime | None = None) -> Window:
        """The window of the report: the last whole month where none is given, the current one up to `now`."""
        now = now or datetime.now(UTC)
        if self.start:
            return Window(parse_time(self.start, now), parse_time(self.end or "now", now))
        if self.end:
            raise ParameterError("without a start it says nothing; give start too")
        whole = month_window(self.month or last_whole_month(now, self.timezone), self.timezone)
        if whole.start >= now:
            raise ParameterError(f"month {self.month} lies in the future; write one that has begun")
        return Window(whole.start, min(whole.end, now.replace(microsecond=0)))


def last_whole_month(now: datetime, timezone: str) -> str:
    """The last calendar month, ``YYYY-MM``, that was over at `now` in the time zone."""
    local = now.astimezone(zone(timezone))
    year, month = (local.year, local.month - 1) if local.month > 1 else (local.year - 1, 12)
    return f"{year:04d}-{month:02d}"


def load_settings(model: type[S], path: Path | None = None, overrides: Mapping[str, Any] | None = None) -> S:
    """Build a settings model from a YAML file and overrides, the latter winning.

    Raises:
        ParameterError: naming the file, the parameter, and what is allowed.

    Example:
        >>> load_settings(ReportSettings, overrides={"month": "2026-10", "timezone": "Europe/Berlin"}).month
        '2026-10'
    """
    values = dict(read_yaml(path)) if path else {}
    given = {key: value for key, value in (overrides or {}).items() if value not in (None, "")}
    try:
        return model.model_validate(values | given)
    except ValidationError as error:
        raise ParameterError(_explain(error, model, path, given)) from None


def read_yaml(path: Path) -> Mapping[str, Any]:
    """A YAML mapping from a file; raises ParameterError where there is none."""
    try:
        data = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ParameterError(f"cannot read {path}: {error.strerror}") from None
    except (YAMLError, ValueError) as error:  # ValueError: no UTF-8, or a day that no calendar has
        raise ParameterError(f"{path} is not YAML: {' '.join(str(error).split())}") from None
    if data is not None and not isinstance(data, Mapping):
        raise ParameterError(f"{path} must hold a mapping of parameter names to values")
    return data or {}


def _explain(error: ValidationError, model: type[BaseModel], path: Path | None, given: Mapping[str, Any]) -> str:
    """One line: what is wrong, what is allowed, and the file it stands in where it was not typed."""
    problems, typed = [], True
    for item in error.errors():
        name = ".".join(str(part) for part in item["loc"])
        said = item["msg"].removeprefix("Value error, ")
        if item["type"] == "extra_forbidden":
            said = f"unknown parameter {name!r}; allowed: {', '.join(sorted(model.model_fields))}"
        elif name:
            said = f"parameter {name!r}: {said}"
        problems.append(said)
        typed &= any(key == item["loc"][0] for key in given) if name else bool(given)
    return (f"{path}: " if path and not typed else "") + "; ".join(problems)
