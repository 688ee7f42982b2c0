"""Stretches that resemble no other stretch: what a few principal shapes cannot draw.

Windows of the series are projected on their main components (Jolliffe 2002); the error of a window
is what is left, in units of what is usually left.
"""

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

Array = NDArray[np.float64]
LONGEST_WINDOW = 128  # samples; longer ones are thinned out first
FEWEST_WINDOWS = 40  # fewer say nothing about what is usual
MOST_WINDOWS = 4000  # a longer series is looked at in larger strides
EXPLAINED = 0.9  # share of the variance that counts as usual shapes
MOST_SHAPES = 12


def strange_windows(values: Array, per_day: int) -> Array:
    """How badly the windows around each sample are explained by the usual shapes.

    Args:
        values: shape (n,), without NaN.
        per_day: samples per day; a window is at most a quarter of it.

    Returns:
        Shape (n,), in usual errors; zeros where the series is too short.
    """
    length = int(np.clip(per_day // 4 if per_day >= 32 else 32, 8, LONGEST_WINDOW))
    if len(values) < length + FEWEST_WINDOWS:
        return np.zeros(len(values))
    stride = max(1, length // 8, len(values) // MOST_WINDOWS)
    starts = np.arange(0, len(values) - length + 1, stride)
    windows = np.lib.stride_tricks.sliding_window_view(values, length)[starts]
    spread = float(values.std()) or 1.0
    shapes = (windows - windows.mean(axis=1, keepdims=True)) / spread
    left = unexplained(shapes)
    scale = max(1.4826 * float(np.median(left)), float(np.quantile(left, 0.9)) / 1.645, 1e-9)
    return _spread(np.minimum(left / scale, 60.0), starts, length, len(values))


def unexplained(rows: Array) -> Array:
    """Root mean square of what the main components leave of each row, shape (rows,)."""
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
