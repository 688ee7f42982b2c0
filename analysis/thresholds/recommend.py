"""What ``rules recommend`` prints: for every rule a verdict and, where one is known, something better."""

from typing import Any

from analysis.thresholds.documents import RecommendRule
from analysis.thresholds.measure import Measured
from analysis.thresholds.predict import Prediction
from analysis.thresholds.propose import Proposal
from analysis.thresholds.subjects import place_of, shown, values_of
from analysis.thresholds.verdicts import Judgement
from analysis.window import Window, format_duration


def entry_of(item: Measured, judgement: Judgement, window: Window) -> RecommendRule:
    """The recommendation for one rule."""
    proposal = item.proposal
    today = {
        "threshold": None if item.threshold is None else shown([item.threshold]),
        "for": format_duration(item.rule.for_duration),
        "keep_firing_for": format_duration(item.rule.keep_firing_for),
    }
    reason = judgement.reason if proposal is None else f"{judgement.reason}; {proposal.reason}"
    entry = {
        **place_of(item.group, item.rule),
        "expr": item.rule.expr,
        "verdict": judgement.verdict,
        "current": values_of(proposal.current) if proposal else today,
        "recommended": values_of(proposal.recommended) if proposal and proposal.recommended else None,
        "expected": _expected(proposal),
        "held_out": {"month": month_of(window), **proposal.held_out} if proposal else None,
        "recall": _recall(proposal),
        "reason": reason,
    }
    return RecommendRule.model_validate(entry)


def month_of(window: Window) -> str:
    """The month that most of a window lies in, YYYY-MM."""
    return f"{window.start + window.duration / 2:%Y-%m}"


def _recall(proposal: Proposal | None) -> float | None:
    """Share of the labelled incidents that today's values caught; None, for unknown, without any."""
    if proposal is None or not proposal.missed[1]:
        return None
    missed, incidents = proposal.missed
    return 1 - missed / incidents


def _expected(proposal: Proposal | None) -> dict[str, Any]:
    numbers = proposal.per_month if proposal else {}
    prediction = proposal.expected if proposal else None
    return {
        f"{what}_per_month": {
            "current": numbers.get(f"{what}_per_month_current"),
            "recommended": numbers.get(f"{what}_per_month_recommended"),
            **(_interval(prediction) if what == "alerts" else {}),
        }
        for what in ("alerts", "pages")
    }


def _interval(prediction: Prediction | None) -> dict[str, Any]:
    if prediction is None:
        return {"interval": None, "level": None}
    return {
        "interval": [prediction.low, prediction.high],
        "level": prediction.level,
        "limits": prediction.limits,
    }
