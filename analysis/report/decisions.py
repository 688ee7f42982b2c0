"""Decisions of the meeting, in ``params/decisions.yaml``: accepted, rejected, or muted until a day, and why."""

import difflib
import io
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from analysis.errors import InputError, ParameterError
from analysis.report.files import write_whole

FILE = Path("params/decisions.yaml")
HEAD = "# Decisions of the monthly review; `promreview decide` adds to them.\n"
NEAR_IDS = 3  # suggestions where an id is unknown
LOCK_SECONDS = 30


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
    labels: dict[str, str] = Field({}, description="labels of the finding")
    predicted: dict[str, Any] = Field({}, description="what was expected of an accepted change, for the scorecard")

    @model_validator(mode="after")
    def _check_until(self) -> "Decision":
        if (self.until is None) == (self.decision == "muted"):
            raise ValueError("a muted finding has a day until which it is, and no other has one")
        return self

    def holds_on(self, day: date) -> bool:
        """Whether it still counts on a day."""
        return self.until is None or day < self.until

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
        items = YAML(typ="safe").load(path.read_text(encoding="utf-8")) or []
        return [Decision.model_validate(item) for item in items]
    except FileNotFoundError:
        return []
    except (OSError, YAMLError, UnicodeDecodeError, TypeError) as error:
        raise ParameterError(f"{path} is no list of decisions: {' '.join(str(error).split())[:200]}") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ParameterError(f"{path}: {place or 'a decision'}: {first['msg'].removeprefix('Value error, ')}") from None


def current(decisions: Iterable[Decision], day: date) -> dict[str, Decision]:
    """The decision that counts for each finding on a day."""
    newest = {decision.id: decision for decision in decisions}
    return {key: decision for key, decision in newest.items() if decision.holds_on(day)}


def add_decision(decision: Decision, path: Path = FILE) -> None:
    """Add one at the end; what stands in the file, comments included, stays as it is."""
    read_decisions(path)  # a wrong file is said now, not next month
    item = {key: value for key, value in decision.model_dump(mode="python").items() if value not in (None, "", {})}
    text = io.StringIO()
    yaml = YAML()
    yaml.width = 1000
    yaml.dump([item], text)
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.name}.lock"), timeout=LOCK_SECONDS):
        old = path.read_text(encoding="utf-8") if path.exists() else HEAD
        write_whole(path, old + ("" if old.endswith("\n") else "\n") + text.getvalue())


def find_finding(identity: str, outputs: Path) -> Mapping[str, Any]:
    """The newest finding of an id, or of the one id that begins so.

    Raises:
        InputError: there is none, or several begin so; names those that are near.
    """
    findings: dict[str, Mapping[str, Any]] = {}
    for path in sorted(outputs.glob("*/**/findings.json")):
        for document in _documents(path):
            findings |= {f["id"]: {**f, "report": document.get("report", "")} for f in document.get("findings", ())}
    matches = [identity] if identity in findings else [key for key in findings if key.startswith(identity)]
    if len(matches) == 1:
        return findings[matches[0]]
    near = matches or difflib.get_close_matches(identity, findings, NEAR_IDS, cutoff=0.3)
    known = "; ".join(f"{key} ({findings[key]['title']})" for key in near[:NEAR_IDS])
    problem = "several findings begin with" if matches else "no finding has the id"
    raise InputError(
        f"{problem} {identity!r} in {outputs}; " + (f"did you mean: {known}" if known else "run a review first")
    )


def _documents(path: Path) -> list[dict[str, Any]]:
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return list(body.get("reports", [body])) if isinstance(body, dict) else []


def decision_on(
    finding: Mapping[str, Any], what: Literal["accepted", "rejected", "muted"], until: date | None, why: str
) -> Decision:
    """A decision of today on a finding; an accepted one keeps what was expected, to be held against next month."""
    evidence = {k: v for k, v in finding.get("evidence", {}).items() if not isinstance(v, list)}
    return Decision(
        id=finding["id"],
        decision=what,
        until=until,
        why=why,
        decided_at=datetime.now(UTC).date(),
        report=finding["report"],
        title=finding["title"],
        labels=finding.get("labels", {}),
        predicted=evidence if what == "accepted" else {},
    )
