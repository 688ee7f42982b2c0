"""Stretches that resemble no other stretch: what a few principal shapes cannot draw, and what comes only once.

Windows of the series are projected on their main components (Jolliffe 2002); the error of a window
is what is left. Beside it stands the distance to the most similar windows elsewhere (a discord, Keogh
2005). Both are in units of what is usual.
"""

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

Array = NDArray[np.float64]
LONGEST_WINDOW = 128  # samples; longer ones are thinned out first
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
        per_day: samples per day; a window is at most a quarter of it.

    Returns:
        Two of shape (n,), in usual errors; none where the series is too short.
    """
    length = int(np.clip(per_day // 4 if per_day >= 32 else 32, 8, LONGEST_WINDOW))
    if len(values) < length + FEWEST_WINDOWS:
        return []
    stride = max(1, length // PARTS, len(values) // MOST_WINDOWS)
    starts = np.arange(0, len(values) - length + 1, stride)
    windows = np.lib.stride_tricks.sliding_window_view(values, length)[starts]
    spread = float(values.std()) or 1.0
    shapes = (windows - windows.mean(axis=1, keepdims=True)) / spread
    found = (unexplained(shapes), alone(windows / spread, -(-length // stride)))
    return [_spread(np.minimum(left / _usual(left), 60.0), starts, length, len(values)) for left in found]


def _usual(errors: Array) -> float:
    return max(1.4826 * float(np.median(errors)), float(np.quantile(errors, 0.9)) / 1.645, 1e-9)


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
    """Mean score of the windows that hold each sample."""
    edges, weight = np.zeros(samples + 1), np.zeros(samples + 1)
    np.add.at(edges, starts, scores)
    np.add.at(edges, starts + length, -scores)
    np.add.at(weight, starts, 1.0)
    np.add.at(weight, starts + length, -1.0)
    held = np.cumsum(weight)[:-1]
    return np.asarray(np.where(held > 0, np.cumsum(edges)[:-1] / np.maximum(held, 1), 0.0))
