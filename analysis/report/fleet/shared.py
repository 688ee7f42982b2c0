"""The same condition in several members: one cause, and one place to mend it."""

from collections.abc import Iterator, Mapping, Sequence
from math import ceil
from typing import Any

from analysis.findings import SEVERITIES, Finding
from analysis.report.compare import ALARMS, EVENTS
from analysis.report.fleet.fleet_finding import standing
from analysis.report.fleet.members import Member, shown_name
from analysis.window import Window

KIND = "same_in_many"
LEAST, LEAST_SHARE = 2, 0.25  # of the members: what fewer have is their own affair
OWN = ("file", "instance", "rule")  # labels that say where in one member, not what it is about
NAMED = 8  # members that a title names

Documents = Mapping[str, Mapping[str, Any]]
_Key = tuple[str, str, tuple[tuple[str, str], ...]]


def shared_findings(members: Sequence[Member], documents: Sequence[Documents], window: Window) -> Iterator[Finding]:
    """One finding for each standing condition that many members have.

    Args:
        members: of the fleet.
        documents: of each, by report.
        window: of the review.
    """
    having: dict[_Key, dict[str, Mapping[str, Any]]] = {}
    for member, own in zip(members, documents, strict=True):
        for found in (f for document in own.values() for f in document["findings"]):
            if (key := _key(found, member)) is not None:
                having.setdefault(key, {}).setdefault(member.name, found)
    for key, those in sorted(having.items()):
        judged = sum(key[0] in own for own in documents)
        if len(those) >= max(LEAST, ceil(LEAST_SHARE * judged)):
            yield _finding(key, those, judged, window)


def _key(finding: Mapping[str, Any], member: Member) -> _Key | None:
    """What a finding is about, wherever it is; None for events, and for what names nothing."""
    labels = {k: v for k, v in finding["labels"].items() if k not in (*OWN, member.label)}
    if finding["report"] in EVENTS or finding["severity"] not in ALARMS or not labels:
        return None
    return finding["report"], finding["kind"], tuple(sorted(labels.items()))


def _finding(key: _Key, those: Mapping[str, Mapping[str, Any]], judged: int, window: Window) -> Finding:
    report, kind, labels = key
    names = sorted(those)
    shown = ", ".join(map(shown_name, names[:NAMED])) + (
        f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    )
    subject = dict(labels).get("alertname") or ", ".join(f"{name} {value}" for name, value in labels)
    worst = min((found["severity"] for found in those.values()), key=SEVERITIES.index)
    return standing(
        KIND,
        worst,
        f"{subject}: {kind.replace('_', ' ')} in {len(names)} of {judged} clusters: {shown}",
        window,
        {"report": report, "kind": kind, **dict(labels)},
        {
            "members": names,
            "member_count": len(names),
            "judged_count": judged,
            "findings": {name: found["id"] for name, found in sorted(those.items())},
        },
        "Look for the one cause: a rule file, an exporter or a release that all of them share; mend it there, once.",
    )
