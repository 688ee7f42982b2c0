"""Which decisions a scorecard tells of, and which rule each is about."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import get_args

from analysis.decisions import Decision
from analysis.findings import finding_id
from analysis.thresholds.documents import Verdict
from analysis.thresholds.identity import identities
from analysis.thresholds.measure import Measured
from analysis.window import Window

REPORT = "threshold_drift"


def judged_from(decision: Decision, window: Window) -> datetime:
    """When the time that a decision is judged by begins: the day after it, if that lies in the window."""
    return max(window.start, decision.decided_on + timedelta(days=1))


def to_be_judged(decisions: Iterable[Decision], window: Window) -> list[Decision]:
    """The decisions on thresholds that a month's scorecard tells of."""
    newest = {item.id: item for item in decisions}
    return [item for item in newest.values() if item.report in ("", REPORT) and item.is_due(window.end)]


def rule_of(decision: Decision, items: Iterable[Measured]) -> Measured | None:
    """The rule that a decision is about: by its finding's id, else by alert and group, if only one rule has them."""
    items = list(items)
    for item, identity in zip(items, identities(items), strict=True):
        if decision.id in {finding_id(REPORT, verdict, *identity) for verdict in get_args(Verdict)}:
            return item
    then = decision.labels.get("alertname"), decision.labels.get("group")
    meant = [item for item in items if (item.rule.name, item.group.name) == then]
    return meant[0] if len(meant) == 1 else None
