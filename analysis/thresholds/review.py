"""The threshold review: every alerting rule of the server, with a verdict and its evidence."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pandas as pd

from analysis.errors import PromreviewError
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
from analysis.prometheus import Prometheus
from analysis.prometheus.promql import metric_names, selector
from analysis.prometheus.rules import Rule, RuleGroup
from analysis.settings.thresholds import ThresholdDriftSettings
from analysis.stack.links import grafana_explore, prometheus_graph
from analysis.thresholds.alerts import alerts_of, firings
from analysis.thresholds.collect import RuleSamples, grid_of, reviewed_rules, rule_groups, samples_of
from analysis.thresholds.drift import Shift, discoveries, shift_of
from analysis.thresholds.headroom import daily_headroom
from analysis.thresholds.verdicts import Judgement, RuleEvidence, judge
from analysis.window import Window, format_duration, format_time, parse_duration

REPORT = "threshold_drift"
_ACTIONS = {
    "dead": "Fix the metric's name or its exporter, or delete the rule.",
    "too_tight": "Raise the threshold or the `for`; see what it would have done with `promreview rules whatif`.",
    "too_loose": "Tighten the threshold; see what it would have done with `promreview rules whatif`.",
    "flapping": "Lengthen `for` or add `keep_firing_for`, so that one incident is one alert.",
    "drifting": "Look at what moves; adapt the threshold before it fires, or while it has stopped protecting.",
    "never_evaluated": "Look at the rule's group: it is not evaluated.",
    "unknown": "Wait for more data, or fill the archive from a longer-lived source.",
    "fits": "Nothing to do.",
}


@dataclass(frozen=True)
class _Reviewed:
    """One rule with what was measured of it."""

    group: RuleGroup
    rule: Rule
    samples: RuleSamples | None
    firings: pd.DataFrame
    headroom: pd.Series | None
    shift: Shift | None
    missing: tuple[str, ...]
    problem: str = ""


def review(
    prom: Prometheus,
    settings: ThresholdDriftSettings,
    window: Window,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> ReportResult:
    """Review every alerting rule.

    Args:
        prom: the server.
        settings: which rules, how much history, what budget.
        window: the month under review.
        progress: called with the number of rules done and of all.

    Raises:
        SourceError: the server cannot be asked at all; a single broken rule does not raise.
    """
    rules = reviewed_rules(rule_groups(prom, settings), settings)
    existing = _existing_metrics(prom, rules, window)
    reviewed = []
    for place, (group, rule) in enumerate(rules, start=1):
        reviewed.append(_measure(prom, group, rule, settings, window, existing))
        progress(place, len(rules))
    real = iter(discoveries([r.shift for r in reviewed if r.shift], settings.false_discovery_rate))
    rows, findings = [], []
    for item in reviewed:
        evidence = _evidence(item, window, settings, is_real=next(real) if item.shift else False)
        judgements = _judged(item, evidence, window, settings)
        rows.append(_row(item, evidence, judgements[0]))
        told = [judgement for judgement in judgements if judgement.verdict != "fits"]
        findings += [_finding(prom, item, evidence, judgement, window, settings) for judgement in told]
    document = FindingsDocument(
        report=REPORT,
        window=TimeSpan.of(window),
        source=prom.source(),
        queries=prom.queries,
        coverage=_coverage(reviewed, window),
        findings=sort_findings(findings),
    )
    return ReportResult(document, {"rules": pd.DataFrame(rows)}, _frames(reviewed))


def _existing_metrics(prom: Prometheus, rules: list[tuple[RuleGroup, Rule]], window: Window) -> set[str]:
    """Which of the metrics that rules name existed in the window."""
    names = {name for _, rule in rules for name in metric_names(rule.expr)}
    if not names:
        return set()
    match = [selector(name) for name in sorted(names)]
    return set(prom.label_values("__name__", match, window))


def _history(window: Window, settings: ThresholdDriftSettings) -> Window:
    return Window(window.start - timedelta(days=31 * settings.history_months), window.end)


def _measure(
    prom: Prometheus,
    group: RuleGroup,
    rule: Rule,
    settings: ThresholdDriftSettings,
    window: Window,
    existing: set[str],
) -> _Reviewed:
    nothing = firings([], window)
    try:
        absent_ok = "absent" in rule.expr
        missing = tuple(name for name in metric_names(rule.expr) if name not in existing and not absent_ok)
        if missing and not any(name in existing for name in metric_names(rule.expr)):
            return _Reviewed(group, rule, None, nothing, None, None, missing)
        default = parse_duration(settings.default_interval)
        grid = grid_of(prom, group, window, default, prom.source().version)
        samples = samples_of(prom, group, rule, grid, _history(window, settings))
        fired = firings(alerts_of(samples), window)
        headroom = daily_headroom(samples, settings.timezone)
        start = pd.Timestamp(window.start).tz_convert(settings.timezone)
        shift = None
        if headroom is not None:
            shift = shift_of(headroom, start, settings.minimum_days, settings.bootstrap_samples)
        return _Reviewed(group, rule, samples, fired, headroom, shift, ())
    except PromreviewError as error:
        if error.exit_code == 3:
            raise
        return _Reviewed(group, rule, None, nothing, None, None, (), str(error))


def _evidence(item: _Reviewed, window: Window, settings: ThresholdDriftSettings, *, is_real: bool) -> RuleEvidence:
    gap = parse_duration(settings.flap_gap)
    pauses = item.firings.groupby("alert").apply(lambda f: (f["start"] - f["end"].shift()) < gap, include_groups=False)
    minutes = (item.firings["end"] - item.firings["start"]).sum() / pd.Timedelta(minutes=1)
    return RuleEvidence(
        alerts=len(item.firings),
        flaps=int(np.asarray(pauses).sum()) if len(item.firings) else 0,
        firing_minutes=float(minutes),
        days=_days_with_data(item, window),
        shift=item.shift,
        is_shift_real=is_real,
        missing=item.missing,
    )


def _days_with_data(item: _Reviewed, window: Window) -> float:
    """Days of the window in which the compared side had any sample; a rule without one counts them all."""
    if item.samples is None:
        return 0.0
    present = item.samples.decoded.present.any(axis=1)
    inside = np.asarray(item.samples.decoded.frame.index >= window.start)
    if item.samples.compared is None:
        return window.duration / timedelta(days=1)
    return float((present & inside).sum() * (item.samples.grid.interval / timedelta(days=1)))


def _judged(
    item: _Reviewed, evidence: RuleEvidence, window: Window, settings: ThresholdDriftSettings
) -> list[Judgement]:
    if item.problem:
        return [Judgement("unknown", "unknown", f"could not be replayed: {item.problem}")]
    return judge(evidence, window, settings)


def _row(item: _Reviewed, evidence: RuleEvidence, judgement: Judgement) -> dict[str, object]:
    shift = item.shift
    return {
        "file": item.group.file,
        "group": item.group.name,
        "rule": item.rule.index,
        "alert": item.rule.name,
        "verdict": judgement.verdict,
        "threshold": item.samples.compared.threshold if item.samples and item.samples.compared else None,
        "for": format_duration(item.rule.for_duration),
        "alerts": evidence.alerts,
        "firing_minutes": evidence.firing_minutes,
        "flaps": evidence.flaps,
        "headroom_before": shift.before if shift else None,
        "headroom_now": shift.now if shift else None,
        "smallest_detectable_shift": shift.smallest_detectable if shift else None,
        "p_value": shift.p_value if shift else None,
        "reason": judgement.reason,
    }


def _finding(
    prom: Prometheus,
    item: _Reviewed,
    evidence: RuleEvidence,
    judgement: Judgement,
    window: Window,
    settings: ThresholdDriftSettings,
) -> Finding:
    row = _row(item, evidence, judgement)
    identity = (item.group.file, item.group.name, item.rule.name, item.rule.index)
    numbers = {key: row[key] for key in row if key not in ("file", "group", "rule", "alert", "reason", "verdict")}
    links = {"prometheus": prometheus_graph(prom.source().url, item.rule.expr, window)}
    if settings.grafana_url:
        links["grafana"] = grafana_explore(settings.grafana_url, "prometheus", item.rule.expr, window)
    if judgement.reached_at:
        numbers["threshold_reached_at"] = format_time(judgement.reached_at)
    return Finding(
        id=finding_id(REPORT, judgement.verdict, *identity),
        report=REPORT,
        kind=judgement.verdict,
        severity=judgement.severity,
        title=_title(item.rule.name, judgement),
        start=window.start,
        end=None,
        detected_at=window.end,
        labels={"alertname": item.rule.name, "group": item.group.name, "file": item.group.file},
        evidence=numbers,
        action=_ACTIONS[judgement.verdict],
        links=links,
    )


def _title(name: str, judgement: Judgement) -> str:
    return f"{name} {judgement.reason}" if judgement.verdict == "drifting" else f"{name}: {judgement.reason}"


def _coverage(reviewed: list[_Reviewed], window: Window) -> Coverage:
    length = window.duration / timedelta(days=1)
    measured = [item for item in reviewed if item.samples is not None]
    shares = [min(1.0, _days_with_data(item, window) / length) for item in measured]
    gaps = [
        Gap(start=window.start, end=window.end, scope=item.rule.name, reason=item.problem or _missing_text(item))
        for item in reviewed
        if item.samples is None
    ]
    if not reviewed:
        gaps.append(Gap(start=window.start, end=window.end, scope="rules", reason="the server has no alerting rules"))
    return Coverage(share=float(np.mean(shares)) if shares else None, gaps=gaps)


def _missing_text(item: _Reviewed) -> str:
    return f"nothing exposes {', '.join(item.missing)}"


def _frames(reviewed: list[_Reviewed]) -> dict[str, pd.DataFrame]:
    headroom = {item.rule.name: item.headroom for item in reviewed if item.headroom is not None}
    fired = [item.firings.assign(name=item.rule.name) for item in reviewed if len(item.firings)]
    return {
        "headroom": pd.DataFrame(headroom),
        "firings": pd.concat(fired, ignore_index=True) if fired else pd.DataFrame(columns=["name", "start", "end"]),
    }
