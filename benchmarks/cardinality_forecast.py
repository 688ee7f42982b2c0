"""Backtest of the forecast beside a straight line, on histories that nothing was tuned on.

Run: python benchmarks/cardinality_forecast.py [CASES]
"""

import sys
from datetime import timedelta

import numpy as np
import pandas as pd
from scipy import stats

from analysis.datasets.growth import make_growth_history
from analysis.fanout import fan_out
from analysis.series.backtest import Calibration, backtest, wilson
from analysis.series.forecast import Forecast, forecast
from analysis.series.futures import HORIZON
from benchmarks.growth_shapes import SHAPES, make_shape

FIRST_SEED = 30_000  # tuning used seeds below 11,000
BLOCK = 50


def straight_line(history: pd.Series, limit: float, level: float = 0.8) -> Forecast:
    """What predict_linear does, with the textbook interval of its slope."""
    days = np.asarray((history.index - history.index[-1]) / pd.Timedelta(days=1))
    fit = stats.linregress(days, history.to_numpy())
    now = history.index[-1].to_pydatetime()
    width = stats.t.ppf((1 + level) / 2, len(days) - 2) * fit.stderr

    def reached(slope: float) -> object:
        ahead = (limit - fit.intercept) / slope if slope > 0 else np.inf
        return now + timedelta(days=max(0.0, ahead)) if ahead <= HORIZON / timedelta(days=1) else None

    return Forecast(level, reached(fit.slope), reached(fit.slope + width), reached(fit.slope - width))


def block(first: int) -> list[Calibration]:
    made = [make_growth_history(seed) for seed in range(first, first + BLOCK)]
    parts = [made, [h for h in made if np.isfinite(h.reached_days)]]
    return [
        backtest([(h.history, h.limit, h.reached_days) for h in part], method)
        for method in (forecast, straight_line)
        for part in parts
    ]


def shapes(first: int) -> list[Calibration]:
    made = [make_shape(shape, seed) for seed in range(first, first + BLOCK // len(SHAPES)) for shape in SHAPES]
    return [
        backtest([(h.history, h.limit, h.reached_days) for h in made], method) for method in (forecast, straight_line)
    ]


def main() -> None:
    cases = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    show(
        ("promreview, all", "promreview, limit reached", "straight line, all", "straight line, limit reached"),
        fan_out(block, range(FIRST_SEED, FIRST_SEED + cases, BLOCK)),
    )
    print(f"shapes that the generator does not have: {', '.join(SHAPES)}")
    each = BLOCK // len(SHAPES)
    show(
        ("promreview, other shapes", "straight line, other shapes"),
        fan_out(shapes, range(0, cases // len(SHAPES), each)),
    )


def show(names: tuple[str, ...], blocks: list[list[Calibration]]) -> None:
    for name, found in zip(names, zip(*blocks, strict=True), strict=True):
        covered, count = sum(c.covered for c in found), sum(c.cases for c in found)
        low, high = wilson(covered, count)
        width = float(np.median([c.median_width_days for c in found]))
        print(
            f"{name:29} {count:5} cases, coverage {covered / count:.1%} "
            f"(Wilson {low:.1%} to {high:.1%}, promised 80 %), median width about {width:.0f} days"
        )


if __name__ == "__main__":
    main()
