"""The login review: what was detected, as findings and tables."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pandas as pd

from analysis.findings import (
    Coverage,
    Finding,
    FindingsDocument,
    Gap,
    ReportResult,
    TimeSpan,
    finding_id,
    sort_findings,
)
from analysis.logins.classify import ACTION
from analysis.logins.collect import SIGNALS, collect, shown_query
from analysis.logins.coverage import coverage
from analysis.logins.detect import Detection, detect
from analysis.logins.evidence import Evidence, explain
from analysis.logins.hunting import hunting
from analysis.logins.signals import MOST_VALUES
from analysis.logins.watch import Alarm
from analysis.prometheus import Prometheus
from analysis.prometheus.promql import selector
from analysis.settings.logins import LoginAnomaliesSettings
from analysis.stack.links import grafana_explore, prometheus_graph
from analysis.window import Window, format_duration
from analysis.words import short

REPORT = "login_anomalies"
NOUNS = {
    "failures": "failed logins",
    "successes": "successful logins",
    "token_failures": "rejected tokens",
    "tokens": "issued tokens",
    "sessions": "sessions at each step, summed up,",
}
TITLES = {  # of the kinds whose name does not say what happened
    "jwt_forgery": "Forged tokens",
    "mfa_fatigue": "MFA fatigue",
    "off_hours_success": "Logins at an unusual hour",
    "unusual_country": "Logins from an unusual country",
    "unclassified": "Something unusual at the login",
}
MINIMUM_STEPS = 300  # about a day of five-minute steps; below it there is no rhythm to compare with


def review(prom: Prometheus, settings: LoginAnomaliesSettings, window: Window) -> ReportResult:
    """Find attacks and outages of a login.

    Args:
        prom: the server.
        settings: which signals, and what is promised.
        window: what is reported; the history before it is asked for too.

    Example:
        >>> from analysis.settings.logins import LoginAnomaliesSettings
        >>> settings = LoginAnomaliesSettings(month="2026-10")
        >>> [finding.severity for finding in review(prom, settings, settings.window()).document.findings]
        ['unknown']
    """
    frames = collect(prom, settings, window)
    signals = [name for name in SIGNALS if name in frames]
    missing = _missing(settings, frames)
    if not signals or len(frames[signals[0]]) < MINIMUM_STEPS:
        return _not_judged(prom, settings, window, [metric for metric, _ in missing])
    detection = detect(frames, settings)
    findings = []
    for event in detection.events:
        finding = _finding(prom, event, detection, frames, settings)
        if window.start <= finding.detected_at < window.end:
            findings.append(finding)
    strange = hunting(detection, window, settings.timezone)
    document = FindingsDocument(
        report=REPORT,
        window=TimeSpan.of(window),
        source=prom.source(),
        queries=prom.queries,
        coverage=coverage(detection, window, missing),
        findings=sort_findings(findings),
        step=format_duration(detection.step.to_pytimedelta()),
        false_alarms_per_month=settings.false_alarms_per_month,
        hunting=strange,
    )
    tables = {"events": _events(findings), "hunting": _hunted(strange)}
    return ReportResult(document, tables, _frames(detection, window) | {"parts": _parts(frames, window)})


def _missing(settings: LoginAnomaliesSettings, frames: Mapping[str, pd.DataFrame]) -> list[tuple[str, str]]:
    """Metrics without a sample, and why: what further labels were asked for may be what is wrong."""
    signals = [getattr(settings, name) for name in SIGNALS if name not in frames]
    return [(s.metric, f"no series {selector(s.metric, s.match)}" if s.match else "no such metric") for s in signals]


def _not_judged(prom: Prometheus, settings: LoginAnomaliesSettings, window: Window, missing: list[str]) -> ReportResult:
    """One finding that says what is missing: silence would read as "nothing happened"."""
    names = ", ".join(missing) if missing else "a day of data"
    text = f"The login could not be judged: this server has no {names} in the window."
    finding = Finding(
        id=finding_id(REPORT, "not_judged"),
        report=REPORT,
        kind="unclassified",
        severity="unknown",
        title=text,
        start=window.start,
        end=window.end,
        detected_at=window.end - timedelta(milliseconds=1),
        action="Name your own login metrics in params/login_anomalies.yaml.",
    )
    gap = Gap(start=window.start, end=window.end, scope="login", reason=f"no {names}")
    document = FindingsDocument(
        report=REPORT,
        window=TimeSpan.of(window),
        source=prom.source(),
        queries=prom.queries,
        coverage=Coverage(share=0.0, gaps=[gap]),
        findings=[finding],
        step=settings.step,
        hunting=[],
    )
    return ReportResult(document, {"events": _events([]), "hunting": _hunted([])}, {})


def _finding(
    prom: Prometheus,
    event: tuple[Alarm, ...],
    detection: Detection,
    frames: Mapping[str, pd.DataFrame],
    settings: LoginAnomaliesSettings,
) -> Finding:
    found = explain(event, detection, frames, settings)
    index = detection.valid.index
    start = (index[found.first] - detection.step).to_pydatetime()
    over = index[found.last].to_pydatetime()
    evidence: dict[str, Any] = {
        "excess": found.actual - found.expected,
        "actual_count": found.actual,
        "expected_count": found.expected,
        "peak_standard_deviations": found.deviations,
        "detector_step_seconds": detection.step.total_seconds(),
        "false_alarms_per_month_promised": settings.false_alarms_per_month,
        "attribution": found.rows,
    }
    return Finding(
        id=finding_id(REPORT, found.kind, start),
        report=REPORT,
        kind=found.kind,
        severity=found.severity,
        title=_title(found),
        start=start,
        end=over if found.last < len(index) - 1 else None,
        detected_at=index[found.detected].to_pydatetime(),
        peak_at=index[found.peak].to_pydatetime(),
        labels=found.labels,
        score=found.score,
        evidence=evidence,
        action=ACTION[found.kind],
        links=_links(prom, found, Window(start, over), settings),
    )


def _title(found: Evidence) -> str:
    name = TITLES.get(found.kind, found.kind.replace("_", " ").capitalize())
    where = f" ({', '.join(f'{k} {short(v)}' for k, v in sorted(found.labels.items()))})" if found.labels else ""
    usual = f"{found.expected:,.0f}" if round(found.expected) else "none"
    return f"{name}{where}: {found.actual:,.0f} {NOUNS[found.signal]} where {usual} are usual"


def _links(prom: Prometheus, found: Evidence, window: Window, settings: LoginAnomaliesSettings) -> dict[str, str]:
    expr = prom.restricted(shown_query(getattr(settings, found.signal), found.labels))
    links = {"prometheus": prometheus_graph(prom.source().url, expr, window)}
    if settings.grafana_url:
        links["grafana"] = grafana_explore(settings.grafana_url, "prometheus", expr, window)
    return links


def _events(findings: list[Finding]) -> pd.DataFrame:
    columns = ["severity", "kind", "title", "start", "end", "detected_at", "score"]
    rows = [{name: getattr(finding, name) for name in columns} for finding in findings]
    return pd.DataFrame(rows, columns=columns)


def _parts(frames: Mapping[str, pd.DataFrame], window: Window) -> pd.DataFrame:
    """Counts by the largest values of each label, to narrow an event down; columns signal, label, value."""
    columns: dict[tuple[str, str, str], pd.Series] = {}
    for name in SIGNALS:
        frame = frames.get(name, pd.DataFrame())
        inside = frame.loc[(frame.index > window.start) & (frame.index <= window.end)] if len(frame) else frame
        for label in inside.columns.names if len(frame) else ():
            by_value = inside.T.groupby(level=label).sum(min_count=1).T
            largest = by_value.sum().sort_values(ascending=False, kind="stable").index[:MOST_VALUES]
            columns |= {(name, str(label), str(value)): by_value[value] for value in largest}
    return pd.DataFrame(columns) if columns else pd.DataFrame()


def _hunted(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """The hunting list as a table: what stood out is one text."""
    shown = [
        {**row, "strongest": ", ".join(f"{s['watch']} {s['standard_deviations']:+.1f}" for s in row["strongest"])}
        for row in rows
    ]
    return pd.DataFrame(shown, columns=["view", "start", "end", "score", "strongest"])


def _frames(detection: Detection, window: Window) -> dict[str, pd.DataFrame]:
    """Actual and expected counts of every watch, for the figures."""
    index = detection.valid.index
    inside = (index > window.start) & (index <= window.end)
    columns = {}
    for watch in detection.watches:
        columns[watch.name, "actual"] = watch.actual[inside]
        columns[watch.name, "expected"] = watch.expected[inside]
    counts = pd.DataFrame(columns)
    counts.columns.names = ["watch", "kind"]
    return {"counts": counts, "valid": detection.valid[inside].to_frame("valid")}
