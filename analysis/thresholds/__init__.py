"""Question 3: which alert thresholds no longer fit, and what would a better one have done?"""

from analysis.thresholds.cost import rehearse
from analysis.thresholds.drift_document import drift
from analysis.thresholds.review import recommend, review

__all__ = ["drift", "recommend", "rehearse", "review"]
