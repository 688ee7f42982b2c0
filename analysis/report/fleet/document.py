"""What is true of a fleet as a whole, as one findings document beside the page above its members."""

import shlex
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from analysis.findings import Coverage, Finding, FindingsDocument, Gap, Source, TimeSpan, finding_id
from analysis.report.compare import documents_of
from analysis.report.fleet.members import Ended, Member
from analysis.report.status import read_status
from analysis.window import Window

REPORT = "fleet"
FILE = "fleet.json"  # beside the page above; findings.json is that of a month reviewed without a fleet
UNREACHABLE = "environment_unreachable"


def fleet_document(
    month: Path, window: Window, reports: Sequence[str], members: Sequence[Member], ended: Sequence[Ended]
) -> FindingsDocument:
    """Put together what the members' own results say of all of them.

    Args:
        month: folder of the month, ``outputs/YYYY-MM``.
        window: of the review.
        reports: names of its reports.
        members: of the fleet.
        ended: how the review of each ended.
    """
    span = TimeSpan.of(window)
    rows = [_row(month, reports, member, how) for member, how in zip(members, ended, strict=True)]
    dead = [(member, how.unreachable) for member, how in zip(members, ended, strict=True) if how.unreachable]
    gaps = [Gap(start=span.start, end=span.end, scope=m.title, reason=f"its server: {why}") for m, why in dead]
    return FindingsDocument(
        report=REPORT,
        window=span,
        source=Source(url="", kind=REPORT),
        coverage=Coverage(share=sum(row["state"] == "reviewed" for row in rows) / len(rows), gaps=gaps),
        findings=[_unreachable(member, why, window) for member, why in dead],
        members=rows,
    )


def _row(month: Path, reports: Sequence[str], member: Member, how: Ended) -> dict[str, Any]:
    """One member in the document: where its results are, and how its review ended."""
    folder = month / member.folder
    missing = [name for name in reports if read_status(folder / name, name).state != "done"]
    reviewed = how.code in (0, 1) and not missing
    documents = documents_of(folder)
    shares = {name: document["coverage"]["share"] for name, document in documents.items()}
    return {
        "name": member.name,
        "label": member.label,
        "folder": member.folder,
        "state": "reviewed" if reviewed else "unreachable" if how.unreachable else "failed",
        "reason": how.unreachable,
        "exit_code": how.code,
        "missing": missing,
        "coverage": shares,
    }


def _unreachable(member: Member, why: str, window: Window) -> Finding:
    asked = "" if member.label else f" --environment {shlex.quote(member.name)}"
    return Finding(
        id=finding_id(REPORT, UNREACHABLE, member.label, member.name),
        report=REPORT,
        kind=UNREACHABLE,
        severity="high",
        title=f"The server of {member.title} does not answer: what it saw of the month is not, or not wholly, reviewed",
        start=window.start,
        detected_at=window.end - timedelta(milliseconds=1),
        labels={member.label or "environment": member.name},
        evidence={"reason": why},
        action=f"Ask `promreview doctor{asked}` what is wrong, then run the review again with `--resume`.",
    )
