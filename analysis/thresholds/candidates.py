"""Values that a person would write, near the edge of what a rule watches."""

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from analysis.prometheus.promql import Comparison, comparisons
from analysis.thresholds.conditions import Fetch
from analysis.thresholds.sides import Evaluator, in_memory
from analysis.thresholds.subjects import Choice, Subject

FORS = tuple(timedelta(minutes=n) for n in (0, 1, 2, 5, 10, 15, 30))
KEEPS = tuple(timedelta(minutes=n) for n in (0, 5, 15, 30))
# Shares of slots beyond the threshold, from "usual" to "never seen": thresholds lie where these change.
SHARES = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 5e-3, 2e-3, 1e-3, 5e-4, 2e-4, 1e-4, 0.0)
ROUNDING = 0.25  # of the distance to the next candidate: rounder values are worth that much
WIDEST_GAP = 10  # candidates lie no further apart than about a tenth of their range
_STEPS = (1.0, 2.0, 5.0)


def rounded(value: float, tolerance: float) -> float:
    """The roundest number within `tolerance` of a value: a multiple of 1, 2 or 5 times a power of ten."""
    if not tolerance > 0 or not np.isfinite(value):
        return value
    power = int(np.floor(np.log10(2 * tolerance)))
    step = max((f * 10.0**p for p in (power - 1, power) for f in _STEPS if f * 10.0**p <= 2 * tolerance), default=0.0)
    return float(np.format_float_positional(round(value / step) * step, precision=12)) if step else value


def candidates(subject: Subject, fetch: Fetch, until: int) -> list[Choice]:
    """Choices worth trying, today's first.

    Args:
        subject: the rule.
        fetch: asks for an expression over all slots.
        until: slots that may be looked at; the rest is kept for the check.
    """
    tried = [subject.today.thresholds]
    for place, (found, mine) in enumerate(zip(comparisons(subject.tree), in_memory(subject.tree), strict=True)):
        if mine and found.op in (">", ">=", "<", "<="):
            tried += _varied(subject.today.thresholds, place, _levels(found, fetch, until))
    fors = sorted({*FORS, subject.today.for_duration})
    keeps = sorted({*KEEPS, subject.today.keep_firing_for})
    choices = [Choice(t, f, k) for t in tried for f in fors for k in keeps]
    return list(dict.fromkeys([subject.today, *choices]))


def _varied(today: tuple[float, ...], place: int, levels: Sequence[float]) -> list[tuple[float, ...]]:
    return [(*today[:place], level, *today[place + 1 :]) for level in levels if level != today[place]]


def _levels(found: Comparison, fetch: Fetch, until: int) -> list[float]:
    """Round thresholds between what is usual and what has not been seen."""
    inner = [c.threshold for c in comparisons(found.compared)]
    vector = Evaluator(found.compared, fetch)(inner)
    upward = found.op in (">", ">=")
    values = np.where(vector.present, vector.values, np.nan)[:until]
    values = np.where(np.isfinite(values), values if upward else -values, -np.inf)
    worst = values.max(axis=1, initial=-np.inf)
    worst = worst[np.isfinite(worst)]
    if not len(worst):
        return []
    quantiles = np.quantile(worst, [1 - share for share in SHARES])
    levels = _of_kind(_round_all(quantiles), worst)
    return sorted({level if upward else -level for level in levels})


def _of_kind(levels: Sequence[float], values: NDArray[np.float64]) -> list[float]:
    """Whole levels for what is counted: nobody asks for more than 2.4 of something."""
    is_counted = bool((values == np.round(values)).all())
    return [float(round(level)) + 0.0 for level in levels] if is_counted else list(levels)


def _filled(levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Levels with further ones between them, where what is usual and rare peaks lie far apart."""
    widest = float(np.ptp(levels)) / WIDEST_GAP
    if not widest:
        return levels
    counts = np.maximum(1, np.floor(np.diff(levels) / widest).astype(int))
    parts = [np.linspace(a, b, n, endpoint=False) for a, b, n in zip(levels[:-1], levels[1:], counts, strict=True)]
    return np.append(np.concatenate(parts), levels[-1])


def _round_all(quantiles: NDArray[np.float64]) -> list[float]:
    """Rounded quantiles, one a little beyond the largest, and none twice."""
    beyond = quantiles[-1] + max(float(quantiles[-1] - quantiles[0]), abs(float(quantiles[-1])) * 0.1) * 0.2
    distinct = _filled(np.unique(np.append(quantiles, beyond)))
    gaps = np.diff(distinct, prepend=2 * distinct[0] - distinct[min(1, len(distinct) - 1)])
    return [rounded(float(q), ROUNDING * float(gap)) + 0.0 for q, gap in zip(distinct, gaps, strict=True)]
