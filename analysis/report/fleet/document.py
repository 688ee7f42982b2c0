"""What is true of a fleet as a whole, as one findings document beside the page above its members."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.findings import Coverage, Finding, FindingsDocument, Gap, TimeSpan
from analysis.report.compare import documents_of
from analysis.report.fleet.differences import MEASURES, differences, measures_of
from analysis.report.fleet.fleet_finding import REPORT, standing
from analysis.report.fleet.members import Ended, Member, shown_name
from analysis.report.fleet.presence import METRIC, gone_since_last_month, presence_findings
from analysis.report.fleet.shared import shared_findings
from analysis.report.fleet.view import View
from analysis.report.status import read_status
from analysis.series.outliers import LEAST
from analysis.window import Window, format_time
from analysis.words import counted

FILE = "fleet.json"  # beside the page above; findings.json is that of a month reviewed without a fleet
UNREACHABLE = "environment_unreachable"


def fleet_document(
    month: Path,
    window: Window,
    reports: Sequence[str],
    members: Sequence[Member],
    ended: Sequence[Ended],
    view: View,
    earlier: Mapping[str, Any] | None,
) -> FindingsDocument:
    """Put together what the members' own results say of all of them.

    Args:
        month: folder of the month, ``outputs/YYYY-MM``.
        window: of the review.
        reports: names of its reports.
        members: of the fleet.
        ended: how the review of each ended.
        view: what the global view says of them, where there is one.
        earlier: the fleet's document of the month before.
    """
    span = TimeSpan.of(window)
    documents = [documents_of(month / member.folder) for member in members]
    measured = [measures_of(own, view.seen(member)) for own, member in zip(documents, members, strict=True)]
    rows = [
        {**_row(month, reports, member, how), **_presence(view, member), **numbers}
        for member, how, numbers in zip(members, ended, measured, strict=True)
    ]
    dead = [(member, how.unreachable) for member, how in zip(members, ended, strict=True) if how.unreachable]
    gaps = [*_gaps(dead, members, pd.DataFrame(measured), view)]
    return FindingsDocument(
        report=REPORT,
        window=span,
        source=view.source,
        queries=list(view.queries),
        coverage=Coverage(
            share=sum(row["state"] == "reviewed" for row in rows) / len(rows),
            gaps=[Gap(start=span.start, end=span.end, scope=scope, reason=why) for scope, why in gaps],
        ),
        findings=[
            *_unreachable(dead, window),
            *_presence_findings(members, view, window, earlier),
            *shared_findings(members, documents, window),
            *differences(members, pd.DataFrame(measured), window),
        ],
        members=rows,
    )


def _row(month: Path, reports: Sequence[str], member: Member, how: Ended) -> dict[str, Any]:
    """One member in the document: where its results are, and how its review ended."""
    folder = month / member.folder
    missing = [name for name in reports if read_status(folder / name, name).state != "done"]
    whole = how.code in (0, 1) and not missing  # from the archive alone, perhaps
    state = "reviewed" if whole else "unreachable" if how.unreachable else "failed"
    return {
        "name": member.name,
        "label": member.label,
        "folder": member.folder,
        "state": state,
        "reason": how.unreachable,
        "exit_code": how.code,
        "missing": missing,
        "coverage": {name: document["coverage"]["share"] for name, document in documents_of(folder).items()},
    }


def _presence(view: View, member: Member) -> dict[str, Any]:
    times = view.seen(member)
    if times is None or times.first is None or times.last is None:
        return {"seen_share": None, "first_seen": None, "last_seen": None, "targets": None}
    return {
        "seen_share": times.share,
        "first_seen": format_time(times.first),
        "last_seen": format_time(times.last),
        "targets": times.targets,
    }


def _gaps(
    dead: Sequence[tuple[Member, str]], members: Sequence[Member], measured: pd.DataFrame, view: View
) -> Iterator[tuple[str, str]]:
    """What could not be judged of the fleet, and why."""
    yield from ((member.title, f"its server does not answer: {why}") for member, why in dead)
    if view.failure:
        yield "when each cluster was there", view.failure
    elif any(member.label for member in members) and not view.label:
        yield "when each cluster was there", "more than one view among the environments: review each alone"
    else:
        for member in (member for member in members if member.label):
            times = view.seen(member)
            if times is None or times.first is None:
                yield f"when {member.title} was there", f"it has no series {METRIC} in this window"
    for name in MEASURES:
        known = int(measured[name].notna().sum())
        if known < LEAST:
            yield (
                f"differences in {name}",
                f"{known} of {len(members)} have it; it takes {LEAST} to tell who is unlike",
            )


def _presence_findings(
    members: Sequence[Member], view: View, window: Window, earlier: Mapping[str, Any] | None
) -> Iterator[Finding]:
    if not view.label:
        return
    yield from presence_findings(view.label, view.times, window)
    before = [row["name"] for row in (earlier or {}).get("members", ()) if row["label"] == view.label]
    yield from gone_since_last_month(view.label, before, [m.name for m in members if m.label], window)


def _unreachable(dead: Sequence[tuple[Member, str]], window: Window) -> Iterator[Finding]:
    """One finding for each server: the clusters behind a view are out of reach together."""
    servers: dict[tuple[str, str], list[tuple[Member, str]]] = {}
    for member, why in dead:
        servers.setdefault((member.label, member.environment), []).append((member, why))
    for (label, environment), those in servers.items():
        whose = f"environment {shown_name(environment)}" if environment else "the global view"
        of = f" --environment {shlex.quote(environment)}" if environment else ""
        missing = "not reviewed, or from the archive alone"
        are = f"{counted(len(those), 'cluster')} behind it {'is' if len(those) == 1 else 'are'}"
        behind = f": {are if label else 'it is'} {missing}"
        yield standing(
            UNREACHABLE,
            "high",
            f"The server of {whose} does not answer{behind}",
            window,
            {"environment": environment} if environment else {"view": label},
            {"reason": those[0][1], "members": [member.name for member, _ in those]},
            f"Ask `promreview doctor{of}` what is wrong, then run the review again with `--resume`.",
        )
