"""What argues for or against an alert from outside: labelled incidents, maintenance, and silences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from analysis.errors import InputError, ParameterError
from analysis.settings.base import Duration, read_yaml
from analysis.thresholds.routing import matches, parse_matchers
from analysis.window import Window, parse_duration, parse_time, unix_ms


@dataclass(frozen=True)
class Incident:
    """A time at which alerts should have fired; times in Unix milliseconds."""

    start_ms: int
    end_ms: int
    alerts: tuple[str, ...]
    late_ms: int

    @property
    def caught_until_ms(self) -> int:
        """The last instant at which an alert is not too late."""
        return min(self.end_ms, self.start_ms + self.late_ms)


@dataclass(frozen=True)
class Pardon:
    """A time whose alerts are no noise: maintenance or a silence; no matchers means every alert."""

    start_ms: int
    end_ms: int
    matchers: tuple[tuple[str, str, str], ...] = ()

    def covers(self, labels: Mapping[str, str]) -> bool:
        """Whether an alert with these labels is meant."""
        return all(matches(matcher, labels) for matcher in self.matchers)


@dataclass(frozen=True)
class Context:
    """Everything known about the alerts of a window from outside."""

    incidents: tuple[Incident, ...] = ()
    pardons: tuple[Pardon, ...] = ()


class _Stretch(BaseModel):
    model_config = ConfigDict(extra="forbid")

    start: str
    end: str
    why: str = ""

    @field_validator("start", "end", mode="before")
    @classmethod
    def _text(cls, value: Any) -> str:
        return value.isoformat() if hasattr(value, "isoformat") else str(value)

    def bounds_ms(self) -> tuple[int, int]:
        window = Window(parse_time(self.start), parse_time(self.end))
        return unix_ms(window.start), unix_ms(window.end)


class _Incident(_Stretch):
    alerts: list[str] = Field(min_length=1)
    late: Duration = ""

    @field_validator("late", mode="before")
    @classmethod
    def _late(cls, value: Any) -> str:
        return str(value or "0s")


class _Maintenance(_Stretch):
    matchers: list[str] = []


def read_incidents(path: Path, default_late: timedelta) -> tuple[Incident, ...]:
    """``incidents:`` of a YAML file: start, end, ``alerts`` that should have fired, and how ``late`` is too late.

    Raises:
        ParameterError: naming the file, the entry and what is wrong with it.
    """
    found = []
    for place, item in enumerate(_entries(path, "incidents")):
        try:
            entry = _Incident.model_validate({"late": "0s"} | dict(item))
            late = parse_duration(entry.late) if "late" in item else default_late
            found.append(Incident(*entry.bounds_ms(), tuple(entry.alerts), late // timedelta(milliseconds=1)))
        except (ValidationError, InputError, TypeError, ValueError) as error:
            raise _wrong(path, "incident", place, error) from None
    return tuple(found)


def read_maintenance(path: Path) -> tuple[Pardon, ...]:
    """``maintenance:`` of a YAML file: start, end, and Alertmanager's ``matchers`` (every alert without any).

    Raises:
        ParameterError: naming the file, the entry and what is wrong with it.
    """
    found = []
    for place, item in enumerate(_entries(path, "maintenance")):
        try:
            entry = _Maintenance.model_validate(dict(item))
            matchers = tuple(m for text in entry.matchers for m in parse_matchers(text))
            found.append(Pardon(*entry.bounds_ms(), matchers))
        except (ValidationError, InputError, TypeError, ValueError) as error:
            raise _wrong(path, "maintenance", place, error) from None
    return tuple(found)


def pardons_of(silences: Sequence[Mapping[str, Any]]) -> tuple[Pardon, ...]:
    """Silences as Alertmanager's API gives them, those that have not begun left out."""
    return tuple(_silence(item) for item in silences if item["status"]["state"] != "pending")


def _silence(item: Mapping[str, Any]) -> Pardon:
    operators = {(True, False): "=", (True, True): "=~", (False, False): "!=", (False, True): "!~"}
    matchers = tuple(
        (str(m["name"]), operators[bool(m.get("isEqual", True)), bool(m["isRegex"])], str(m["value"]))
        for m in item["matchers"]
    )
    return Pardon(unix_ms(parse_time(item["startsAt"])), unix_ms(parse_time(item["endsAt"])), matchers)


def _entries(path: Path, key: str) -> list[Any]:
    data = read_yaml(path)
    entries = data.get(key) or []
    if set(data) - {key} or not isinstance(entries, list):
        raise ParameterError(f"{path} must hold a list `{key}:` and nothing else")
    return entries


def _wrong(path: Path, kind: str, place: int, error: Exception) -> ParameterError:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return ParameterError(f"{path}: {kind} {place + 1}: {where}: {first['msg']}")
    return ParameterError(f"{path}: {kind} {place + 1}: {error}")
