"""The detectors keep scikit-learn's contract and rank what is strange first."""

import numpy as np
import pytest
from sklearn.utils.estimator_checks import check_estimator

from analysis.series.estimators import ComponentsDetector, ForestDetector, RobustDistance

DETECTORS = (RobustDistance, ComponentsDetector, ForestDetector)


@pytest.mark.parametrize("detector", DETECTORS)
def test_scikit_learn_accepts_the_estimator(detector):
    few = {"trees": 10} if detector is ForestDetector else {}
    results = check_estimator(detector(**few), on_skip=None)
    assert not [r for r in results if r["status"] == "failed"]


@pytest.mark.parametrize("detector", DETECTORS)
def test_a_row_unlike_the_others_is_ranked_first(detector):
    rng = np.random.default_rng(91)
    hours = np.arange(24)
    rows = 10 + 5 * np.sin(2 * np.pi * hours / 24) * rng.normal(1, 0.1, (60, 1)) + rng.normal(0, 0.3, (60, 24))
    rows[41, 6:12] += 6
    assert detector().fit(rows).score_samples(rows).argmin() == 41


def test_components_see_a_day_of_another_shape_though_each_hour_is_common():
    rng = np.random.default_rng(92)
    hours = np.arange(24)
    sizes = rng.uniform(0.3, 1.7, (80, 1))
    rows = sizes * (10 + 5 * np.sin(2 * np.pi * hours / 24)) + rng.normal(0, 0.2, (80, 24))
    rows[30] = 10 - 5 * np.sin(2 * np.pi * hours / 24)  # the same hours the other way round
    assert ComponentsDetector().fit(rows).score_samples(rows).argmin() == 30
