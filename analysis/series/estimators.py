"""The detectors as scikit-learn estimators: ``fit``, ``score_samples``, ``predict``.

As everywhere in scikit-learn, a lower score from ``score_samples`` is stranger, and ``predict``
gives -1 for an outlier. `analysis.series.score_online` turns the sign round for people.
"""

from abc import abstractmethod
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.utils.validation import check_is_fitted, validate_data

Array = NDArray[np.float64]
MAD_TO_SIGMA = 1.4826  # normal distribution
RESOLUTION = 1e-9  # a column that never moves is measured in this
TRIM = 0.9  # share of the rows that the shapes are learnt from: the oddest rows must not draw them


class Detector(OutlierMixin, BaseEstimator):  # type: ignore[misc]
    """What all detectors share: columns on one robust scale, and the threshold from a share of the rows.

    Args:
        contamination: share of the rows that are taken for outliers, between 0 and 0.5.
    """

    def __init__(self, *, contamination: float = 0.02) -> None:
        self.contamination = contamination

    def fit(self, X: ArrayLike, y: object = None) -> Self:  # noqa: N803 - scikit-learn's name
        """Learn what is usual.

        Args:
            X: shape (rows, columns).
            y: ignored.
        """
        del y
        rows = validate_data(self, X, dtype="float64", ensure_min_samples=2)
        self.center_ = np.median(rows, axis=0)
        self.scale_ = _scale(rows - self.center_)
        self._learn(self._scaled(rows))
        self.offset_ = float(np.quantile(self._score(self._scaled(rows)), self.contamination))
        return self

    def score_samples(self, X: ArrayLike) -> Array:  # noqa: N803
        """Scores of rows, shape (rows,); lower is stranger."""
        check_is_fitted(self)
        return self._score(self._scaled(validate_data(self, X, dtype="float64", reset=False)))

    def decision_function(self, X: ArrayLike) -> Array:  # noqa: N803
        """Scores shifted so that outliers are negative."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: ArrayLike) -> NDArray[np.int64]:  # noqa: N803
        """-1 for outliers, 1 for the others."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def _scaled(self, rows: Array) -> Array:
        return np.asarray((rows - self.center_) / self.scale_)

    @abstractmethod
    def _learn(self, rows: Array) -> None:
        """Learn from scaled rows."""

    @abstractmethod
    def _score(self, rows: Array) -> Array:
        """Score scaled rows; lower is stranger."""


class RobustDistance(Detector):
    """The column that errs most, in robust standard deviations: no column hides behind the others."""

    def _learn(self, rows: Array) -> None:
        """Centre and scale are all there is to learn."""

    def _score(self, rows: Array) -> Array:
        return -np.abs(rows).max(axis=1)


class ComponentsDetector(Detector):
    """What the main components leave of a row (Jolliffe 2002): the shape that no other row has.

    Args:
        explained: share of the variance that counts as usual shapes.
        contamination: share of the rows that are taken for outliers.
    """

    def __init__(self, *, explained: float = 0.8, contamination: float = 0.02) -> None:
        super().__init__(contamination=contamination)
        self.explained = explained

    def _learn(self, rows: Array) -> None:
        size = np.sqrt(np.mean(rows**2, axis=1))
        usual = rows[size <= np.quantile(size, TRIM)]
        limit = max(1, min(usual.shape) - 1)
        with np.errstate(invalid="ignore", divide="ignore"):  # days that are all alike have no variance to share
            model = PCA(n_components=limit, svd_solver="full").fit(usual)
        share = np.cumsum(np.nan_to_num(model.explained_variance_ratio_))
        self.components_ = model.components_[: min(limit, int(np.searchsorted(share, self.explained)) + 1)]
        self.mean_ = model.mean_

    def _score(self, rows: Array) -> Array:
        centred = rows - self.mean_
        left = centred - centred @ self.components_.T @ self.components_
        return np.asarray(-np.sqrt(np.mean(left**2, axis=1)))


class ForestDetector(Detector):
    """An isolation forest (Liu, Ting, Zhou 2008) over robustly scaled columns.

    Args:
        trees: number of trees.
        contamination: share of the rows that are taken for outliers.
        random_state: seed of the trees.
    """

    def __init__(self, *, trees: int = 100, contamination: float = 0.02, random_state: Any = 0) -> None:
        super().__init__(contamination=contamination)
        self.trees = trees
        self.random_state = random_state

    def _learn(self, rows: Array) -> None:
        self.forest_ = IsolationForest(n_estimators=self.trees, random_state=self.random_state).fit(rows)

    def _score(self, rows: Array) -> Array:
        return np.asarray(self.forest_.score_samples(rows))


def _scale(centred: Array) -> Array:
    """Robust spread of each column; the standard deviation where most rows are equal."""
    spread = MAD_TO_SIGMA * np.median(np.abs(centred), axis=0)
    return np.where(spread > RESOLUTION, spread, np.fmax(centred.std(axis=0), RESOLUTION))
