"""How far the compared side stays from its threshold, day by day."""

import pandas as pd

from analysis.thresholds.watched import Watched

DAILY_QUANTILE = 0.95  # of the slots of a day, towards the threshold: peaks that last about an hour, not one sample
MINIMUM_SHARE = 0.5  # of a day's slots must have a value, or the day is not judged
# Of the slots with a value on a usual day, where the expression itself leaves values out (a guard that holds by day).
SPARSE_SHARE = 0.25


def daily_headroom(watched: Watched, timezone: str) -> pd.Series | None:
    """Distance from the threshold per local day, in the units of the rule; negative = beyond it.

    A day's value is the one that its slots exceed one time in twenty. Days with less than half
    of their slots are NaN; where the expression leaves slots out, those with far fewer than usual.
    """
    if watched.nearest.empty:
        return None
    towards = watched.sign * watched.nearest
    days = towards.groupby(towards.index.tz_convert(timezone).normalize())
    counts = days.count()
    fewest = MINIMUM_SHARE * days.size().median()
    if watched.is_sparse and counts.any():
        fewest = min(fewest, max(1.0, SPARSE_SHARE * float(counts[counts > 0].median())))
    return (watched.sign * watched.threshold - days.quantile(DAILY_QUANTILE)).where(counts >= fewest)
