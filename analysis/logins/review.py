"""The login review: what was detected, as findings and tables."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from analysis.findings import (
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
from analysis.logins.attribution import attribution, dominant
from analysis.logins.classify import ACTION, SEVERITY, Class, classify
from analysis.logins.collect import SIGNALS, collect, shown_query
from analysis.logins.detect import Detection, detect
from analysis.logins.signals import OTHERS, without_harmless
from analysis.logins.watch import LEAST_EXCESS, Alarm, Watch
from analysis.prometheus import Prometheus
from analysis.series.validity import stretches
from analysis.settings.logins import LoginAnomaliesSettings
from analysis.stack.links import grafana_explore, prometheus_graph
from analysis.window import Window, format_duration

REPORT = "login_anomalies"
NOUNS = {
    "failures": "failed logins",
    "successes": "successful logins",
    "token_failures": "rejected tokens",
    "tokens": "issued tokens",
    "sessions": "sessions at each step, summed up,",
}
ENTERED = 6.0  # standard deviations of successes beyond the usual from which on somebody has probably got in
MINIMUM_STEPS = 300  # about a day of five-minute steps; below it there is no rhythm to compare with


def review(prom: Prometheus, settings: LoginAnomaliesSettings, window: Window) -> ReportResult:
    """Find attacks and outages of a login.

    Args:
        prom: the server.
        settings: which signals, and what is promised.
        window: what is reported; the history before it is asked for too.
    """
    frames = collect(prom, settings, window)
    signals = [name for name in SIGNALS if name in frames]
    missing = [getattr(settings, name).metric for name in SIGNALS if name not in frames]
    if not signals or len(frames[signals[0]]) < MINIMUM_STEPS:
        return _not_judged(prom, settings, window, missing)
    detection = detect(frames, settings)
    findings = []
    for event in detection.events:
        finding = _finding(prom, event, detection, frames, settings)
        if window.start <= finding.detected_at < window.end:
            findings.append(finding)
    document = FindingsDocument(
        report=REPORT,
        window=TimeSpan.of(window),
        source=prom.source(),
        queries=prom.queries,
        coverage=_coverage(detection, window, missing),
        findings=sort_findings(findings),
        step=format_duration(detection.step.to_pytimedelta()),
        hunting=[],
    )
    return ReportResult(document, {"events": _events(findings)}, _frames(detection, window))


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
    return ReportResult(document, {"events": _events([])}, {})


def _finding(
    prom: Prometheus,
    event: tuple[Alarm, ...],
    detection: Detection,
    frames: Mapping[str, pd.DataFrame],
    settings: LoginAnomaliesSettings,
) -> Finding:
    found = classify(event, detection, settings)
    leading = [
        a for a in event if a.watch.signal == found.signal and a.watch.direction == found.leading.watch.direction
    ]
    span = min(a.first for a in leading), max(a.last for a in leading)
    watch, frame = shown_by(found, detection, frames, settings)
    inside = slice(span[0], span[1] + 1)
    usual = frame.loc[_usual_steps(detection, inside).to_numpy()].fillna(0.0).sum()
    expected = float(watch.expected.iloc[inside].sum())
    counted = in_use(frame.iloc[inside], detection)
    rows = attribution(counted, usual, expected)
    labels = {**dominant(rows), **(found.leading.watch.labels if found.signal == "successes" else {})}
    labels = {label: value for label, value in labels.items() if value != OTHERS}
    start, end = _edge(detection, span[0]), detection.valid.index[span[1]].to_pydatetime()
    actual = float(counted.to_numpy().sum())
    away = (watch.actual - watch.expected).abs().iloc[inside]
    errors = found.leading.watch.z.iloc[inside].max()
    evidence: dict[str, Any] = {
        "excess": actual - expected,
        "actual_count": actual,
        "expected_count": expected,
        "peak_standard_deviations": float(errors),
        "detector_step_seconds": detection.step.total_seconds(),
        "false_alarms_per_month_promised": settings.false_alarms_per_month,
        "attribution": rows,
    }
    return Finding(
        id=finding_id(REPORT, found.kind, start),
        report=REPORT,
        kind=found.kind,
        severity=_severity(found, labels, span, detection, settings),
        title=_title(found, labels, actual, expected),
        start=start,
        end=end,
        detected_at=detection.valid.index[min(a.detected for a in event)].to_pydatetime(),
        peak_at=(away.idxmax() if away.notna().any() else end).to_pydatetime(),
        labels=labels,
        score=max(alarm.score for alarm in event),
        evidence=evidence,
        action=ACTION[found.kind],
        links=_links(prom, found, labels, Window(start, end), settings),
    )


def _edge(detection: Detection, place: int) -> datetime:
    instant: datetime = (detection.valid.index[place] - detection.step).to_pydatetime()
    return instant


def _usual_steps(detection: Detection, inside: slice) -> pd.Series:
    """Steps that show what is usual: judged, and outside of every event."""
    usual = detection.valid.copy()
    usual.iloc[inside] = False
    for event in detection.events:
        usual.iloc[min(a.first for a in event) : max(a.last for a in event) + 1] = False
    return usual if usual.any() else detection.valid


def shown_by(
    found: Class, detection: Detection, frames: Mapping[str, pd.DataFrame], settings: LoginAnomaliesSettings
) -> tuple[Watch, pd.DataFrame]:
    """The watch that an event's numbers come from, and the counts that it watched.

    The whole signal, except for logins from one country, which drown in those from all others.
    """
    frame = without_harmless(found.signal, frames[found.signal], settings)
    leading, country = found.leading.watch, settings.country_label
    if found.signal == "successes" and country in leading.labels and leading.labels[country] != OTHERS:
        return leading, frame.loc[:, frame.columns.get_level_values(country) == leading.labels[country]]
    whole = [w for w in detection.watches if w.signal == found.signal and not w.labels]
    return (whole or [leading])[0], frame


def in_use(counts: pd.DataFrame, detection: Detection) -> pd.DataFrame:
    """Counts of the instances that can be trusted; the others read as nothing, as they did in detection."""
    seen = detection.shown.seen
    kept = counts.fillna(0.0)
    if not len(seen.columns) or seen.columns.name not in counts.columns.names:
        return kept
    of = counts.columns.get_level_values(seen.columns.name)
    trusted = seen.loc[counts.index].reindex(columns=of, fill_value=True).to_numpy()
    judged = detection.valid.loc[counts.index].to_numpy()[:, None]
    return kept.where(trusted & judged, 0.0)


def _severity(
    found: Class,
    labels: Mapping[str, str],
    span: tuple[int, int],
    detection: Detection,
    settings: LoginAnomaliesSettings,
) -> Severity:
    """Failures that are followed by successes from the same country weigh more: somebody may have got in."""
    country = settings.country_label
    if found.signal != "failures" or country not in labels:
        return SEVERITY[found.kind]
    hour = round(pd.Timedelta(hours=1) / detection.step)
    for watch in detection.watches:
        if watch.signal == "successes" and watch.labels == {country: labels[country]}:
            inside = slice(span[0], span[1] + 1 + hour)
            excess = float((watch.actual.iloc[inside] - watch.expected.iloc[inside]).sum())
            if excess > LEAST_EXCESS and excess > ENTERED * np.sqrt(float(watch.expected.iloc[inside].sum()) + 1):
                return "critical"
    return SEVERITY[found.kind]


def _title(found: Class, labels: Mapping[str, str], actual: float, expected: float) -> str:
    name = found.kind.replace("_", " ").capitalize().replace("Jwt", "JWT").replace("Mfa", "MFA")
    where = f" ({', '.join(f'{k} {v}' for k, v in sorted(labels.items()))})" if labels else ""
    return f"{name}{where}: {actual:,.0f} {NOUNS[found.signal]} where {expected:,.0f} are usual"


def _links(
    prom: Prometheus, found: Class, labels: Mapping[str, str], window: Window, settings: LoginAnomaliesSettings
) -> dict[str, str]:
    expr = shown_query(getattr(settings, found.signal), labels)
    links = {"prometheus": prometheus_graph(prom.source().url, expr, window)}
    if settings.grafana_url:
        links["grafana"] = grafana_explore(settings.grafana_url, "prometheus", expr, window)
    return links


def _coverage(detection: Detection, window: Window, missing: list[str]) -> Coverage:
    index = detection.valid.index
    inside = (index > window.start) & (index <= window.end)
    gaps = [
        Gap(start=max(gap.start, window.start), end=min(gap.end, window.end), scope=str(name), reason=_why())
        for name in detection.instances.columns
        for gap in stretches(~detection.instances[name][inside], detection.step)
    ]
    gaps += [Gap(start=window.start, end=window.end, scope=name, reason="no such metric") for name in missing]
    data = [watch.actual for watch in detection.watches]
    first = min(series.first_valid_index() or index[-1] for series in data)
    if first > window.start + detection.step * 2:
        gaps.append(Gap(start=window.start, end=first.to_pydatetime(), scope="login", reason="no data yet"))
    judged = (detection.valid[inside] & (index[inside] >= first)).sum()
    steps = max(1.0, window.duration / detection.step)
    return Coverage(share=min(1.0, float(judged / steps)), gaps=sorted(gaps, key=lambda gap: gap.start))


def _why() -> str:
    return "lost scrape, restart or partial bucket: cannot judge"


def _events(findings: list[Finding]) -> pd.DataFrame:
    columns = ["severity", "kind", "title", "start", "end", "detected_at", "score"]
    rows = [{name: getattr(finding, name) for name in columns} for finding in findings]
    return pd.DataFrame(rows, columns=columns)


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
