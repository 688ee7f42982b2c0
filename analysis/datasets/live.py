"""The platform's services as they are now: the model of the synthetic data, running.

The model makes a stretch of the near future at once; the counters of the moment are what came
before it plus what it has counted so far. An attack that begins makes a new stretch from then on.
"""

import threading
from collections.abc import Callable, Sequence
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

Frames = dict[str, pd.DataFrame]


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
        self._commands = threading.Lock()  # one after the other; scrapes do not wait for them
        start = self._second()
        self._install(start, self._made(start, ()), {}, 0)

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
        with self._commands:
            now = self._second()
            attack = make_attack(kind, now, strength=strength, minutes=minutes, **labels)
            self._renew(now, self._under_way(now) | {kind: attack})
        return attack

    def end(self, kind: str = "") -> list[str]:
        """End the attack of this kind, all of them where none is named; returns those that were under way."""
        with self._commands:
            now = self._second()
            going = self._under_way(now)
            ended = [name for name in going if kind in ("", name)]
            if ended:
                self._renew(now, {name: attack for name, attack in going.items() if name not in ended})
        return ended

    def attacks(self) -> dict[str, Attack]:
        """The attacks that are under way, by kind."""
        with self._lock:
            return self._under_way(self._second())

    def _under_way(self, now: datetime) -> dict[str, Attack]:
        return {kind: attack for kind, attack in self._attacks.items() if now < attack.window.end}

    def _second(self) -> datetime:
        return self.clock().replace(microsecond=0)

    def _renew(self, start: datetime, attacks: dict[str, Attack]) -> None:
        """A stretch with these attacks in place of the one under way; scrapes go on while it is made."""
        frames = self._made(start, tuple(attacks.values()))
        with self._lock:
            now = self._second()
            before = self._values(now)
            row = min((now - start) // STEP, STRETCH_STEPS - 1)
            self._install(start, frames, before, row)
            self._attacks = attacks

    def _values(self, now: datetime) -> dict[str, pd.Series]:
        while now >= self._start + STRETCH_STEPS * STEP:
            last = self._start + (STRETCH_STEPS - 1) * STEP
            start = max(last, now - (STRETCH_STEPS - 1) * STEP)  # a machine that slept does not catch up
            before = self._at(STRETCH_STEPS - 1)
            self._install(start, self._made(start, tuple(self._under_way(start).values())), before, 0)
        return self._at(max(0, (now - self._start) // STEP))

    def _at(self, row: int) -> dict[str, pd.Series]:
        return {name: frame.iloc[row] for name, frame in self._frames.items()}

    def _install(self, start: datetime, frames: Frames, before: dict[str, pd.Series], row: int) -> None:
        """Put new frames in place, their counters going on from what they were `before`, at this row."""
        self._frames = {name: _going_on(name, frame, before.get(name), row) for name, frame in frames.items()}
        self._start = start

    def _made(self, start: datetime, attacks: tuple[Attack, ...]) -> Frames:
        window = Window(start - WARM_UP_STEPS * STEP, start + STRETCH_STEPS * STEP)
        self._stretches += 1
        seed = [self.seed, self._stretches]
        frames = scraped(window, STEP, seed, self.rhythm, attacks)
        return {name: frame.iloc[WARM_UP_STEPS:] for name, frame in frames.items()}


def scraped(
    window: Window, step: timedelta, seed: Sequence[int], rhythm: Rhythm, attacks: Sequence[Attack] = ()
) -> Frames:
    """The services' metrics at each stamp, counters from zero on, one frame per metric name.

    Args:
        window: the stretch of time.
        step: distance of the stamps.
        seed: the same numbers give the same metrics.
        rhythm: how the load moves.
        attacks: what is done to the login.
    """
    index = regular_index(*window.stamp_bounds_ms(step), step // timedelta(milliseconds=1))
    scale = LoginScale(countries=LIVE_COUNTRIES)
    logins = make_login_signals(index, seed=_one_number(seed), rhythm=rhythm, scale=scale, attacks=attacks)
    rng, minutes = np.random.default_rng([*seed, 1]), step / timedelta(minutes=1)
    services = Services(rng, index, rhythm.shape(index), minutes)
    services.progress = np.zeros(len(index))  # what drifts over the months stands still within days
    steps = {name: named_targets(frame) for name, frame in service_steps(logins, services).items()}
    return {name: frame if name.endswith(GAUGES) else frame.cumsum() for name, frame in steps.items()}


def _one_number(parts: Sequence[int]) -> int:
    """One seed out of several numbers, spread so that neighbouring ones share nothing."""
    return int(np.random.SeedSequence(parts).generate_state(1)[0])


def _going_on(name: str, frame: pd.DataFrame, before: pd.Series | None, row: int) -> pd.DataFrame:
    """A counter's frame moved so that at this row it is what it was before; a gauge's as it is."""
    if name.endswith(GAUGES):
        return frame
    grown = frame - frame.iloc[row]
    if before is None:
        return grown
    grown = grown.reindex(columns=grown.columns.union(before.index), fill_value=0.0)
    return grown + before.reindex(grown.columns, fill_value=0.0)
