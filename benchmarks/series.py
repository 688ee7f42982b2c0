"""How well the scores of a single series rank what is strange in it, beside what people use today.

Run: python benchmarks/series.py [--series N] [--each N]

Ten kinds of series, each with labelled spikes, dips, shifts, flat and noisy stretches, and five families of the shapes
that public collections hold (`series_shapes.py`); the figure is the area under the precision-recall curve over samples,
averaged over series. Nothing was tuned on the seeds. Methods that need a period are told the true one.
"""

import argparse
from collections.abc import Callable

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from scipy import stats
from series_shapes import FAMILIES
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score
from sklearn.neighbors import NearestNeighbors
from statsmodels.tsa.seasonal import STL

from analysis.series import score_offline, score_online

Array = NDArray[np.float64]
SAMPLES = 2880  # ten days of five minutes
PER_DAY = 288
SEED = 70_000
FIRST = PER_DAY * 2  # nothing strange in the first two days
WINDOW = 32  # samples of a window, for nearest neighbours


def _noise(rng: np.random.Generator, spread: float, memory: float = 0.5) -> Array:
    white = rng.normal(0, spread * np.sqrt(1 - memory**2), SAMPLES)
    return pd.Series(white).ewm(alpha=1 - memory, adjust=False).mean().to_numpy() / (1 - memory)


def _traffic(rng: np.random.Generator, hour: Array) -> Array:
    return rng.poisson(200 * (1.2 + np.sin((hour - rng.uniform(6, 10)) / 24 * 2 * np.pi)) ** 2).astype("float64")


def _processor(rng: np.random.Generator, hour: Array) -> Array:
    return np.clip(35 + 15 * np.sin(hour / 24 * 2 * np.pi) + _noise(rng, 4.0, 0.8), 0, 100)


def _temperature(rng: np.random.Generator, hour: Array) -> Array:
    return 20 + 4 * np.sin((hour - 9) / 24 * 2 * np.pi) + np.cumsum(rng.normal(0, 0.01, SAMPLES)) + _noise(rng, 0.1)


def _sparse(rng: np.random.Generator, hour: Array) -> Array:
    return rng.poisson(0.05 + 0.3 * ((hour > 8) & (hour < 18))).astype("float64")


def _heartbeat(rng: np.random.Generator, hour: Array) -> Array:
    period = int(rng.integers(37, 90))
    beat = np.exp(-0.5 * ((np.arange(SAMPLES) % period - period / 3) / 2.5) ** 2)
    return 5 * beat + _noise(rng, 0.15) + 0 * hour


def _square(rng: np.random.Generator, hour: Array) -> Array:
    period = int(rng.integers(40, 160))
    return 10.0 * (np.arange(SAMPLES) % period < period // 2) + _noise(rng, 0.4) + 0 * hour


def _walk(rng: np.random.Generator, hour: Array) -> Array:
    return np.cumsum(rng.normal(0, 1, SAMPLES)) + 0 * hour


def _latency(rng: np.random.Generator, hour: Array) -> Array:
    return np.exp(rng.normal(3 + 0.3 * np.sin(hour / 24 * 2 * np.pi), 0.3))


def _memory(rng: np.random.Generator, hour: Array) -> Array:
    period = int(rng.integers(150, 400))
    return 100 + 60 * (np.arange(SAMPLES) % period) / period + _noise(rng, 1.0) + 0 * hour


def _constant(rng: np.random.Generator, hour: Array) -> Array:
    return 7 + rng.choice([0.0, 1.0], SAMPLES, p=[0.97, 0.03]) + 0 * hour


KINDS = (_traffic, _processor, _temperature, _sparse, _heartbeat, _square, _walk, _latency, _memory, _constant)
ODDITIES = ("spike", "dip", "shift", "flat", "noisy")


def make_series(seed: int) -> tuple[pd.Series, NDArray[np.bool_]]:
    """One series with three labelled oddities, and which samples they are."""
    rng = np.random.default_rng([seed, 41])
    hour = np.arange(SAMPLES) % PER_DAY / 12
    values = np.asarray(KINDS[seed % len(KINDS)](rng, hour), dtype="float64")
    odd, spread = np.zeros(SAMPLES, dtype=bool), float(values.std()) or 1.0
    places = FIRST + rng.permutation(6)[:3] * (SAMPLES - FIRST) // 6 + rng.integers(20, 200, 3)
    for place, kind in zip(places, rng.permutation(ODDITIES), strict=False):
        length = int(rng.integers(1, 4)) if kind in ("spike", "dip") else int(rng.integers(24, 96))
        part = slice(place, place + length)
        size = spread * rng.uniform(1, 4)
        if kind in ("spike", "shift"):
            values[part] += size
        elif kind == "dip":
            values[part] -= size
        elif kind == "flat":
            values[part] = values[place]
        else:
            values[part] += rng.normal(0, size / 2, length)
        odd[part] = True
    return pd.Series(values, pd.date_range("2026-03-02", periods=SAMPLES, freq="5min", tz="UTC")), odd


def rolling_mad(series: pd.Series, period: int) -> Array:
    """Distance from the rolling median of a period, in rolling MADs."""
    middle = series.rolling(period, min_periods=20).median()
    away = (series - middle).abs()
    return (away / (away.rolling(period, min_periods=20).median() + 1e-3 * series.std())).fillna(0.0).to_numpy()


def seasonal_residual(series: pd.Series, period: int) -> Array:
    """Residual of a robust seasonal-trend decomposition by its period."""
    jumps = {"seasonal_jump": 1 + period // 8, "trend_jump": 1 + period // 4, "low_pass_jump": 1 + period // 8}
    return np.abs(STL(series.to_numpy(), period=period, robust=True, **jumps).fit(inner_iter=2, outer_iter=4).resid)


def isolation_forest(series: pd.Series, _: int) -> Array:
    """Isolation forest over values, differences, and recent mean and spread."""
    near = series.rolling(12, min_periods=1)
    rows = pd.concat([series, series.diff(), near.mean(), near.std()], axis=1).fillna(0.0).to_numpy()
    return -IsolationForest(random_state=0).fit(rows).score_samples(rows)


def nearest_windows(series: pd.Series, _: int) -> Array:
    """Distance of the window around each sample to the fifth nearest one that does not overlap with it."""
    rows = np.lib.stride_tricks.sliding_window_view(np.pad(series.to_numpy(), WINDOW // 2, mode="edge"), WINDOW)[
        : len(series)
    ]
    wanted = 2 * WINDOW + 5
    distance, other = NearestNeighbors(n_neighbors=wanted, algorithm="brute").fit(rows).kneighbors(rows)
    apart = np.abs(other - np.arange(len(rows))[:, None]) >= WINDOW
    return distance[np.arange(len(rows)), np.argmax(np.cumsum(apart, axis=1) >= 5, axis=1)]


METHODS: dict[str, Callable[[pd.Series, int], Array]] = {
    "promreview, offline": lambda series, _: score_offline(series).to_numpy(),
    "promreview, online": lambda series, _: score_online(series).to_numpy(),
    "nearest-neighbour windows": nearest_windows,
    "isolation forest": isolation_forest,
    "seasonal-trend residuals": seasonal_residual,
    "rolling median and MAD": rolling_mad,
}


def areas(family: str, seed: int) -> list[float]:
    """Area under the precision-recall curve of each method on one series."""
    if family:
        rng = np.random.default_rng([seed, list(FAMILIES).index(family), 43])
        series, odd, period = FAMILIES[family](rng)
    else:
        (series, odd), period = make_series(seed), PER_DAY
    return [float(average_precision_score(odd, method(series, period))) for method in METHODS.values()]


def _measured(pool: Parallel, family: str, count: int) -> list[str]:
    """Mean area and half of its 95 % interval, one text per method."""
    found = np.array(pool(delayed(areas)(family, SEED + n) for n in range(count)))
    halves = stats.t.ppf(0.975, count - 1) * found.std(axis=0, ddof=1) / np.sqrt(count)
    return [f"{mean:.2f} ± {half:.2f}" for mean, half in zip(found.mean(axis=0), halves, strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--series", type=int, default=60, help="of the ten kinds")
    parser.add_argument("--each", type=int, default=20, help="of each family")
    given, pool = parser.parse_args(), Parallel(n_jobs=2)
    columns = {f"{given.series} of ten kinds": _measured(pool, "", given.series)}
    columns |= {f"{given.each} of {name}": _measured(pool, name, given.each) for name in FAMILIES}
    print(f"seeds {SEED} and up; mean area and its 95 % interval\n\n| | {' | '.join(columns)} |")
    print("|---" * (len(columns) + 1) + "|")
    for name, row in zip(METHODS, zip(*columns.values(), strict=True), strict=True):
        print(f"| {name} | {' | '.join(row)} |")


if __name__ == "__main__":
    main()
