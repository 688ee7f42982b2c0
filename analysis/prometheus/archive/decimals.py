"""Numbers of few decimal places as whole numbers, whose differences take a third of the room of the numbers."""

import numpy as np
from numpy.typing import NDArray

MOST_DIGITS = 6  # after the point; above it, numbers are measured or divided, and no whole number of anything
LARGEST = 2.0**53  # up to which every whole number is a float
FIRST_LOOK = 256  # numbers that mostly show already that there are more digits


def scaled(values: NDArray[np.float64]) -> tuple[NDArray[np.int64], int] | None:
    """Whole numbers and the digits after the point that give exactly these values, bit by bit; None where none do."""
    if not len(values) or not np.isfinite(values).all():
        return None
    for digits in range(MOST_DIGITS + 1):
        if _exactly(values[:FIRST_LOOK], digits) is not None:
            whole = _exactly(values, digits)
            if whole is not None:
                return whole, digits
    return None


def _exactly(values: NDArray[np.float64], digits: int) -> NDArray[np.int64] | None:
    with np.errstate(over="ignore"):
        rounded = np.rint(values * 10.0**digits)
    if np.abs(rounded).max() >= LARGEST:
        return None
    whole = rounded.astype(np.int64)
    back = unscaled(whole, digits)
    return whole if np.array_equal(back.view(np.int64), values.view(np.int64)) else None  # -0.0 is not 0.0


def unscaled(whole: NDArray[np.int64], digits: int) -> NDArray[np.float64]:
    """The values that `scaled` was given."""
    return np.asarray(whole / 10.0**digits)
