"""What the meeting decided: the finding that is meant, and the decision added to ``params/decisions.yaml``."""

import difflib
import glob
import io
import json
import re
import textwrap
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock
from ruamel.yaml import YAML

from analysis.decisions import FILE, Decision, current, decisions_of, read_decisions
from analysis.errors import InputError, ParameterError
from analysis.report.files import write_whole
from analysis.report.periods import period_of

HEAD = "# Decisions of the monthly review; `promreview decide` adds to them.\n"
NEAR_IDS = 3  # suggestions where an id is unknown
LOCK_SECONDS = 30


def add_decision(decision: Decision, path: Path = FILE) -> None:
    """Add one at the end; what stands in the file, comments included, stays as it is.

    Raises:
        ParameterError: what stands in the file is no list of decisions; it is left alone.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.name}.lock"), timeout=LOCK_SECONDS):
        before = read_decisions(path)  # a wrong file is said now, not next month
        old = path.read_text(encoding="utf-8") if path.exists() else HEAD
        item = {key: value for key, value in decision.model_dump(mode="python").items() if value not in (None, "", {})}
        new = _appended(old, item)
        if not _holds(new, str(path), len(before) + 1):
            new = _rewritten(old, item)
        write_whole(path, new)


def _appended(old: str, item: Mapping[str, Any]) -> str:
    """As text at the end, as far to the right as the others stand."""
    others = re.search(r"^([ ]*)-\s", old, re.MULTILINE)
    lines = textwrap.indent(_dumped([item]), others[1] if others else "")
    return old + ("" if old.endswith("\n") else "\n") + lines


def _rewritten(old: str, item: Mapping[str, Any]) -> str:
    """Where the list is written another way (``[…]``, an end of the document): anew, its comments at the top."""
    comments = "".join(line for line in old.splitlines(keepends=True) if line.lstrip().startswith("#"))
    return comments + _dumped([*(YAML(typ="safe").load(old) or []), item])


def _dumped(items: list[Any]) -> str:
    yaml, text = YAML(), io.StringIO()
    yaml.width = 1000
    yaml.dump(items, text)
    return text.getvalue()


def _holds(text: str, file: str, count: int) -> bool:
    try:
        return len(decisions_of(text, file)) == count
    except ParameterError:
        return False


def decided_in(folder: Path) -> dict[str, Decision]:
    """What counts today for the findings in a folder of results: of a period, or of one environment in it."""
    environment = "" if period_of(folder.name) else folder.name
    return current(read_decisions(), datetime.now(UTC).date(), environment)


def find_finding(identity: str, outputs: Path, environment: str = "") -> Mapping[str, Any]:
    """The newest finding of an id, or of the one id that begins so.

    Args:
        identity: the id, or its beginning.
        outputs: folder of all results.
        environment: whose results are looked at; everybody's where empty.

    Raises:
        InputError: there is none, or several begin so; names those that are near.
    """
    findings: dict[str, Mapping[str, Any]] = {}
    for path in sorted(outputs.glob(f"*/{glob.escape(environment) if environment else '.'}/**/findings.json")):
        for document in _documents(path):
            findings |= {f["id"]: {**f, "report": document.get("report", "")} for f in document.get("findings", ())}
    matches = [identity] if identity in findings else [key for key in findings if key.startswith(identity)]
    if len(matches) == 1:
        return findings[matches[0]]
    near = matches or difflib.get_close_matches(identity, findings, NEAR_IDS, cutoff=0.3)
    known = "; ".join(f"{key} ({findings[key]['title']})" for key in near[:NEAR_IDS])
    problem = "several findings begin with" if matches else "no finding has the id"
    where = f"{outputs} of the environment {environment}" if environment else str(outputs)
    raise InputError(
        f"{problem} {identity!r} in {where}; " + (f"did you mean: {known}" if known else "run a review first")
    )


def _documents(path: Path) -> list[dict[str, Any]]:
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return list(body.get("reports", [body])) if isinstance(body, dict) else []


def decision_on(
    finding: Mapping[str, Any],
    what: Literal["accepted", "rejected", "muted"],
    until: date | None,
    why: str,
    environment: str = "",
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
        action=finding.get("action", "") if what == "accepted" else "",
        labels=finding.get("labels", {}),
        environment=environment,
        predicted=evidence if what == "accepted" else {},
    )
