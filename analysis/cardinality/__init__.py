"""Question 2: what grows, why, until when, and what may go."""

from analysis.cardinality.cost import rehearse
from analysis.cardinality.review import review

__all__ = ["rehearse", "review"]
