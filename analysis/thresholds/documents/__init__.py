"""What the threshold commands print, as types: one declaration is the check, the JSON and its schema."""

from analysis.thresholds.documents.drift import (
    ChangePoint,
    DriftDocument,
    DriftMonth,
    DriftRule,
    DriftTest,
    DriftVerdict,
    Verdict,
)
from analysis.thresholds.documents.scorecard import Happened, Predicted, ScorecardEntry, ScorecardOutcome
from analysis.thresholds.documents.values import RulePlace, RuleValues

__all__ = [
    "ChangePoint",
    "DriftDocument",
    "DriftMonth",
    "DriftRule",
    "DriftTest",
    "DriftVerdict",
    "Happened",
    "Predicted",
    "RulePlace",
    "RuleValues",
    "ScorecardEntry",
    "ScorecardOutcome",
    "Verdict",
]
