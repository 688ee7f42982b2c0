"""Labelled single series of the shapes that public collections of anomalies hold, none of them copied.

Hourly traffic of a thousand samples, several seasons on a trend, metrics of machines and services with stretches that
lasted, many equal cycles of which one is odd, and minutes of a busy server. Each function gives the series, which of
its samples are odd, and the period that a method which needs one may be told.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.signal import lfilter

Array = NDArray[np.float64]
Labelled = tuple[pd.Series, NDArray[np.bool_], int]


def _ar(rng: np.random.Generator, size: int, spread: float, memory: float) -> Array:
    return np.asarray(lfilter([1], [1, -memory], rng.normal(0, spread * np.sqrt(1 - memory**2), size)))


def _labelled(values: Array, odd: list[tuple[int, int]], step: str, period: int) -> Labelled:
    index = pd.date_range("2014-02-14", periods=len(values), freq=step, tz="UTC")
    truth = np.zeros(len(values), dtype=bool)
    for place, length in odd:
        truth[place : place + length] = True
    return pd.Series(values, index), truth, period


def hourly_traffic(rng: np.random.Generator) -> Labelled:
    """Requests by the hour: days, weekends, a trend; spikes, dips, losses, shifts of some hours."""
    size = int(rng.integers(1_000, 1_500))
    hour = np.arange(size)
    day = np.exp(rng.uniform(0, 1) * np.sin(2 * np.pi * hour / 24 + rng.uniform(0, 6)))
    values = day * (1 - rng.uniform(0, 0.5) * (hour // 24 % 7 >= 5)) * (1 + rng.uniform(-0.3, 0.5) * hour / size)
    values = values * np.exp(_ar(rng, size, rng.uniform(0.03, 0.15), 0.6))
    if rng.random() < 0.3:
        values = np.round(values * rng.choice([3, 20, 1000]))
    spread, odd = values.std(), []
    for _ in range(int(rng.integers(1, 5))):
        kind, place, length = rng.choice(["spike", "dip", "shift", "lost"]), int(rng.integers(200, size - 50)), 0
        length = int(rng.integers(8, 40) if kind == "shift" else rng.integers(1, 6))
        part = slice(place, place + length)
        if kind == "lost":
            values[part] *= rng.uniform(0, 0.2)
        else:
            values[part] += spread * {"spike": rng.uniform(2.5, 8), "dip": -rng.uniform(1.5, 4), "shift": 2.0}[kind]
        odd.append((place, length))
    return _labelled(values * 10.0 ** rng.integers(-9, 12), odd, "1h", 24)


def several_seasons(rng: np.random.Generator) -> Labelled:
    """A trend and three seasons; single outliers, and a level or a rhythm that changes for good."""
    size = 1_680
    hour = np.arange(size)
    values = rng.uniform(-0.5, 0.5) * hour + rng.normal(0, spread := rng.uniform(5, 60), size)
    for period in (12, 24, 168):
        values += rng.uniform(50, 400) * np.sin(2 * np.pi * hour / period + rng.uniform(0, 6))
    odd = [(int(place), 1) for place in rng.integers(250, size, int(rng.integers(3, 9)))]
    for place, _ in odd:
        values[place] += rng.choice([-1, 1]) * spread * rng.uniform(5, 12)
    change = int(rng.integers(500, size - 100))
    if rng.random() < 0.5:
        values[change:] += rng.choice([-1, 1]) * spread * rng.uniform(5, 12)
        odd.append((change, 3))
    return _labelled(values, odd, "1h", 24)


def monitoring(rng: np.random.Generator) -> Labelled:
    """Five-minute metrics of machines and services, some samples missing; what is odd lasts minutes to a day."""
    size = 4_032
    hour = np.arange(size) % 288 / 12
    working = (hour >= 9) & (hour < 18)
    place, length = int(rng.integers(1_200, 3_600)), int(rng.integers(20, 200))
    part = slice(place, place + length)
    kind = int(rng.integers(6))
    if kind == 0:  # a processor with bursts, then more or less of everything
        values = rng.uniform(2, 60) + _ar(rng, size, 1.0, 0.5) + (rng.random(size) < 0.01) * rng.uniform(2, 10)
        values[part] += rng.choice([-1, 1]) * values.std() * rng.uniform(3, 8)
    elif kind == 1:  # writes to a disk, mostly none
        values = (rng.random(size) < 0.05) * rng.exponential(1e6, size)
        values[part] += rng.exponential(4e6, length)
    elif kind == 2:  # a temperature that sags
        values = 90 + _ar(rng, size, 6, 0.998) + _ar(rng, size, 1, 0.5)
        values[part] -= np.sin(np.linspace(0, np.pi, length)) * rng.uniform(30, 60)
    elif kind == 3:  # a day at work that does not take place
        values = 20 + (50 + rng.uniform(0, 18, size)) * working + rng.uniform(-2, 2, size)
        place, length = place // 288 * 288 + 108, 108
        values[place : place + length] = 20 + rng.uniform(-2, 2, length)
    elif kind == 4:  # spikes that come more often
        values = rng.uniform(0, 0.1, size)
        values[:: int(rng.integers(60, 120))] = 20.0
        values[place : place + 200 : 10], length = 20.0, 200
    else:  # mentions, as counts
        rate = np.exp(1 + 0.6 * np.sin((hour - 9) / 24 * 2 * np.pi) + _ar(rng, size, 0.3, 0.95))
        rate[part] *= np.linspace(rng.uniform(4, 8), 1, length)
        values = rng.poisson(rate).astype("float64")
    series, truth, period = _labelled(values, [(place, length)], "5min", 288)
    kept = rng.random(size) > rng.choice([0.0, 0.03])
    return series[kept], truth[kept], period


def one_odd_cycle(rng: np.random.Generator) -> Labelled:
    """Thousands of samples of equal cycles, their pace wandering; one of them is unlike the others."""
    size, period = int(rng.integers(4_000, 8_000)), int(rng.integers(40, 250))
    phase = np.cumsum(1 + _ar(rng, size, rng.choice([0, 0.02, 0.05]), 0.99)) / period
    weights, shifts = rng.normal(0, 1, 4) / np.arange(1, 5), rng.uniform(0, 6, 4)
    waves: list[Callable[[Array], Array]] = [
        lambda x: 5 * np.exp(-0.5 * ((x % 1 - 0.3) / 0.02) ** 2) + 1.2 * np.exp(-0.5 * ((x % 1 - 0.55) / 0.06) ** 2),
        lambda x: sum(w * np.sin(2 * np.pi * (k + 1) * x + shifts[k]) for k, w in enumerate(weights)),
        lambda x: np.tanh(6 * np.sin(2 * np.pi * x)),
        lambda x: x % 1,
    ]
    wave = waves[int(rng.integers(len(waves)))]
    values = wave(phase)
    spread, length = values.std(), int(period * rng.uniform(0.5, 1.5))
    place = int(rng.integers(size // 2, size - length - 10))
    part = slice(place, place + length)
    kind = rng.choice(["missing", "stretched", "scaled", "noisy", "flat", "reversed", "doubled"])
    changed = {
        "missing": lambda x: x.mean() + 0.1 * (x - x.mean()),
        "stretched": lambda _: wave(phase[place] + (phase[part] - phase[place]) * 0.6),
        "scaled": lambda x: values.mean() + (x - values.mean()) * 1.6,
        "noisy": lambda x: x + rng.normal(0, spread / 2, length),
        "flat": lambda x: np.full(length, x[0]),
        "reversed": lambda x: x[::-1].copy(),
        "doubled": lambda _: wave(2 * phase[part]),
    }
    values[part] = changed[kind](values[part])
    return _labelled(
        values + rng.normal(0, spread * rng.choice([0.02, 0.08, 0.2]), size), [(place, length)], "1min", period
    )


def busy_server(rng: np.random.Generator) -> Labelled:
    """Minutes of a server's load; minutes to hours of more, of unrest, of nothing moving, of a swing."""
    size = int(rng.integers(4_000, 8_000))
    minute = np.arange(size)
    values = 0.2 + _ar(rng, size, 0.03, 0.7) + 0.1 * (minute % 60 < 3) + 0.05 * np.sin(minute / 1440 * 2 * np.pi)
    odd = []
    for place in 1_500 + rng.permutation(5)[: int(rng.integers(2, 5))] * (size - 2_000) // 5:
        length = int(rng.integers(20, 250))
        part = slice(place, place + length)
        swing = 0.1 * np.sin(np.arange(length) / 3)
        kinds = (values[part] + rng.uniform(0.1, 0.4), values[part] + rng.normal(0, 0.1, length), values[part] + swing)
        values[part] = (*kinds, np.full(length, values[place]))[int(rng.integers(4))]
        odd.append((int(place), length))
    return _labelled(values, odd, "1min", 1_440)


FAMILIES: dict[str, Callable[[np.random.Generator], Labelled]] = {
    "hourly traffic": hourly_traffic,
    "several seasons": several_seasons,
    "monitoring": monitoring,
    "one odd cycle": one_odd_cycle,
    "busy server": busy_server,
}
