"""What people use today, with its best settings, and an oracle that knows what nobody can know.

Each peer gives one score per step of the total failures, successes and rejected tokens. Window lengths and the
threshold are chosen on the tuning seeds: the lowest threshold that keeps the promise, for the setting that finds most.
"""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from sklearn.ensemble import IsolationForest
from statsmodels.tsa.seasonal import STL

from analysis.series.sequential import cusum

Frames = Mapping[str, pd.DataFrame]
QUARTER = "15min"


def totals(frames: Frames) -> pd.DataFrame:
    """Totals of the three signals, steps with a lost scrape left out."""
    table = pd.DataFrame(
        {name: frames[name].sum(axis=1, min_count=1) for name in ("failures", "successes", "token_failures")}
    )
    lost = frames["samples"].isna().any(axis=1) | (frames["resets"] > 0).any(axis=1)
    return table.mask(lost)


def rolling_mad(window: str, smooth: int) -> Callable[[Frames], pd.Series]:
    """Distance from the rolling median in rolling MADs."""

    def score(frames: Frames) -> pd.Series:
        table = totals(frames).rolling(smooth, min_periods=1).mean()
        middle = table.rolling(window, min_periods=20).median()
        away = (table - middle).abs()
        spread = 1.4826 * away.rolling(window, min_periods=20).median()
        return (away / (spread + 0.5 + 0.05 * middle)).max(axis=1)

    return score


def seasonal_residual(period: str, smooth: int) -> Callable[[Frames], pd.Series]:
    """Residual of a seasonal-trend decomposition (Cleveland et al. 1990), robust, in MADs."""

    def score(frames: Frames) -> pd.Series:
        table = totals(frames)
        coarse = table.resample(QUARTER, label="right", closed="right").mean().interpolate().ffill().bfill()
        steps = int(pd.Timedelta(period) / pd.Timedelta(QUARTER))
        found = {}
        for name in coarse:
            values = np.sqrt(coarse[name])
            jumps = {"seasonal_jump": steps // 8, "trend_jump": steps // 2, "low_pass_jump": steps // 8}
            left = STL(values, period=steps, robust=True, seasonal=7, **jumps).fit(inner_iter=2, outer_iter=4)
            away = left.resid.rolling(smooth, min_periods=1).mean()
            found[name] = away.abs() / (1.4826 * away.abs().median() + 1e-9)
        return pd.DataFrame(found).max(axis=1).reindex(table.index, method="bfill")

    return score


def isolation_forest(smooth: int, trees: int) -> Callable[[Frames], pd.Series]:
    """Isolation forest over values, recent means and the time of the week."""

    def score(frames: Frames) -> pd.Series:
        table = totals(frames).rolling(smooth, min_periods=1).mean()
        hour = table.groupby([table.index.day_of_week, table.index.hour]).transform("median")
        rows = pd.concat([np.sqrt(table), np.sqrt(table) - np.sqrt(hour), (table / (hour + 1)).clip(upper=50)], axis=1)
        rows = rows.ffill().fillna(0.0).to_numpy()
        forest = IsolationForest(n_estimators=trees, random_state=0).fit(rows[:: max(1, len(rows) // 5000)])
        return pd.Series(-forest.score_samples(rows), index=table.index)

    return score


PEERS: dict[str, list[Callable[[Frames], pd.Series]]] = {
    "rolling median and MAD": [rolling_mad(w, s) for w in ("6h", "1D", "7D") for s in (1, 5)],
    "seasonal-trend residuals": [seasonal_residual("1D", 1), seasonal_residual("7D", 1)],
    "isolation forest": [isolation_forest(s, t) for s in (1, 5) for t in (50, 100)],
}


def alarms(score: pd.Series, threshold: float, gap: pd.Timedelta) -> list[tuple[pd.Timestamp, pd.Timestamp]]:
    """Stretches above a threshold, joined over the merge gap."""
    hot = score.index[score.to_numpy() > threshold]
    if not len(hot):
        return []
    edges = np.flatnonzero(np.diff(hot) > gap) + 1
    return [(part[0], part[-1]) for part in np.split(hot, edges)]


def oracle_limit(quiet: list[np.ndarray], rates: np.ndarray, factor: float, false_alarms: float) -> float:
    """Limit at which a CUSUM that knows rates and factor raises so many false alarms on quiet runs.

    Args:
        quiet: failures per step of runs without events, noise included.
        rates: what is to be expected at each of their steps, without noise.
        factor: of the rise that is looked for.
        false_alarms: how many are allowed in all runs together.
    """
    tops = np.concatenate([_excursions(oracle(counts, rates, factor)) for counts in quiet])
    return float(np.sort(tops)[::-1][min(len(tops) - 1, round(false_alarms))])


def _excursions(statistic: np.ndarray) -> np.ndarray:
    """Highest value of each stretch above zero."""
    starts = np.flatnonzero((statistic[1:] > 0) & (statistic[:-1] == 0)) + 1
    return np.maximum.reduceat(statistic, starts) if len(starts) else statistic[:1]


def oracle(counts: np.ndarray, rates: np.ndarray, factor: float) -> np.ndarray:
    """Poisson CUSUM (Lucas 1985) whose rates and factor are the true ones."""
    return cusum(counts * np.log(factor) - rates * (factor - 1), 0.0)
