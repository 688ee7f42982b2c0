"""How often a forecast's interval holds what it promises."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from analysis.series.forecast import Forecast
from analysis.series.futures import HORIZON

Case = tuple[pd.Series, float, float]  # history, limit, days until it was reached (infinite: never)
_HORIZON_DAYS = HORIZON / pd.Timedelta(days=1)


@dataclass(frozen=True)
class Calibration:
    """Outcome of a backtest.

    Attributes:
        cases: number of histories.
        covered: how many intervals held the truth.
        wilson: 95 % Wilson interval of the coverage.
        median_width_days: median width of the intervals, an open end counted as two years.
    """

    cases: int
    covered: int
    wilson: tuple[float, float]
    median_width_days: float

    @property
    def coverage(self) -> float:
        """Share of the intervals that held the truth."""
        return self.covered / self.cases


def backtest(cases: Iterable[Case], method: Callable[[pd.Series, float], Forecast]) -> Calibration:
    """Ask a method about histories whose future is known.

    Args:
        cases: history, limit, and the days after the history's end until the limit was reached.
        method: history and limit to a forecast.
    """
    results = [_one(case, method) for case in cases]
    covered = sum(inside for inside, _ in results)
    low, high = wilson(covered, len(results))
    return Calibration(len(results), covered, (low, high), float(np.median([width for _, width in results])))


def _one(case: Case, method: Callable[[pd.Series, float], Forecast]) -> tuple[bool, float]:
    history, limit, reached = case
    found, now = method(history, limit), history.index[-1]
    early, late = (
        (pd.Timestamp(at) - now) / pd.Timedelta(days=1) if at is not None else np.inf
        for at in (found.early, found.late)
    )
    # a truth on a whole day was reached at some instant of the day before it
    inside = early <= reached if np.isinf(late) else early <= reached and reached - 1 <= late
    inside = inside or (np.isinf(early) and np.isinf(reached))
    return bool(inside), float(min(late, _HORIZON_DAYS) - min(early, _HORIZON_DAYS))


def wilson(successes: int, cases: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's interval of a proportion (Wilson 1927)."""
    interval = stats.binomtest(successes, cases).proportion_ci(level, method="wilson")
    return float(interval.low), float(interval.high)
