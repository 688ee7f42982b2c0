"""A finding that stands for the whole window: something lacks, or is too much, rather than happened."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from analysis.findings import Finding, Severity, finding_id
from analysis.window import Window

MONTHLY = "monitoring_gaps"  # name of the monthly report, whose findings come from several modules
MOMENT = timedelta(milliseconds=1)
SHOWN = 5  # names in a title; the tables have all of them


def standing(
    report: str,
    kind: str,
    severity: Severity,
    title: str,
    action: str,
    window: Window,
    labels: Mapping[str, str],
    evidence: Mapping[str, Any],
) -> Finding:
    """A standing condition; what its labels say makes it the same thing in every run."""
    return Finding(
        id=finding_id(report, kind, *labels.values()),
        report=report,
        kind=kind,
        severity=severity,
        title=title,
        start=window.start,
        end=window.end,
        detected_at=window.end - MOMENT,
        labels={name: value for name, value in labels.items() if value},
        evidence=dict(evidence),
        action=action,
    )


def listed(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")
