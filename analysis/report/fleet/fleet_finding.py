"""A standing condition of a fleet, as a finding."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from analysis.findings import Finding, Severity, finding_id
from analysis.window import Window

REPORT = "fleet"


def standing(
    kind: str,
    severity: Severity,
    title: str,
    window: Window,
    labels: Mapping[str, str],
    evidence: Mapping[str, Any],
    action: str,
    *,
    start: datetime | None = None,
) -> Finding:
    """A condition that is true of the window and goes on.

    Args:
        kind: of the finding.
        severity: of it.
        title: one sentence.
        window: of the review.
        labels: of what it is about; its identity, too.
        evidence: numbers with their units in their names.
        action: what a person should do.
        start: when it began; with the window where nobody knows.
    """
    return Finding(
        id=finding_id(REPORT, kind, *sorted(labels.items())),
        report=REPORT,
        kind=kind,
        severity=severity,
        title=title,
        start=start or window.start,
        detected_at=window.end - timedelta(milliseconds=1),
        labels=dict(labels),
        evidence=dict(evidence),
        action=action,
    )
