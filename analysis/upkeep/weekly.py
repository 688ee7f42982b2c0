"""The weekly review: rule effectiveness, dashboards that show nothing, retention and storage."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

import pandas as pd

from analysis.errors import PromreviewError
from analysis.findings import Finding, FindingsDocument, ReportResult, Severity, TimeSpan, sort_findings
from analysis.prometheus import Prometheus
from analysis.settings.upkeep import WeeklyReviewSettings
from analysis.upkeep.daily import coverage
from analysis.upkeep.fired import firings, is_heartbeat, shares_up
from analysis.upkeep.panels import tried
from analysis.upkeep.standing import standing
from analysis.window import Window
from analysis.words import how_often

REPORT = "weekly_review"
RULE_STATES = ("broken", "noisy", "fired")  # that are told; a rule can be quiet, or a heartbeat, too
STORED = "prometheus_tsdb_storage_blocks_bytes"  # what is older than some three hours; the head is not counted


def review(
    prom: Prometheus, settings: WeeklyReviewSettings, window: Window, panels: Iterable[tuple[str, Sequence[str]]] = ()
) -> ReportResult:
    """Look at a week.

    Args:
        prom: the server.
        settings: what counts as noise and as growth.
        window: the week.
        panels: where each query of the dashboards stands, and what may be asked for it (one per way of
            filling in its variables).

    Raises:
        SourceError: the server failed.
    """
    rules = _rules(prom, settings, window)
    asked = tried(prom, panels, window, settings.step)
    storage = _storage(prom, settings, window)
    findings = [_rule_finding(row, window, settings) for row in rules.to_dict("records") if row["state"] in RULE_STATES]
    findings += _panel_findings(asked, window)
    findings += _storage_findings(storage, window, settings)
    document = FindingsDocument(
        report=REPORT,
        window=TimeSpan.of(window),
        source=prom.source(),
        queries=prom.queries,
        coverage=coverage(shares_up(prom, window, settings.step), window),
        findings=sort_findings(findings),
    )
    return ReportResult(document, {"rules": rules, "panels": asked, "storage": storage}, {})


def _rules(prom: Prometheus, settings: WeeklyReviewSettings, window: Window) -> pd.DataFrame:
    """One row per alerting rule: how often it fired, for how long, and whether it can be evaluated."""
    fired, rows = firings(prom, window, settings.step), []
    for group in prom.rules():
        for rule in group["rules"]:
            if rule.get("type") != "alerting":
                continue
            mine = fired[fired["alert"] == rule["name"]]
            length = (mine["end"].fillna(pd.Timestamp(window.end)) - mine["start"]).sum()
            state = "noisy" if len(mine) > settings.noisy_firings else "fired" if len(mine) else "quiet"
            state = "heartbeat" if len(mine) and is_heartbeat(mine).all() else state
            rows.append(
                {
                    "group": group["name"],
                    "alert": rule["name"],
                    "firings": len(mine),
                    "hours": pd.Timedelta(length).total_seconds() / 3600,
                    "state": "broken" if rule.get("health") == "err" else state,
                    "error": rule.get("lastError", ""),
                }
            )
    return pd.DataFrame(rows, columns=["group", "alert", "firings", "hours", "state", "error"])


def _storage(prom: Prometheus, settings: WeeklyReviewSettings, window: Window) -> pd.DataFrame:
    """Bytes stored at the window's first and last sample, by instance, and the configured retention."""
    retention = ""
    with suppress(PromreviewError):
        retention = str(prom.status("runtimeinfo").get("storageRetention", ""))
    frame, rows = prom.range(STORED, window.start, window.end, settings.step), []
    names = list(frame.columns.names)
    for key in frame.columns:
        values = frame[key].dropna()
        if values.empty:
            continue
        labels = dict(zip(names, key if isinstance(key, tuple) else (key,), strict=True))
        edges = {"bytes_start": values.iloc[0], "bytes_end": values.iloc[-1]}
        rows.append({"instance": labels.get("instance", ""), **edges, "retention": retention})
    return pd.DataFrame(rows, columns=["instance", "bytes_start", "bytes_end", "retention"])


def _rule_finding(row: dict[str, Any], window: Window, settings: WeeklyReviewSettings) -> Finding:
    name, count = str(row["alert"]), int(row["firings"])
    severity: dict[str, Severity] = {"broken": "high", "noisy": "medium", "fired": "info"}
    titles = {
        "broken": f"{name} cannot be evaluated: {row['error']}",
        "noisy": f"{name} fired {how_often(count)}; more than {settings.noisy_firings} in a week is noise",
        "fired": f"{name} fired {how_often(count)}",
    }
    actions = {"broken": "Mend the expression; promtool check rules names the place."}
    default = "Was each of them worth a person's time? If not: promreview rules recommend."
    evidence = {"firings": count, "firing_hours": float(row["hours"])}
    action = actions.get(row["state"], default)
    return _finding(
        f"rule_{row['state']}", severity[row["state"]], titles[row["state"]], action, window, name, evidence
    )


def _panel_findings(asked: pd.DataFrame, window: Window) -> list[Finding]:
    """One finding for each dashboard and state, however many of its panels are in it."""
    action = (
        "Update the queries, or remove the panels; Grafana dashboard not loading is another case: promreview doctor."
    )
    found = []
    for (dashboard, state), panels in asked[asked["state"] != "data"].groupby(["dashboard", "state"]):
        every = int((asked["dashboard"] == dashboard).sum())
        says = "return nothing" if state == "nothing" else "are wrong"
        evidence = {"panels": "; ".join(panels["panel"]), "queries": every, "affected": len(panels)}
        title = f"{dashboard}: {len(panels)} of {every} queries {says}"
        severity: Severity = "low" if state == "nothing" else "medium"
        found.append(_finding("panel_empty", severity, title, action, window, f"{dashboard} {state}", evidence))
    return found


def _storage_findings(storage: pd.DataFrame, window: Window, settings: WeeklyReviewSettings) -> list[Finding]:
    action = "See cardinality_growth for what grows; PROMETHEUS_RETENTION changes how long it is kept."
    if storage.empty:
        title = "Storage could not be judged: Prometheus's own metrics are not scraped"
        return [_finding("storage", "unknown", title, "Add a job for Prometheus itself.", window, "", {})]
    found = []
    for row in storage.to_dict("records"):
        before, after = float(row["bytes_start"]), float(row["bytes_end"])
        grown = before > 0 and after > before * settings.storage_growth
        title = f"Storage of {row['instance']}: {after / 1e6:,.0f} MB, {before / 1e6:,.0f} MB at the start (blocks)"
        evidence = {"bytes_start": before, "bytes_end": after, "retention": row["retention"]}
        found.append(_finding("storage", "low" if grown else "info", title, action, window, row["instance"], evidence))
    return found


def _finding(
    kind: str, severity: Severity, title: str, action: str, window: Window, of: str, evidence: dict[str, Any]
) -> Finding:
    return standing(REPORT, kind, severity, title, action, window, {"of": of}, evidence)
