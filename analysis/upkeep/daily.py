"""The daily check: alerts that were told, anomalies of the day, and the health of the monitoring."""

from collections.abc import Sequence
from datetime import timedelta

import pandas as pd

from analysis.findings import (
    SEVERITIES,
    Coverage,
    Finding,
    FindingsDocument,
    Gap,
    ReportResult,
    Severity,
    TimeSpan,
    finding_id,
    sort_findings,
)
from analysis.prometheus import Prometheus
from analysis.prometheus.promql import selector
from analysis.settings.upkeep import DailyCheckSettings
from analysis.stack.links import prometheus_graph
from analysis.upkeep.fired import firings, is_heartbeat, shares_up, which
from analysis.window import Window
from analysis.words import counted, how_often

REPORT = "daily_check"
FAILED = "sum by (integration) (increase(alertmanager_notifications_failed_total[{span}])) > 0"


def review(
    prom: Prometheus, settings: DailyCheckSettings, window: Window, anomalies: Sequence[Finding] = ()
) -> ReportResult:
    """Look at a day.

    Args:
        prom: the server.
        settings: what belongs to the monitoring.
        window: the day.
        anomalies: findings of other reports in it; they are shown among those of the day.

    Raises:
        SourceError: the server failed.
    """
    fired, targets = firings(prom, window, settings.step), shares_up(prom, window, settings.step)
    findings = [_told(prom, name, rows, window) for name, rows in fired[~is_heartbeat(fired)].groupby("alert")]
    findings += [_down(row, window, settings) for row in targets.to_dict("records") if row["up"] < 1]
    findings += _undelivered(prom, window)
    document = FindingsDocument(
        report=REPORT,
        window=TimeSpan.of(window),
        source=prom.source(),
        queries=prom.queries,
        coverage=coverage(targets, window),
        findings=sort_findings([*findings, *anomalies]),
    )
    return ReportResult(document, {"alerts": fired.assign(labels=fired["labels"].map(which)), "targets": targets}, {})


def coverage(targets: pd.DataFrame, window: Window) -> Coverage:
    """The share of the window in which anything was scraped."""
    if targets.empty:
        gap = Gap(start=window.start, end=window.end, scope="up", reason="nothing was scraped: cannot judge")
        return Coverage(share=0.0, gaps=[gap])
    return Coverage(share=float(targets["seen"].max()))


def _told(prom: Prometheus, name: object, rows: pd.DataFrame, window: Window) -> Finding:
    first, count, going = rows.iloc[0], len(rows), bool(rows["end"].isna().any())
    start, every = first["start"].to_pydatetime(), list(rows["labels"])
    shown = selector("ALERTS", {"alertname": str(name)})
    return Finding(
        id=finding_id(REPORT, "alert", name),
        report=REPORT,
        kind="alert",
        severity=_severity(str(first["severity"])),
        title=f"{name} fired {how_often(count)}" + (", and still does" if going else ""),
        start=start,
        end=None if going else rows["end"].max().to_pydatetime(),
        detected_at=start,
        labels={
            key: value for key, value in first["labels"].items() if all(r.get(key) == value for r in rows["labels"])
        },
        score=float(count),
        evidence={"firings": count, "label_sets": len({tuple(sorted(r.items())) for r in every})},
        action="Was it told, and was it right? If not, see threshold_drift.",
        links={"prometheus": prometheus_graph(prom.api.shown_url, prom.restricted(shown), window)},
    )


def _severity(text: str) -> Severity:
    """The rule's severity where it is one of ours; an alert that names none may be anything."""
    return next((known for known in SEVERITIES if known == text), "unknown")


def _down(row: dict[str, object], window: Window, settings: DailyCheckSettings) -> Finding:
    job, instance, share = str(row["job"]), str(row["instance"]), float(row["up"])  # type: ignore[arg-type]
    own = job in settings.monitoring_jobs
    advice = "scripts/start-monitoring.sh health says what is down, logs says why." if own else "Does it run?"
    return Finding(
        id=finding_id(REPORT, "target_down", job, instance),
        report=REPORT,
        kind="monitoring_down" if own else "target_down",
        severity="medium" if row["now"] else "high",
        title=f"{job} on {instance} did not answer {1 - share:.1%} of its scrapes"
        + ("" if row["now"] else ", and does not now"),
        start=window.start,
        end=window.end if row["now"] else None,
        detected_at=window.end - timedelta(milliseconds=1),
        labels={"job": job, "instance": instance},
        score=1 - share,
        evidence={"up_share": share, "seen_share": row["seen"]},
        action=advice,
    )


def _undelivered(prom: Prometheus, window: Window) -> list[Finding]:
    """Notifications that Alertmanager could not deliver."""
    span = f"{int(window.duration.total_seconds())}s"
    failed = prom.instant(FAILED.format(span=span), window.end)
    found = []
    for key, count in failed.items():
        name = str(key[0] if isinstance(key, tuple) else key)
        found.append(
            Finding(
                id=finding_id(REPORT, "undelivered", name),
                report=REPORT,
                kind="undelivered",
                severity="high",
                title=f"About {counted(round(count), 'notification')} not delivered through {name}",
                start=window.start,
                end=window.end,
                detected_at=window.end - timedelta(milliseconds=1),
                labels={"integration": name},
                score=float(count),
                evidence={"failed_count": float(count)},
                action="scripts/start-monitoring.sh logs alertmanager says why.",
            )
        )
    return found
