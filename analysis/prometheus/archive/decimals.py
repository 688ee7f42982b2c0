"""Numbers of few decimal places as whole numbers, whose differences take a third of the room of the numbers."""

import numpy as np
from numpy.typing import NDArray

MOST_DIGITS = 6  # after the point; above it, numbers are measured or divided, and no whole number of anything
LARGEST = 2.0**53  # up to which every whole number is a float
LEAST_SHARE = 0.9  # of the values, so that the others, each in full, take less than is won
FIRST_LOOK = 256  # numbers that mostly show already that there are more digits


def scaled(values: NDArray[np.float64]) -> tuple[NDArray[np.int64], int, NDArray[np.bool_]] | None:
    """Whole numbers and the digits after the point that give exactly these values, bit by bit; None where none do.

    Returns:
        The whole numbers, the digits, and which values they give: all but a few, such as an infinity among counts.
    """
    look = values[:FIRST_LOOK]
    for least in (1.0, LEAST_SHARE):
        for digits in range(MOST_DIGITS + 1):
            if len(values) and _exactly(look, digits)[1].mean() >= least:
                whole, exact = _exactly(values, digits)
                if exact.mean() >= least:
                    return whole, digits, exact
    return None


def _exactly(values: NDArray[np.float64], digits: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    with np.errstate(over="ignore", invalid="ignore"):
        rounded = np.rint(values * 10.0**digits)
        whole = np.where(np.abs(rounded) < LARGEST, rounded, 0).astype(np.int64)
    return whole, unscaled(whole, digits).view(np.int64) == values.view(np.int64)  # -0.0 is not 0.0


def unscaled(whole: NDArray[np.int64], digits: int) -> NDArray[np.float64]:
    """The values that `scaled` was given."""
    return np.asarray(whole / 10.0**digits)
