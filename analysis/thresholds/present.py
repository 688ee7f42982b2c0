"""Verdicts as rows, findings and coverage."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

import numpy as np

from analysis.findings import Coverage, Finding, Gap, finding_id
from analysis.prometheus import Prometheus
from analysis.settings.thresholds import ThresholdDriftSettings
from analysis.stack.links import grafana_explore, prometheus_graph
from analysis.thresholds.identity import Identity
from analysis.thresholds.measure import Measured
from analysis.thresholds.missing import NOTHING_HELD
from analysis.thresholds.propose import Proposal
from analysis.thresholds.subjects import values_of
from analysis.thresholds.verdicts import Judgement, RuleEvidence
from analysis.window import Window, format_duration, format_time

REPORT = "threshold_drift"
OWNER_LABELS = ("team", "owner")  # of a rule, naming who looks after it
_TUNED = ("too_tight", "too_loose", "flapping")
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


def row_of(item: Measured, evidence: RuleEvidence, judgement: Judgement) -> dict[str, object]:
    """One row of the table of rules."""
    shift = item.shift
    return {
        "file": item.group.file,
        "group": item.group.name,
        "rule": item.rule.index,
        "alert": item.rule.name,
        "verdict": judgement.verdict,
        "threshold": item.threshold,
        "for": format_duration(item.rule.for_duration),
        "days_of_data": evidence.days,
        "alerts": evidence.alerts,
        "firing_minutes": evidence.firing_minutes,
        "flaps": evidence.flaps,
        "headroom_before": shift.before if shift else None,
        "headroom_now": shift.now if shift else None,
        "smallest_detectable_shift": shift.smallest_detectable if shift else None,
        "daily_correlation": shift.correlation if shift else None,
        "p_value": shift.p_value if shift else None,
        "reason": judgement.reason,
    }


def finding_of(
    prom: Prometheus,
    item: Measured,
    identity: Identity,
    evidence: RuleEvidence,
    judgement: Judgement,
    window: Window,
    settings: ThresholdDriftSettings,
) -> Finding:
    """A verdict as a finding."""
    row = row_of(item, evidence, judgement)
    numbers = {key: row[key] for key in row if key not in ("file", "group", "rule", "alert", "reason", "verdict")}
    shown_expr = prom.restricted(item.rule.expr)
    links = {"prometheus": prometheus_graph(prom.source().url, shown_expr, window)}
    if settings.grafana_url:
        links["grafana"] = grafana_explore(settings.grafana_url, "prometheus", shown_expr, window)
    if item.proposal and item.proposal.recommended:
        numbers["proposal"] = values_of(item.proposal.recommended)
    if item.proposal:
        numbers["proposal_reason"] = item.proposal.reason
        numbers |= _prediction(item.proposal)
    if owner := next((item.rule.labels[name] for name in OWNER_LABELS if item.rule.labels.get(name)), None):
        numbers["owner"] = owner
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
        action=_action(item, judgement),
        links=links,
    )


def _prediction(proposal: Proposal) -> dict[str, object]:
    """What is expected of the recommended values, of today's where there are none: kept with a decision."""
    expected = proposal.expected
    if expected is None:
        return {}
    rate = proposal.per_month["alerts_per_month_recommended" if proposal.recommended else "alerts_per_month_current"]
    predicted = {
        "before": values_of(proposal.current),
        "made_for": values_of(proposal.recommended or proposal.current),
        "alerts_per_month": rate,
        "level": expected.level,
        "by_days": {str(days): list(bounds) for days, bounds in expected.by_days.items()},
    }
    return {
        "expected_alerts_per_month": rate,
        "expected_alerts_low": expected.low,
        "expected_alerts_high": expected.high,
        "prediction": predicted,
        **({"expected_alerts_limits": expected.limits} if expected.limits else {}),
    }


def _action(item: Measured, judgement: Judgement) -> str:
    """What to do: the recommended values where there are some."""
    if not item.proposal or not item.proposal.recommended or judgement.verdict not in _TUNED:
        return _ACTIONS[judgement.verdict]
    values = values_of(item.proposal.recommended)
    texts = [f"{key} {value}" for key, value in values.items() if value != values_of(item.proposal.current)[key]]
    return f"Try {', '.join(texts)}: {item.proposal.reason}."


def _title(name: str, judgement: Judgement) -> str:
    return f"{name} {judgement.reason}" if judgement.verdict in ("drifting", "dead") else f"{name}: {judgement.reason}"


def no_rule_judged(judged: Sequence[tuple[Measured, Sequence[Judgement]]], window: Window) -> Finding:
    """The one finding of a review in which every rule is ``unknown``; the gaps say why of each."""
    [(reason, _), *_] = Counter(judgements[0].reason for _, judgements in judged).most_common(1)
    title = f"None of {len(judged)} alert rules could be judged: {reason}"
    return _not_judged(title, len(judged), _ACTIONS["unknown"], window)


def no_rule_shown(why: str, window: Window) -> Finding:
    """The one finding of a review of a server that lets nobody see its rules."""
    action = "Name the files of the rules that others evaluate (vmalert, a ruler) as `rule_files`."
    return _not_judged(f"No alert rule could be judged: {why}", 0, action, window)


def _not_judged(title: str, rules: int, action: str, window: Window) -> Finding:
    return Finding(
        id=finding_id(REPORT, "not_judged"),
        report=REPORT,
        kind="unknown",
        severity="unknown",
        title=title,
        start=window.start,
        end=None,
        detected_at=window.end,
        evidence={"rules": rules},
        action=action,
    )


def coverage_of(judged: Sequence[tuple[Measured, Sequence[Judgement]]], window: Window, unseen: str = "") -> Coverage:
    """Which share of the window the rules had data in, and which rules could not be judged, each with its reason.

    Args:
        judged: the rules with their verdicts.
        window: the month under review.
        unseen: why the server shows no rules, where it does not.
    """
    length = window.duration / timedelta(days=1)
    reviewed = [item for item, _ in judged]
    shares = [min(1.0, item.days / length) for item in reviewed if item.is_judged]
    gaps = [
        Gap(start=window.start, end=window.end, scope=item.rule.name, reason=_gap_text(item, judgements[0]))
        for item, judgements in judged
        if not item.is_judged or judgements[0].verdict == "unknown"
    ]
    if not judged:
        gaps.append(
            Gap(start=window.start, end=window.end, scope="rules", reason=unseen or "the server has no alerting rules")
        )
    if any(item.problem == NOTHING_HELD for item in reviewed):
        return Coverage(share=0.0, gaps=gaps)
    return Coverage(share=float(np.mean(shares)) if shares else None, gaps=gaps)


def _gap_text(item: Measured, judgement: Judgement) -> str:
    if item.is_judged:
        return judgement.reason
    if item.problem:
        return item.problem
    if not item.is_evaluated:
        return "its group has not been evaluated"
    return f"nothing exposes {', '.join(item.missing)}"
