"""Alerts that nobody has explained: no runbook, no description; and runbooks that no alert names."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.errors import InputError
from analysis.findings import Finding, Severity
from analysis.prometheus.rules import Rule, RuleGroup
from analysis.upkeep.documentation import runbook_file, runbook_of
from analysis.upkeep.standing import MONTHLY, listed, standing
from analysis.window import Window
from analysis.words import counted

COLUMNS = ["file", "group", "alert", "severity", "runbook", "has_runbook", "has_description"]
WAKING = frozenset({"critical", "page", "high", "error", "emergency"})  # severities that somebody is called for
TO_EXPLAIN = "Write what it means, what to check first, and when it is no problem; put the address into runbook_url."


def explanations(groups: Sequence[RuleGroup], folder: str) -> pd.DataFrame:
    """One row per alert: its runbook, and whether it is there.

    Args:
        groups: rules of the server.
        folder: runbooks; where it is given, a link counts only if the file at its end is in it.

    Raises:
        InputError: the folder is not there.
    """
    files = _files(folder)
    rows = [_explanation(group, rule, files) for group in groups for rule in group.alerts]
    return pd.DataFrame(rows, columns=COLUMNS)


def _files(folder: str) -> frozenset[str] | None:
    if not folder:
        return None
    if not Path(folder).is_dir():
        raise InputError(f"runbooks: there is no folder {folder}; change the parameter, or leave it empty")
    return frozenset(path.name for path in Path(folder).glob("*.md"))


def _explanation(group: RuleGroup, rule: Rule, files: frozenset[str] | None) -> dict[str, Any]:
    link = runbook_of(rule.annotations)
    is_template = "{{" in link
    return {
        "file": group.file,
        "group": group.name,
        "alert": rule.name,
        "severity": rule.labels.get("severity", ""),
        "runbook": link,
        "has_runbook": bool(link) and (files is None or is_template or runbook_file(link) in files),
        "has_description": any(rule.annotations.get(name) for name in ("description", "summary", "message")),
    }


def unexplained(alerts: pd.DataFrame, folder: str, window: Window) -> Iterator[Finding]:
    """Findings by rule group, and one for runbooks that no alert names."""
    for (file, group), rows in alerts.groupby(["file", "group"]):
        labels = {"file": str(file), "group": str(group)}
        for column, kind, what in (
            ("has_runbook", "alert_without_runbook", "no runbook"),
            ("has_description", "alert_without_description", "no description"),
        ):
            bare = rows[~rows[column].astype(bool)]
            if len(bare):
                severity: Severity = "medium" if bare["severity"].isin(WAKING).any() else "low"
                have = "has" if len(bare) == 1 else "have"
                those = f"{len(bare)} of {counted(len(rows), 'alert')} of {group}"
                title = f"{those} {have} {what}: {listed(sorted(bare['alert']))}"
                evidence = {"alerts": len(rows), "alerts_bare": len(bare)}
                yield standing(MONTHLY, kind, severity, title, TO_EXPLAIN, window, labels, evidence)
    yield from _orphans(alerts, folder, window)


def _orphans(alerts: pd.DataFrame, folder: str, window: Window) -> Iterator[Finding]:
    named = {runbook_file(link) for link in alerts["runbook"]}
    orphans = sorted((_files(folder) or frozenset()) - named)
    if orphans and len(alerts):
        title = f"{len(orphans)} runbooks are of no alert: {listed(orphans)}"
        action = "Remove them, or mend the links of the alerts that were renamed."
        yield standing(MONTHLY, "runbook_without_alert", "info", title, action, window, {}, {"runbooks": len(orphans)})
