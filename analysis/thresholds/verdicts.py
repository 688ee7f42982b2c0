"""From numbers to a verdict on a rule, each with the sentence that a meeting needs."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from analysis.findings import Severity
from analysis.settings.thresholds import ThresholdDriftSettings
from analysis.thresholds.documents import Verdict
from analysis.thresholds.drift import Shift
from analysis.thresholds.outcomes import MOSTLY
from analysis.window import Window
from analysis.words import counted

DAYS_PER_MONTH = 30.0


@dataclass(frozen=True)
class RuleEvidence:
    """What is known about one rule in one window.

    Attributes:
        alerts: times that an alert entered firing.
        flaps: of these, how many came soon after the last one had resolved.
        firing_minutes: time spent firing, over all label sets.
        days: days of the window that have data.
        shift: comparison of headroom with the months before; None where the rule has no threshold.
        is_shift_real: the shift survived the test over all rules.
        missing: metrics that the rule asks for and nobody has.
        unmatched: which labels it asks for that no series of an existing metric had; a sentence each.
        problem: why it could not be replayed.
        is_evaluated: whether the server has evaluated it at all.
        pages: notifications that no incident, maintenance or silence excuses; None where they were not counted.
        incidents: labelled incidents that it should have caught.
        missed: of these, how many it did not catch in time.
        standing_share: of the window, for which one label set fired without an excuse.
    """

    alerts: int
    flaps: int
    firing_minutes: float
    days: float
    shift: Shift | None
    is_shift_real: bool
    missing: tuple[str, ...] = ()
    unmatched: tuple[str, ...] = ()
    problem: str = ""
    is_evaluated: bool = True
    pages: int | None = None
    incidents: int = 0
    missed: int = 0
    standing_share: float = 0.0


@dataclass(frozen=True)
class Judgement:
    """Verdict, severity of the finding, the reason in words, and when a drifting rule starts to fire."""

    verdict: Verdict
    severity: Severity
    reason: str
    reached_at: datetime | None = None
    reached_early: datetime | None = None
    reached_late: datetime | None = None


def judge(evidence: RuleEvidence, window: Window, settings: ThresholdDriftSettings) -> list[Judgement]:
    """The verdicts on a rule, the gravest first; what cannot be judged is ``unknown``, with what it would take."""
    if not evidence.is_evaluated:
        return [Judgement("never_evaluated", "high", "has never been evaluated by this server")]
    if evidence.problem:
        return [Judgement("unknown", "unknown", f"could not be replayed: {evidence.problem}")]
    if evidence.missing:
        return [Judgement("dead", "high", f"can never fire: nothing exposes {', '.join(evidence.missing)}")]
    if evidence.days < min(settings.minimum_days, window.duration / timedelta(days=1) / 2):
        reason = f"{evidence.days:.1f} days of data; a verdict takes {settings.minimum_days}"
        reason = "; ".join([*evidence.unmatched, reason])
        return [Judgement("unknown", "unknown", reason)]
    found = [*_judge_recall(evidence), *_judge_noise(evidence, settings)]
    moved = _judge_headroom(evidence, window, settings)
    if found:  # it is known already that it does not fit
        moved = [judgement for judgement in moved if judgement.verdict != "unknown"]
    found += moved
    return found or [Judgement("fits", "info", _fitting(evidence))]


def _judge_recall(evidence: RuleEvidence) -> list[Judgement]:
    if not evidence.missed:
        return []
    text = f"missed {evidence.missed} of {evidence.incidents} labelled incidents, or was too late"
    return [Judgement("too_loose", "high", text)]


def _judge_noise(evidence: RuleEvidence, settings: ThresholdDriftSettings) -> list[Judgement]:
    budget, found = settings.alerts_per_week * evidence.days / 7, []
    if evidence.flaps > max(2.0, evidence.alerts / 2):
        text = f"{evidence.flaps:,} of {evidence.alerts:,} alerts came within {settings.flap_gap} of the last"
        found.append(Judgement("flapping", "medium", text))
    pages = evidence.alerts if evidence.pages is None else evidence.pages
    if evidence.standing_share > MOSTLY:
        text = f"one label set fired for {evidence.standing_share:.0%} of the window, which tells nobody anything"
        found.append(Judgement("too_tight", "medium", text))
    elif pages > budget and pages > 1:
        told = f"{counted(pages, 'page')} ({counted(evidence.alerts, 'alert')})"
        text = f"{told} in {evidence.days:.0f} days; the noise budget is {budget:.1f}"
        found.append(Judgement("too_tight", "medium", text))
    return found


def _judge_headroom(evidence: RuleEvidence, window: Window, settings: ThresholdDriftSettings) -> list[Judgement]:
    shift = evidence.shift
    if shift is None or math.isnan(shift.now):
        return []
    if shift.p_value is None:
        have = f"{counted(shift.days_before, 'day')} before and {shift.days_now} in the window"
        return [Judgement("unknown", "unknown", f"{have}; a comparison takes {settings.minimum_days} of each")]
    relative = abs(shift.change) / abs(shift.before) if shift.before else math.inf
    if evidence.is_shift_real and relative >= settings.minimum_shift:
        return [_drifting(shift, window, settings)]
    if shift.smallest_detectable > max(abs(shift.before), shift.spread):
        text = f"a shift below {shift.smallest_detectable:.4g} could not have been seen in this much data \
({counted(shift.days_before, 'day')} before, {shift.days_now} in the window); the whole headroom is {shift.before:.4g}"
        if shift.before:
            text += f"; it takes about {days_needed(shift):.0f} days on either side"
        return [Judgement("unknown", "unknown", text)]
    return []


def days_needed(shift: Shift) -> float:
    """Days on either side that would show a shift as large as the whole headroom; errors shrink with their root."""
    return min(shift.days_before, shift.days_now) * (shift.smallest_detectable / abs(shift.before)) ** 2


def _fitting(evidence: RuleEvidence) -> str:
    if evidence.shift is None or math.isnan(evidence.shift.now):
        return f"{counted(evidence.alerts, 'alert')}; no single threshold to measure headroom against"
    smallest = evidence.shift.smallest_detectable
    if evidence.is_shift_real:
        change = f"headroom went from {evidence.shift.before:.4g} to {evidence.shift.now:.4g}"
        return f"{counted(evidence.alerts, 'alert')}; {change}, which is small beside it"
    return f"{counted(evidence.alerts, 'alert')}; headroom is steady (a shift of {smallest:.3g} would have shown)"


def _drifting(shift: Shift, window: Window, settings: ThresholdDriftSettings) -> Judgement:
    share = abs(shift.change) / abs(shift.before) if shift.before else math.inf
    if shift.change > 0:
        return Judgement("drifting", "low", f"moves away from its threshold: headroom grew by {share:.0%}")
    text = f"moves towards its threshold: headroom shrank by {share:.0%}"
    if shift.now <= 0:
        return Judgement("drifting", "high", f"{text}; its peaks are beyond it already", window.end)
    reached_at = shift.trend.reached_at() if shift.trend else None
    if shift.trend is None or reached_at is None or reached_at > window.end + timedelta(days=settings.horizon_days):
        return Judgement("drifting", "medium", text)
    early, late = (shift.trend.reached_at(slope) for slope in (shift.trend.steepest, shift.trend.flattest))
    text += f"; at this pace it starts to fire on {reached_at:%Y-%m-%d} ({early:%Y-%m-%d} to {late:%Y-%m-%d})"
    return Judgement("drifting", "high", text, reached_at, early, late)
