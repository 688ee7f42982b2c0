"""Sequential tests: small shifts that last, which no single step shows.

CUSUM after Page (1954), "Continuous inspection schemes": S(t) = max(0, S(t-1) + z(t) - k).
Written with running sums, so that no loop over samples is needed.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def cusum(z: Array, reference: float) -> Array:
    """Upper CUSUM statistic of standardised residuals; a missing residual changes nothing.

    Args:
        z: residuals in standard deviations, NaN where there is none.
        reference: half of the shift, in standard deviations, that is looked for.
    """
    steps = np.where(np.isfinite(z), z - reference, 0.0)
    total = np.cumsum(steps)
    return np.asarray(total - np.minimum(np.minimum.accumulate(total), 0.0))


def run_starts(statistic: Array) -> NDArray[np.int64]:
    """For each step, the first step of the run above zero that it belongs to (its own place at zero)."""
    places = np.arange(len(statistic))
    return np.maximum.accumulate(np.where(statistic <= 0, places + 1, 0)).clip(max=places)
