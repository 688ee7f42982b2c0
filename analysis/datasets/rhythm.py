"""When people work: daily and weekly rhythm, growth, holidays, sales, and correlated noise."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.signal import lfilter

Array = NDArray[np.float64]

# Share of the daily peak at each local hour: people sleep, log in before nine, and have lunch.
_WORKDAY = np.array(
    [10, 8, 7, 7, 8, 12, 25, 52, 88, 100, 97, 92, 80, 84, 92, 90, 84, 74, 58, 46, 38, 31, 23, 15], dtype="float64"
)
_WEEKEND = np.array(
    [10, 8, 7, 6, 6, 7, 10, 15, 22, 28, 31, 32, 31, 30, 30, 30, 30, 31, 31, 30, 27, 23, 18, 13], dtype="float64"
)
NOISE_MEMORY_MINUTES = 30.0  # how long a busy spell lasts
NOISE_SPREAD = 0.08  # standard deviation of the logarithm of the rate around its rhythm


@dataclass(frozen=True)
class Rhythm:
    """How the load of a service moves.

    Attributes:
        timezone: IANA zone people live in; daylight saving shifts the load in UTC.
        growth_per_month: relative growth in 30 days.
        holidays: local days that look like Sundays.
        sales: local days with a sales peak.
        sales_factor: how much more there is at the height of a sales peak.
    """

    timezone: str = "Europe/Berlin"
    growth_per_month: float = 0.03
    holidays: Sequence[date] = ()
    sales: Sequence[date] = ()
    sales_factor: float = 2.5

    def shape(self, index: pd.DatetimeIndex) -> Array:
        """Expected load at each stamp, relative to the busiest hour of a working day."""
        local = index.tz_convert(self.timezone)
        hour = (local.hour + local.minute / 60 + local.second / 3600).to_numpy("float64")
        days = local.normalize().tz_localize(None)
        resting = (local.day_of_week >= 5) | days.isin(pd.DatetimeIndex(list(self.holidays)))
        grid = np.arange(25)
        workday = np.interp(hour, grid, np.append(_WORKDAY, _WORKDAY[0])) / 100
        weekend = np.interp(hour, grid, np.append(_WEEKEND, _WEEKEND[0])) / 100
        return np.where(resting, weekend, workday) * self._growth(index) * self._sales(hour, days)

    def _growth(self, index: pd.DatetimeIndex) -> Array:
        days = (index - index[0]) / pd.Timedelta(days=1)
        return np.asarray((1 + self.growth_per_month) ** (days.to_numpy("float64") / 30))

    def _sales(self, hour: Array, days: pd.DatetimeIndex) -> Array:
        bump = np.exp(-((hour - 19) ** 2) / (2 * 2.0**2))  # people buy after work, around seven
        return np.asarray(1 + (self.sales_factor - 1) * bump * days.isin(pd.DatetimeIndex(list(self.sales))))


def correlated_noise(
    rng: np.random.Generator, samples: int, step_minutes: float, spread: float = NOISE_SPREAD
) -> Array:
    """A factor around 1, log-normal and autocorrelated (AR(1)), so that counts are over-dispersed."""
    memory = np.exp(-step_minutes / NOISE_MEMORY_MINUTES)
    white = rng.normal(scale=spread * np.sqrt(1 - memory**2), size=samples)
    white[:1] = rng.normal(scale=spread, size=1)
    return np.asarray(np.exp(lfilter([1], [1, -memory], white) - spread**2 / 2))
