"""Stretches that resemble no other stretch: what a few principal shapes cannot draw, and what comes only once.

Windows of the series are projected on their main components (Jolliffe 2002); the error of a window
is what is left. Beside it stands the distance to the most similar windows elsewhere (a discord, Keogh
2005). Both are in units of what is usual.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter1d
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from analysis.series.period import period_of
from analysis.series.whole_errors import in_whole_errors

Array = NDArray[np.float64]
SHORTEST_WINDOW = 16  # samples of one cycle
LONGEST_PAST = 16_384  # samples from which the cycle is read
LONGEST_WINDOW = 128  # samples; of a longer cycle a part is looked at
FEWEST_WINDOWS = 40  # fewer say nothing about what is usual
MOST_WINDOWS = 4000  # a longer series is looked at in larger strides
EXPLAINED = 0.9  # share of the variance that counts as usual shapes
MOST_SHAPES = 12
PARTS = 8  # of a window; the next one begins after one of them
NEIGHBOURS = 3  # what came three times is no discord


def strange_windows(values: Array, per_day: int) -> list[Array]:
    """How badly the windows around each sample are explained by the usual shapes, and how far they are from others.

    Args:
        values: shape (n,), without NaN.
        per_day: samples per day; where the series has no rhythm of its own, a window is at most a quarter of it.

    Returns:
        Two of shape (n,), in usual errors; none where the series is too short.
    """
    length = _length(values, per_day)
    if len(values) < length + FEWEST_WINDOWS:
        return []
    stride = max(1, length // PARTS, len(values) // MOST_WINDOWS)
    starts = np.append(np.arange(0, len(values) - length, stride), len(values) - length)
    windows = np.lib.stride_tricks.sliding_window_view(values, length)[starts]
    spread = float(values.std()) or 1.0
    shapes = (windows - windows.mean(axis=1, keepdims=True)) / spread
    found = (unexplained(shapes), alone(windows / spread, -(-length // stride)))
    # a distance is never nothing: what is strange is what exceeds the usual one
    scores = [in_whole_errors(np.maximum(left - np.median(left), 0.0)) for left in found]
    return [_spread(score, starts, length, len(values)) for score in scores]


def _length(values: Array, per_day: int) -> int:
    """Samples in a window: one cycle of the series' own rhythm, where it has one."""
    period = period_of(values[-LONGEST_PAST:])
    if period:
        return int(np.clip(period, SHORTEST_WINDOW, LONGEST_WINDOW))
    return int(np.clip(per_day // 4 if per_day >= 32 else 32, 8, LONGEST_WINDOW))


def alone(windows: Array, overlap: int) -> Array:
    """Distance of each window to the most similar ones that do not overlap with it, shape (windows,).

    Args:
        windows: shape (windows, samples).
        overlap: windows closer together than this overlap.
    """
    wanted = min(len(windows), 2 * overlap + NEIGHBOURS)
    distance, other = NearestNeighbors(n_neighbors=wanted, algorithm="brute").fit(windows).kneighbors(windows)
    apart = np.abs(other - np.arange(len(windows))[:, None]) >= overlap
    nth = np.argmax(np.cumsum(apart, axis=1) >= NEIGHBOURS, axis=1)
    return np.asarray(distance[np.arange(len(windows)), np.where(apart.any(axis=1), nth, -1)])


def unexplained(rows: Array) -> Array:
    """Root mean square of what the main components leave of each row, shape (rows,)."""
    if not np.ptp(rows, axis=0).any():
        return np.zeros(len(rows))
    limit = min(MOST_SHAPES, *rows.shape)
    model = PCA(n_components=limit, svd_solver="full").fit(rows)
    kept = min(limit, int(np.searchsorted(np.cumsum(model.explained_variance_ratio_), EXPLAINED)) + 1)
    main = model.components_[:kept]
    centred = rows - model.mean_
    return np.asarray(np.sqrt(np.mean((centred - centred @ main.T @ main) ** 2, axis=1)))


def _spread(scores: Array, starts: NDArray[np.int64], length: int, samples: int) -> Array:
    """Mean of the mean and the lowest score of the windows that hold each sample.

    The mean is steady, and the lowest is sharp: next to what is strange there is a window without it.
    """
    edges, weight = np.zeros(samples + 1), np.zeros(samples + 1)
    np.add.at(edges, starts, scores)
    np.add.at(edges, starts + length, -scores)
    np.add.at(weight, starts, 1.0)
    np.add.at(weight, starts + length, -1.0)
    mean = np.cumsum(edges)[:-1] / np.maximum(np.cumsum(weight)[:-1], 1)
    stride = int(starts[1] - starts[0]) if len(starts) > 1 else 1
    holding = max(1, length // stride)  # windows before and with the last one that holds a sample
    lowest = minimum_filter1d(scores, holding, origin=(holding - 1) // 2, mode="nearest")
    return np.asarray((mean + lowest[np.searchsorted(starts, np.arange(samples), side="right") - 1]) / 2)
