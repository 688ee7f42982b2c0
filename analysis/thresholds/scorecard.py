"""What was decided, what was predicted of it, and what happened: one line for every accepted decision."""

import math
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

import pandas as pd
from pydantic import ValidationError

from analysis.decisions import Decision
from analysis.thresholds.decided import judged_from
from analysis.thresholds.documents import Happened, Predicted, RuleValues, ScorecardEntry, ScorecardOutcome
from analysis.thresholds.history import Recorded
from analysis.thresholds.measure import Measured
from analysis.thresholds.predict import LENGTHS_DAYS, interval_of
from analysis.thresholds.subjects import place_of, values_of
from analysis.window import Window, format_duration, parse_duration
from analysis.words import counted

SHOWN = ["alert", "decided_at", "why", "values", "expected_per_month", "expected", "alerts", "days"]
SHOWN += ["outcome", "reason"]
FEWEST_DAYS = LENGTHS_DAYS[0]  # after a decision; fewer say nothing


def scored(decision: Decision, item: Measured | None, recorded: Recorded | None, window: Window) -> ScorecardEntry:
    """Hold what happened against what was predicted.

    Args:
        decision: an accepted one.
        item: the rule as it is now; None where it is gone.
        recorded: what the server recorded since; None where that was not asked.
        window: the month under review.
    """
    predicted = _predicted(decision.predicted)
    happened = _happened(decision, item, recorded, window) if item else None
    interval = None
    if predicted and happened:
        interval = interval_of(predicted.by_days, happened.days)
    outcome, reason = _outcome(predicted, happened, interval)
    return ScorecardEntry(
        id=decision.id,
        title=decision.title,
        decided_at=decision.decided_at,
        why=decision.why,
        **(place_of(item.group, item.rule) if item else _place_then(decision)),
        predicted=predicted.model_copy(update={"interval": interval}) if predicted else None,
        happened=happened,
        outcome=outcome,
        reason=reason,
    )


def _place_then(decision: Decision) -> dict[str, Any]:
    labels = decision.labels
    return {
        "file": labels.get("file", ""),
        "group": labels.get("group", ""),
        "rule": None,
        "alert": labels.get("alertname", ""),
    }


def _predicted(kept: Mapping[str, Any]) -> Predicted | None:
    """What a decision kept; None where it kept no prediction, or somebody changed it to what is none."""
    try:
        return Predicted.model_validate(kept["prediction"] | {"reached_at": kept.get("threshold_reached_at")})
    except (KeyError, TypeError, ValidationError):
        return None


def _happened(decision: Decision, item: Measured, recorded: Recorded | None, window: Window) -> Happened | None:
    since = judged_from(decision, window)
    days = max(0.0, (window.end - since) / timedelta(days=1))
    started = item.firings["start"]
    replayed = int((started >= since).sum()) if item.is_judged else None
    has_history = recorded is not None and recorded.alerts is not None
    alerts = recorded.alerts if recorded and has_history else replayed
    if alerts is None:
        return None
    first = recorded.first_at if recorded and has_history else started[started >= since].min()
    return Happened(
        since=since,
        days=min(days, recorded.days if recorded and has_history else item.days),
        alerts=alerts,
        source="history" if has_history else "replay",
        replayed=replayed,
        now=RuleValues.model_validate(_values_now(item)),
        first_alert_at=None if pd.isna(first) else first,
    )


def _values_now(item: Measured) -> dict[str, Any]:
    if item.proposal:
        return values_of(item.proposal.current)
    durations = item.rule.for_duration, item.rule.keep_firing_for
    return {
        "threshold": item.threshold,
        **dict(zip(("for", "keep_firing_for"), map(format_duration, durations), strict=True)),
    }


def _outcome(
    predicted: Predicted | None, happened: Happened | None, interval: tuple[int, int] | None
) -> tuple[ScorecardOutcome, str]:
    if happened is None:
        return "unknown", "the rule is gone, or could not be replayed and the server recorded nothing of it"
    told = f"{counted(happened.alerts, 'alert')} in {happened.days:.1f} days"
    told += ", as the server recorded them" if happened.source == "history" else ", as the replay has them"
    if happened.days < FEWEST_DAYS:
        return "too_early", f"{happened.days:.1f} days since the decision; a look takes {FEWEST_DAYS}"
    if predicted is None:
        return "not_predicted", f"{told}; the decision keeps no prediction"
    differing = _other_values(predicted, happened)
    if differing:
        return differing[0], f"{told}; {differing[1]}"
    if interval is None:
        return "not_predicted", f"{told}; the decision keeps no prediction for so many days"
    low, high = interval
    outcome: ScorecardOutcome = "as_predicted"
    if not low <= happened.alerts <= high:
        outcome = "more" if happened.alerts > high else "fewer"
    text = f"{told}; {low} to {high} were expected ({predicted.level:.0%})"
    return outcome, text + _changed_late(happened) + _reached(predicted, happened)


def _other_values(predicted: Predicted, happened: Happened) -> tuple[ScorecardOutcome, str] | None:
    """What is to say where the rule has not the values that were predicted for."""
    now = happened.now
    if same_values(now, predicted.made_for):
        return None
    if predicted.before and same_values(now, predicted.before):
        return "not_applied", f"the rule still has {now.shown()}; {predicted.made_for.shown()} was decided"
    return "other_values", f"the rule has {now.shown()} now; the prediction was for {predicted.made_for.shown()}"


def same_values(one: RuleValues, other: RuleValues) -> bool:
    """Whether two rules would behave the same: equal numbers, equal durations however they are written."""
    numbers = [values.numbers() for values in (one, other)]
    if len(numbers[0]) != len(numbers[1]) or not all(map(math.isclose, *numbers)):
        return False
    return all(
        parse_duration(a) == parse_duration(b)
        for a, b in ((one.for_, other.for_), (one.keep_firing_for, other.keep_firing_for))
    )


def _changed_late(happened: Happened) -> str:
    if happened.source == "replay" or happened.replayed in (None, happened.alerts):
        return ""
    return f"; with its present values all the time the rule would have fired {happened.replayed} times"


def _reached(predicted: Predicted, happened: Happened) -> str:
    if predicted.reached_at is None:
        return ""
    first = f"first fired on {happened.first_alert_at:%Y-%m-%d}" if happened.first_alert_at else "has not fired yet"
    return f"; it was to reach its threshold on {predicted.reached_at:%Y-%m-%d} and {first}"


def table_of(entries: Iterable[ScorecardEntry]) -> pd.DataFrame:
    """One row for every decision, for people."""
    rows = [
        {
            "alert": entry.alert,
            "decided_at": entry.decided_at.isoformat(),
            "why": entry.why,
            "values": entry.predicted.made_for.shown() if entry.predicted else None,
            "expected_per_month": entry.predicted.alerts_per_month if entry.predicted else None,
            "expected": entry.predicted.expected() if entry.predicted else None,
            "alerts": entry.happened.alerts if entry.happened else None,
            "days": entry.happened.days if entry.happened else None,
            "outcome": entry.outcome,
            "reason": entry.reason,
        }
        for entry in entries
    ]
    return pd.DataFrame(rows, columns=SHOWN)
