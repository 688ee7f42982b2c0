"""How far the compared side stays from its threshold, day by day."""

import numpy as np
import pandas as pd

from analysis.thresholds.collect import RuleSamples

DAILY_QUANTILE = 0.95  # of the slots of a day, towards the threshold: peaks that last about an hour, not one sample
MINIMUM_SHARE = 0.5  # of a day's slots must have a value, or the day is not judged
_UPWARD = (">", ">=")
_DOWNWARD = ("<", "<=")


def worst(samples: RuleSamples) -> pd.Series | None:
    """The series nearest to the threshold at each slot; None where the rule has no such side."""
    if samples.compared is None or samples.compared.op not in (*_UPWARD, *_DOWNWARD):
        return None
    frame = samples.decoded.frame.replace([np.inf, -np.inf], np.nan)
    return frame.max(axis=1) if samples.compared.op in _UPWARD else frame.min(axis=1)


def daily_headroom(samples: RuleSamples, timezone: str) -> pd.Series | None:
    """Distance from the threshold per local day, in the units of the rule; negative = beyond it.

    A day's value is the one that its slots exceed one time in twenty. Days with less than half
    of their slots are NaN.
    """
    series = worst(samples)
    if series is None or samples.compared is None or series.empty:
        return None
    sign = 1 if samples.compared.op in _UPWARD else -1
    towards = sign * series
    days = towards.groupby(towards.index.tz_convert(timezone).normalize())
    enough = days.count() >= MINIMUM_SHARE * days.size().median()
    return (sign * samples.compared.threshold - days.quantile(DAILY_QUANTILE)).where(enough)
