"""The guide's daily and weekly tasks: what was told, what stood out, and whether the monitoring itself is well."""

from analysis.upkeep.daily import review as review_day
from analysis.upkeep.weekly import review as review_week

__all__ = ["review_day", "review_week"]
