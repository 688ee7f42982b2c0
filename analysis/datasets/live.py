"""The platform's services as they are now: the model of the synthetic data, running.

The model makes a stretch of the near future at once; the counters of the moment are what came
before it plus what it has counted so far. An attack that begins makes a new stretch from then on.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from analysis.datasets.attacks import KINDS, make_attack
from analysis.datasets.counters import regular_index
from analysis.datasets.login_signals import COUNTRIES, RARE_COUNTRY, LoginScale, make_login_signals
from analysis.datasets.platform import GAUGES, named_targets, service_steps
from analysis.datasets.rhythm import Array, Rhythm
from analysis.datasets.services import Services
from analysis.datasets.truth import Attack
from analysis.errors import InputError
from analysis.window import Window

STEP = timedelta(seconds=1)  # finer than any scrape, so that a scrape sees what happened up to its second
STRETCH_STEPS = 600  # ten minutes are made at once: some 60 ms of work
WARM_UP_STEPS = 600  # before each stretch, so that means over time (open sessions) are settled where it begins
# Series of the country that an attack may come from have to exist before it, as they do in a real service.
LIVE_COUNTRIES = COUNTRIES | {RARE_COUNTRY: 1e-4}


def utc_now() -> datetime:
    """The clock of the live platform."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class ConstantLoad(Rhythm):
    """The same load at every hour, for demonstrations at night.

    Attributes:
        load: share of the busiest hour of a working day.
    """

    load: float = 1.0

    def shape(self, index: pd.DatetimeIndex) -> Array:
        """Expected load at each stamp."""
        return np.full(len(index), self.load)


class LivePlatform:
    """Metrics of the auth and policy services and the dashboard, at any moment from its making on.

    Args:
        seed: the same seed and the same commands give the same rates.
        rhythm: how the load moves over the day.
        clock: what time it is.
    """

    def __init__(self, seed: int, rhythm: Rhythm | None = None, clock: Callable[[], datetime] = utc_now) -> None:
        """Make the first stretch."""
        self.seed, self.rhythm, self.clock = seed, rhythm or Rhythm(), clock
        self._attacks: dict[str, Attack] = {}
        self._stretches = 0
        self._lock = threading.Lock()
        self._before: dict[str, pd.Series] = {}
        self._make(self._second())

    def now(self) -> dict[str, pd.Series]:
        """Every metric as a scrape at this moment would see it: values by label set, by metric name."""
        with self._lock:
            return self._values(self._second())

    def begin(self, kind: str, minutes: float | None = None, strength: float | None = None, **labels: str) -> Attack:
        """Begin an attack, in place of one of the same kind that is under way.

        Raises:
            InputError: there is no such kind, or a length or strength that is not above zero.
        """
        if kind not in KINDS:
            raise InputError(f"there is no attack {kind!r}; there are {', '.join(KINDS)}")
        if (minutes is not None and minutes <= 0) or (strength is not None and strength <= 0):
            raise InputError("minutes and strength must be above 0")
        with self._lock:
            now = self._second()
            attack = make_attack(kind, now, strength=strength, minutes=minutes, **labels)
            self._renew(now, self._attacks | {kind: attack})
        return attack

    def end(self, kind: str = "") -> list[str]:
        """End the attack of this kind, all of them where none is named; returns those that were under way."""
        with self._lock:
            now = self._second()
            ended = [name for name in self._under_way(now) if kind in ("", name)]
            if ended:
                self._renew(now, {name: attack for name, attack in self._attacks.items() if name not in ended})
        return ended

    def attacks(self) -> dict[str, Attack]:
        """The attacks that are under way, by kind."""
        with self._lock:
            return self._under_way(self._second())

    def _under_way(self, now: datetime) -> dict[str, Attack]:
        return {kind: attack for kind, attack in self._attacks.items() if now < attack.window.end}

    def _second(self) -> datetime:
        return self.clock().replace(microsecond=0)

    def _renew(self, now: datetime, attacks: dict[str, Attack]) -> None:
        """A new stretch from now on, from the old one's counters; only then the new attacks."""
        before = self._values(now)
        earlier, self._attacks = self._attacks, attacks
        try:
            self._make(now)
        except Exception:
            self._attacks = earlier
            raise
        self._before = before

    def _values(self, now: datetime) -> dict[str, pd.Series]:
        while now >= self._start + STRETCH_STEPS * STEP:
            end = self._start + (STRETCH_STEPS - 1) * STEP
            self._before = self._at(STRETCH_STEPS - 1)
            self._make(max(end, now - (STRETCH_STEPS - 1) * STEP))  # a machine that slept does not catch up
        return self._at(max(0, (now - self._start) // STEP))

    def _at(self, row: int) -> dict[str, pd.Series]:
        values = {}
        for name, frame in self._frames.items():
            counted = frame.iloc[row]
            before = self._before.get(name)
            values[name] = counted if before is None or name.endswith(GAUGES) else counted.add(before, fill_value=0.0)
        return values

    def _make(self, start: datetime) -> None:
        first = start - WARM_UP_STEPS * STEP
        window = Window(first, start + STRETCH_STEPS * STEP)
        index = regular_index(*window.stamp_bounds_ms(STEP), STEP // timedelta(milliseconds=1))
        seed = [self.seed, self._stretches]
        attacks = tuple(self._under_way(start).values())
        scale = LoginScale(countries=LIVE_COUNTRIES)
        logins = make_login_signals(index, seed=hash_seed(seed), rhythm=self.rhythm, scale=scale, attacks=attacks)
        services = Services(
            np.random.default_rng([*seed, 1]), index, self.rhythm.shape(index), STEP.total_seconds() / 60
        )
        services.progress = np.zeros(len(index))  # what drifts over the months stands still within minutes
        steps = {name: named_targets(frame) for name, frame in service_steps(logins, services).items()}
        self._frames = {name: _counted(name, frame.iloc[WARM_UP_STEPS:]) for name, frame in steps.items()}
        self._start = start
        self._stretches += 1


def hash_seed(parts: list[int]) -> int:
    """One number out of several, spread so that neighbouring ones share nothing."""
    return int(np.random.SeedSequence(parts).generate_state(1)[0])


def _counted(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Counters from zero at the first stamp on; gauges as they are."""
    if name.endswith(GAUGES):
        return frame
    counted = frame.copy()
    counted.iloc[0] = 0.0  # the first stamp's count belongs to what came before
    return counted.cumsum()
