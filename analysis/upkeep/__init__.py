"""The guide's daily, weekly and monthly tasks: what was told, what stood out, and what the monitoring itself lacks."""

from analysis.upkeep.daily import review as review_day
from analysis.upkeep.monthly import rehearse as rehearse_gaps
from analysis.upkeep.monthly import review as review_gaps
from analysis.upkeep.weekly import review as review_week

__all__ = ["rehearse_gaps", "review_day", "review_gaps", "review_week"]
