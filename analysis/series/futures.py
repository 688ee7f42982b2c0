"""What may come of a trend: simulated futures of a count, and when each first reaches a limit.

The futures know six kinds of doubt: noise around the trend, the slope itself, a wandering level, steps as they were
seen before, slopes that change for others (as they did before, or as growth begins and ends anywhere), and growth
that is no straight line: in proportion to what is there, or speeding up or slowing down as it did so far.
"""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray
from scipy import signal

HORIZON = timedelta(days=730)  # a date more than two years away helps nobody
FUTURES = 300  # simulated; enough that the ends of the interval move little between seeds
# Slopes below this many of their standard errors are not growth.
CERTAIN_GROWTH = 1.0
# Tuned, with the shares below, on seeds 0 to 299 of `analysis.datasets.growth` so that an 80 % interval holds 80 %;
# judged on others, and on shapes that those histories do not have.
CALIBRATION = 0.9  # of the standard errors of slope, level and wandering
STEPS_BEFORE_ANY = 0.3  # how many steps are taken as seen where none was: absence is weak evidence
IN_PROPORTION, AS_SO_FAR = 0.3, 0.2  # shares of the futures whose growth compounds, or speeds up as it did
COMPOUNDS = 1.5  # mean of the factor on the rate at which it compounds: what feeds growth is not the whole count
MOST_BENT = 4.0  # of a slope's logarithm
# Slopes change for others: how many changes are taken as seen where none was, and in how many days more.
CHANGES_BEFORE_ANY, CHANGE_DAYS = 0.5, 30.0
CHANGES_BELIEVED = 0.5  # of the changes that were seen: many are a level that wanders
# What a slope changes to that was not seen before: growth that ends, turns back, begins anew; else near the present.
ENDS, TURNS, BEGINS = 0.3, 0.1, 0.25
TURNED = -0.5  # of the present slope
BEGUN = (-3.7, -2.2)  # decimal logarithm of new growth per day, by the level
NEAR = 0.7  # standard deviation of the logarithm of a slope near the present one


@dataclass(frozen=True)
class Path:
    """The present trend and its doubts; times in days, counted from the last point.

    Attributes:
        start: place of the first point of the last stretch.
        level: the trend's value now.
        level_error: standard error of the level.
        slope: growth per day.
        slope_error: standard error of the slope.
        freedom: degrees of freedom of the slope.
        noise: standard deviation around the trend.
        carried: how much of the noise is carried over from day to day, 0 to 1.
        wander: variance per day of a level that wanders.
        slopes: growth per day of each stretch; shape (stretches,).
        lengths: days of each stretch.
        acceleration: relative change of the slope per day so far.
        steps: sizes of the steps that were seen.
        step_size: standard deviation of a step of another size.
        span: days of the history.
    """

    start: int
    level: float
    level_error: float
    slope: float
    slope_error: float
    freedom: int
    noise: float
    carried: float
    wander: float
    slopes: NDArray[np.float64]
    lengths: NDArray[np.float64]
    acceleration: float
    steps: tuple[float, ...]
    step_size: float
    span: float

    @property
    def grows_by_steps(self) -> bool:
        """Whether several steps went up, as a server's do that grows with every release."""
        return len(self.steps) > 1 and sum(self.steps) > CERTAIN_GROWTH * float(np.linalg.norm(self.steps))

    def passages(self, limit: float) -> NDArray[np.float64]:
        """Days until the limit is first reached, in each of many simulated futures; infinite for never.

        Reaching a limit is a matter of the highest point so far, noise included, for which no
        formula holds with all these doubts; the futures are the same in every run.
        """
        rng = np.random.default_rng(FUTURES)
        days = np.arange(1, HORIZON // timedelta(days=1) + 1, dtype="float64")
        shape = (FUTURES, len(days))
        start = self.level + CALIBRATION * self.level_error * rng.standard_normal((FUTURES, 1))
        moves = CALIBRATION * np.sqrt(self.wander) * rng.standard_normal(shape, dtype="float32")
        moves = moves + self._future_slopes(rng, days) + self._future_steps(rng, shape)
        fresh = np.sqrt(1 - self.carried**2) * self.noise * rng.standard_normal(shape, dtype="float32")
        around = signal.lfilter([1.0], [1.0, -self.carried], fresh, axis=1)
        over = start + np.cumsum(moves, axis=1) + around >= limit
        return np.where(over.any(axis=1), over.argmax(axis=1) + 1.0, np.inf)

    def _future_slopes(self, rng: np.random.Generator, days: NDArray[np.float64]) -> NDArray[np.float64]:
        """Growth of each day: the present slope, bent, until it changes for another."""
        shape = (FUTURES, len(days))
        present = self.slope + CALIBRATION * self.slope_error * rng.standard_t(max(3, self.freedom), (FUTURES, 1))
        bent = present * np.exp(np.clip(self._bend(rng, present, days), -MOST_BENT, MOST_BENT))
        seen = len(self.slopes) - 1
        known = CHANGES_BELIEVED * seen + CHANGES_BEFORE_ANY
        changes = rng.random(shape) < rng.gamma(known, 1 / (self.span + CHANGE_DAYS), (FUTURES, 1))
        others = self._other_slopes(rng, shape, seen)
        last = np.maximum.accumulate(np.where(changes, np.arange(len(days)), -1), axis=1)
        return np.where(last < 0, bent, np.take_along_axis(others, np.maximum(last, 0), axis=1))

    def _bend(
        self, rng: np.random.Generator, present: NDArray[np.float64], days: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Logarithm by which the present slope changes up to each day, in some futures; 0 in the others."""
        kind = rng.random((FUTURES, 1))
        compounding = np.maximum(0.0, present) / max(self.level, 1.0) * rng.exponential(COMPOUNDS, (FUTURES, 1))
        so_far = self.acceleration * rng.uniform(0, 2, (FUTURES, 1))
        fading = self.span * -np.expm1(-days / self.span)  # nothing speeds up for much longer than it did so far
        in_proportion, as_so_far = kind < IN_PROPORTION, kind < IN_PROPORTION + AS_SO_FAR
        return np.where(in_proportion, compounding * days, np.where(as_so_far, so_far * fading, 0.0))

    def _other_slopes(self, rng: np.random.Generator, shape: tuple[int, int], seen: int) -> NDArray[np.float64]:
        """What slopes may change to: those of the earlier stretches as long as they lasted, and new ones."""
        how, present = rng.random(shape), max(abs(self.slope), self.slope_error)
        begun = abs(self.level) * 10 ** rng.uniform(*BEGUN, shape)
        near = present * np.exp(NEAR * rng.standard_normal(shape))
        kinds = [how < ENDS, how < ENDS + TURNS, how < ENDS + TURNS + BEGINS]
        others = np.select(kinds, [np.zeros(shape), np.full(shape, TURNED * present), begun], near)
        if not seen:
            return others
        again = rng.random(shape) < seen / (seen + 1)
        return np.where(again, rng.choice(self.slopes, shape, p=self.lengths / self.lengths.sum()), others)

    def _future_steps(self, rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
        """Steps as they were seen, and others: how often and how large they are is itself in doubt."""
        seen = len(self.steps)
        rates = rng.gamma(seen + STEPS_BEFORE_ANY, 1 / self.span, (shape[0], 1))
        sizes = self.step_size * rng.standard_normal(shape)
        if seen:
            again = rng.random(shape) < seen / (seen + 1)
            sizes = np.where(again, rng.choice(self.steps, shape), sizes)
        return sizes * (rng.random(shape) < rates)
