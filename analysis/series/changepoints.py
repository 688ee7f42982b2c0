"""Change points: where a series takes another level or another slope, found with PELT.

PELT (Killick, Fearnhead, Eckley 2012) as ruptures has it. The penalty is a multiple of
``sigma² · log n`` with a noise level that steps and slopes do not inflate.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import ruptures
from numpy.typing import ArrayLike, NDArray

Shape = Literal["level", "trend"]

MIN_SIZE = 5  # points; a shorter stretch cannot be told from an outlier
# Multiple of sigma² log n that one more change has to be worth. 3 keeps false changes in white
# noise near one series in a hundred, as the tests measure; autocorrelated noise needs more.
PENALTY = 3.0
_MAD_TO_SIGMA = 1.4826  # normal distribution
# Parameters that one more segment costs: its level (or level and slope) and its place.
_COST: dict[Shape, float] = {"level": 2.0, "trend": 3.0}
# Squared coefficients of first and second differences add up to this much.
_VARIANCE: dict[Shape, float] = {"level": 2.0, "trend": 6.0}


def change_points(
    values: ArrayLike,
    *,
    shape: Shape = "level",
    min_size: int = MIN_SIZE,
    penalty: float = PENALTY,
    resolution: float = 0.0,
    noise: float = 0.0,
) -> list[int]:
    """Places where a new stretch begins, the first one (0) left out.

    Args:
        values: shape (n,), on a regular step; NaN is skipped, places refer to `values` all the same.
        shape: stretches of one ``level`` each, or of one straight ``trend`` each.
        min_size: shortest stretch, in points.
        penalty: what one more change must be worth, in units of sigma² log n.
        resolution: smallest difference that can be seen, in units of the values (1 for counts).
        noise: least standard deviation of the noise, where more is known of it than neighbours tell.

    Returns:
        Increasing indices into `values`; empty where nothing changes or too little is known.
    """
    series = np.asarray(values, dtype="float64")
    places = np.flatnonzero(np.isfinite(series))
    known = series[places]
    if len(known) < 2 * min_size or np.ptp(known) <= resolution:
        return []
    sigma = max(noise, noise_level(known, shape), resolution / np.sqrt(12), 1e-9 * float(np.ptp(known)))
    scaled = (known - known.mean()) / sigma
    model, signal = _signal(scaled, shape)
    search = ruptures.Pelt(model=model, min_size=min_size, jump=1).fit(signal)
    ends = search.predict(pen=penalty * _COST[shape] / 2 * np.log(len(known)))
    return [int(places[end]) for end in ends[:-1]]


def noise_level(values: NDArray[np.float64], shape: Shape = "level") -> float:
    """Standard deviation of the noise, from differences: steps and slopes hardly move it.

    Args:
        values: shape (n,), without NaN.
        shape: first differences for levels, second ones for trends.
    """
    order = 1 if shape == "level" else 2
    if len(values) <= order:
        return 0.0
    differences = np.diff(values, n=order)
    spread = np.median(np.abs(differences - np.median(differences)))
    return float(_MAD_TO_SIGMA * spread / np.sqrt(_VARIANCE[shape]))


def lack_of_fit(values: NDArray[np.float64], places: Sequence[int], shape: Shape = "level") -> tuple[float, float]:
    """What stretches leave unexplained, and what they cost.

    Args:
        values: shape (n,), without NaN.
        places: where a new stretch begins, as `change_points` gives them.
        shape: of the stretches.

    Returns:
        Sum of squares about the stretches, and the number of their parameters.
    """
    degree = 0 if shape == "level" else 1
    parts = np.split(values, list(places))
    fits = [np.polyval(np.polyfit(np.arange(len(part)), part, degree), np.arange(len(part))) for part in parts]
    left = sum(float(((part - fit) ** 2).sum()) for part, fit in zip(parts, fits, strict=True))
    return left, _COST[shape] * len(parts) - 1


def last_stretch(values: ArrayLike, **options: object) -> int:
    """Where the stretch begins that holds the end of `values`: the last change, else 0."""
    return ([0, *change_points(values, **options)])[-1]  # type: ignore[arg-type]


def _signal(scaled: NDArray[np.float64], shape: Shape) -> tuple[str, NDArray[np.float64]]:
    if shape == "level":
        return "l2", scaled.reshape(-1, 1)
    time = np.linspace(-1, 1, len(scaled))
    return "linear", np.column_stack([scaled, time, np.ones(len(scaled))])
