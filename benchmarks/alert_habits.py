"""Ways in which alerts come, as alerts per day: alone, in clusters, in storms, at rates that wander, shift or grow.

Each habit is drawn by ``habit(rng, days)``; rates are per month of 30 days, and the last 30 days are what is to be
predicted. Constants of the prediction were chosen on the first two groups below alone (seeds below 1 000).
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

Habit = Callable[[np.random.Generator, int], NDArray[np.int64]]
MONTH_DAYS = 30


def clusters(rate: float, sizes: Callable[[np.random.Generator, int], NDArray[np.int64]], mean: float) -> Habit:
    """Clusters at random; each brings `mean` alerts on average, three in ten of them a day later."""

    def habit(rng: np.random.Generator, days: int) -> NDArray[np.int64]:
        begun = rng.poisson(rate / mean / MONTH_DAYS, days)
        together = np.bincount(np.repeat(np.arange(days), begun), sizes(rng, int(begun.sum())), days).astype("int64")
        later = rng.binomial(together, 0.3) if mean > 1 else np.zeros(days, dtype="int64")
        return together - later + np.concatenate([[0], later[:-1]])

    return habit


def geometric(rate: float, mean: float) -> Habit:
    """Sizes of which small ones are most."""
    return clusters(rate, lambda rng, n: rng.geometric(1 / mean, n), mean)


def storms(a_month: float, size: float) -> Habit:
    """Storms that are all about as large."""
    return clusters(a_month * size, lambda rng, n: 1 + rng.poisson(size - 1, n), size)


def heavy(rate: float, exponent: float) -> Habit:
    """Sizes with a Pareto tail, at most 500."""
    mean = exponent / (exponent - 1)
    draw = lambda rng, n: np.ceil(np.minimum(rng.pareto(exponent, n) + 1e-3, 500)).astype("int64")  # noqa: E731
    return clusters(rate, draw, mean)


def varying(rate: float, factors: Callable[[np.random.Generator, int], NDArray[np.float64]]) -> Habit:
    """Lone alerts at a rate that is multiplied by a factor each day."""
    return lambda rng, days: rng.poisson(rate / MONTH_DAYS * factors(rng, days))


def correlated(rate: float, carried: float, spread: float) -> Habit:
    """A rate whose logarithm is autoregressive."""

    def factors(rng: np.random.Generator, days: int) -> NDArray[np.float64]:
        noise = lfilter([np.sqrt(1 - carried**2)], [1, -carried], rng.normal(0, 1, days + 300))[300:]
        return np.exp(spread * noise - spread**2 / 2)

    return varying(rate, factors)


def regimes(rate: float, stay: float) -> Habit:
    """Loud and quiet spells, `stay` days long on average."""
    return varying(
        rate,
        lambda rng, days: np.where((np.cumsum(rng.random(days) < 1 / stay) + rng.integers(2)) % 2 == 1, 1.9, 0.1),
    )


def shifted(rate: float, factor: float) -> Habit:
    """A rate that changed once, some time before the month that is to be predicted."""
    return varying(rate, lambda rng, days: np.where(np.arange(days) < rng.integers(0, days - MONTH_DAYS), 1.0, factor))


def growing(rate: float, factor: float) -> Habit:
    """A rate that is multiplied by the factor within each month; `rate` is that as the past ends."""
    return varying(rate, lambda _, days: factor ** ((np.arange(days) - (days - MONTH_DAYS)) / MONTH_DAYS))


def working_days(rate: float) -> Habit:
    """Alerts on working days, hardly any on others."""
    return varying(rate, lambda rng, days: np.where((np.arange(days) + rng.integers(7)) % 7 < 5, 1.36, 0.1))


def seasonal(rate: float) -> Habit:
    """A wave of 45 days: a month can be on its crest, and the next in its trough."""
    return varying(rate, lambda rng, days: 1 + 0.8 * np.sin(2 * np.pi * (np.arange(days) / 45 + rng.random())))


def deploys(rate: float) -> Habit:
    """A deploy every ten days or so, and alerts for two days after each that was bad, as many as it was bad."""

    def habit(rng: np.random.Generator, days: int) -> NDArray[np.int64]:
        bad = (rng.random(days) < 0.1) * rng.lognormal(0, 1, days) * 6
        return rng.poisson(rate / MONTH_DAYS * (bad + np.concatenate([[0], bad[:-1]])))

    return habit


def walking(rate: float) -> Habit:
    """A rate whose logarithm is a random walk, with half a unit a month."""
    return varying(rate, lambda rng, days: np.exp(np.cumsum(rng.normal(0, 0.5 / np.sqrt(MONTH_DAYS), days))))


def gamma_months(rate: float) -> Habit:
    """Weeks that differ: the rate of each is drawn anew."""
    return varying(rate, lambda rng, days: np.repeat(rng.gamma(2, 0.5, days // 7 + 1), 7)[:days])


SIZES = (1.0, 2.0, 4.0, 8.0)
CARRIED = ((0.7, 1.0), (0.9, 1.0), (0.97, 0.8))  # from day to day, and the spread of the logarithm
LOOKED_AT: dict[str, Habit] = {
    **{f"{rate:g} in clusters of {size:g}": geometric(rate, size) for rate in (0.5, 4, 15, 60) for size in SIZES},
    **{f"{count:g} storms of 40": storms(count, 40) for count in (0.25, 0.5, 1, 2, 4)},
    **{
        f"{rate}, carried {c}": correlated(rate, c, s)
        for rate in (4, 15, 60)
        for c, s in ((0.7, 1), (0.9, 1), (0.97, 0.8))
    },
    **{f"{rate}, spells of {stay} days": regimes(rate, stay) for rate in (4, 15, 60) for stay in (10, 30)},
    **{f"{rate}, sizes of heavy tail": heavy(rate, 1.5) for rate in (4, 15, 60)},
    **{f"{rate}, shifted by {f:.2g}": shifted(rate, f) for rate in (4, 15, 60) for f in (3, 1 / 3)},
    **{f"{rate}, times {f} a month": growing(rate, f) for rate in (4, 15, 60) for f in (0.5, 0.7, 1.4, 2)},
    **{f"{rate} on working days": working_days(rate) for rate in (4, 15, 60)},
}
NEVER_LOOKED_AT: dict[str, Habit] = {
    **{f"{rate}, wave of 45 days": seasonal(rate) for rate in (4, 15, 60)},
    **{f"{rate}, bad deploys": deploys(rate) for rate in (4, 15, 60)},
    **{f"{rate}, walking": walking(rate) for rate in (4, 15, 60)},
    **{f"{rate}, weeks that differ": gamma_months(rate) for rate in (4, 15, 60)},
    **{f"{count:g} storms of 15": storms(count, 15) for count in (0.5, 1, 3)},
    **{f"{count:g} storms of 100": storms(count, 100) for count in (0.5, 1, 3)},
    **{f"{rate}, sizes of heavier tail": heavy(rate, 1.2) for rate in (4, 15, 60)},
}
