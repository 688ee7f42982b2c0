"""Which of a few peers is unlike the others: the generalised extreme studentised deviate test (Rosner 1983)."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

LEAST = 5  # peers; among fewer nobody can say who is unlike
MOST_SHARE = 0.25  # of the peers that may be unlike the rest: what is more is a second kind, not an exception


def unlike_peers(values: pd.Series, noise: ArrayLike = 0.0) -> pd.DataFrame:
    """How far each peer is off the others, and how likely that is by chance.

    One after the other, the peer farthest off is taken out and held against those that are left, so that
    two odd ones do not hide each other. A peer's p-value is that of its step or of a later one, whichever
    is smaller, and allows for having picked the farthest of all.

    Args:
        values: one number per peer, on a scale on which peers scatter alike (a logarithm, for most counts).
        noise: standard deviation that each value has of itself, in the same unit: peers that are equal by
            chance do not make a small difference a large one.

    Returns:
        Columns ``usual`` (median of the others) and ``p_value``, one row per peer; no row with fewer than `LEAST`.
    """
    known = values.dropna()
    found = pd.DataFrame({"usual": np.nan, "p_value": 1.0}, index=known.index)
    if len(known) < LEAST:
        return found.iloc[:0]
    own = pd.Series(np.broadcast_to(np.asarray(noise, "float64"), len(values)), index=values.index)[known.index]
    left, order, steps = known, [], []
    for _ in range(max(1, int(MOST_SHARE * len(known)))):
        place = int(np.argmax(np.abs(left - left.mean())))
        rest = left.drop(left.index[place])
        spread = np.sqrt(rest.var() * (1 + 1 / len(rest)) + own[left.index[place]] ** 2)
        distance = abs(left.iloc[place] - rest.mean())
        score = distance / spread if spread else np.inf * distance if distance else 0.0
        steps.append(min(1.0, len(left) * 2 * float(stats.t.sf(score, len(rest) - 1))))
        order.append(left.index[place])
        left = rest
    for place, name in enumerate(order):
        found.loc[name, "p_value"] = min(steps[place:])
    found["usual"] = [known.drop(name).median() for name in known.index]
    return found
