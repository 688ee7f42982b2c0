"""How busy it is: what follows the load of the service is judged against it.

A sale or a new campaign brings more of everything; an attack brings more of one thing. Only
more load is believed: a quiet service is no reason to expect less, since failures by machines do
not take a day off.
"""

import numpy as np
from numpy.typing import NDArray

from analysis.logins.signals import Part
from analysis.series import scan

Array = NDArray[np.float64]
MOST_LOAD = 10.0  # more than this is no busy day
# Stretches over which load is measured, from the slowest, and the weight of the next slower one
# in counts: with many counts ten minutes tell the load, with few it takes hours.
STRETCHES = ((360.0, 30.0), (60.0, 60.0), (10.0, 250.0), (1.0, 250.0))


def load(actual: Array, expected: Array, step_minutes: float) -> Array:
    """Counts against expectations over the last minutes to hours, at least 1, shape (steps,)."""
    known = np.isfinite(actual) & np.isfinite(expected)
    seen, usual = np.where(known, actual, 0.0)[:, None], np.where(known, expected, 0.0)[:, None]
    ratio = np.ones(len(actual))
    for minutes, weight in STRETCHES:
        n = max(1, round(minutes / step_minutes))
        ratio = (scan.windows(seen, n)[:, 0] + weight * ratio) / (scan.windows(usual, n)[:, 0] + weight)
    return np.clip(ratio, 1.0, MOST_LOAD)


def lifted(parts: list[Part], counts: Array, expected: Array, step_minutes: float) -> Array:
    """By how much each part's expectation is lifted, shape (steps, parts).

    Args:
        parts: each names the part whose load it follows, or the whole of which it is a part.
        counts: shape (steps, parts).
        expected: without load, same shape.
        step_minutes: length of a step.
    """
    place = {part.name: number for number, part in enumerate(parts)}
    lift = np.ones(counts.shape)
    known: dict[str, Array] = {}
    for number, part in enumerate(parts):
        if part.follows in place:
            whole = place[part.follows]
            if part.follows not in known:
                known[part.follows] = load(counts[:, whole], expected[:, whole], step_minutes)
            lift[:, number] = known[part.follows]
        elif part.against in place:
            whole = place[part.against]
            others, usual = counts[:, whole] - counts[:, number], expected[:, whole] - expected[:, number]
            lift[:, number] = load(others, np.maximum(usual, 1e-6), step_minutes)
    return lift
