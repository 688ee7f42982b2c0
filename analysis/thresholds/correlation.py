"""How strongly a day resembles the next, and what that makes days worth; with what a month or two leave in doubt."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

LAGS = (1, 2, 3)  # days; what days have in common with the second and third next shows a memory that lasts longer
LAG_CAUTION = 1.2  # standard errors by which a longer lag has to show more than the next day does
ROUNDING = 1e-9  # squared ranks below this are a straight line
LARGEST = 0.95  # believed; beyond it a month is one observation
LARGEST_OF_CHANGES = 0.9  # where changes are looked for: a step within a month looks like correlation
CAUTION = 0.5  # standard errors added to the estimate: too low costs more than too high
FINITE = 1.2  # the standard error in few days about a line, by that in many; set, like the lags, where the tails hold
DOUBTS = np.linspace(-3, 3, 13)  # standard errors from the estimate, at which what may be true is tried


@dataclass(frozen=True)
class Correlation:
    """Correlation of a day with the next.

    Attributes:
        following: as a day and the next show it, freed of its bias.
        estimate: the same, or what longer lags show where that is more.
        error: standard error of its inverse hyperbolic tangent (Fisher 1915).
    """

    following: float
    estimate: float
    error: float

    @property
    def cautious(self) -> float:
        """One number for the search of changes, which themselves make days alike: from one lag, and limited."""
        doubt = CAUTION * self.error / FINITE * np.sqrt(max(0.0, 1 - self.following**2))
        return float(np.clip(self.following + doubt, 0.0, LARGEST_OF_CHANGES))

    def possible(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Correlations that may be true, and how likely each is; both of shape (doubts,)."""
        likely = norm.pdf(DOUBTS)
        return self._believed(DOUBTS + CAUTION), likely / likely.sum()

    def _believed(self, doubts: NDArray[np.float64]) -> NDArray[np.float64]:
        middle = np.arctanh(np.clip(self.estimate, -LARGEST, LARGEST))
        return np.clip(np.tanh(middle + doubts * self.error), 0.0, LARGEST)


def correlation_of(halves: Sequence[pd.Series]) -> Correlation:
    """Correlation of a day with the next, over several stretches of days, each about its own line.

    About a line, since a slow drift is what is looked for, and must not count against itself; of ranks, so that a
    single incident does not decide. Freed of the bias that a line brings (Marriott and Pope 1954). Where days
    resemble the second or third next more than that would give, what these show counts.
    """
    products, pairs = np.zeros(len(LAGS)), np.zeros(len(LAGS))
    for half in halves:
        rest = _about_line(half)
        square = float((rest**2).mean())
        if square < ROUNDING:
            continue
        for place, lag in enumerate(LAGS):
            later = rest.reindex(half.index + pd.Timedelta(days=lag)).to_numpy()
            known = np.isfinite(later)
            products[place] += float(rest.to_numpy()[known] @ later[known]) / square
            pairs[place] += float(known.sum())
    if not pairs[0]:
        return Correlation(0.0, 0.0, 0.0)
    length = float(np.mean([len(half) for half in halves]))
    found = (products / np.maximum(pairs, 1) + (np.array(LAGS) + 1) / length) / (1 - 4 / length)
    shown = np.maximum(found - LAG_CAUTION / np.sqrt(np.maximum(pairs, 1)), 0.0) ** (1 / np.array(LAGS))
    return Correlation(float(found[0]), float(max(found[0], *shown[1:])), FINITE / np.sqrt(max(pairs[0] - 3, 4)))


def _about_line(half: pd.Series) -> pd.Series:
    day = ((half.index - half.index[0]) / pd.Timedelta(days=1)).to_numpy()
    rank = half.rank().to_numpy()
    return pd.Series(rank - np.polyval(np.polyfit(day, rank, 1), day), index=half.index)


def inflation(correlation: float) -> float:
    """Variance of a mean of correlated days, as multiple of that of independent ones."""
    return (1 + correlation) / (1 - correlation)
