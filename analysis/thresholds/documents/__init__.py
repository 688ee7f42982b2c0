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
from analysis.thresholds.documents.patch import Outcome, PatchChange, PatchDocument, PatchedFile, PatchReplay
from analysis.thresholds.documents.recommend import RecommendDocument, RecommendRule
from analysis.thresholds.documents.scorecard import Happened, Predicted, ScorecardEntry, ScorecardOutcome
from analysis.thresholds.documents.values import RulePlace, RuleValues
from analysis.thresholds.documents.whatif import Combination, WhatIfDocument, WhatIfRule

__all__ = [
    "ChangePoint",
    "Combination",
    "DriftDocument",
    "DriftMonth",
    "DriftRule",
    "DriftTest",
    "DriftVerdict",
    "Happened",
    "Outcome",
    "PatchChange",
    "PatchDocument",
    "PatchReplay",
    "PatchedFile",
    "Predicted",
    "RecommendDocument",
    "RecommendRule",
    "RulePlace",
    "RuleValues",
    "ScorecardEntry",
    "ScorecardOutcome",
    "Verdict",
    "WhatIfDocument",
    "WhatIfRule",
]
