"""What other thresholds, `for` and `keep_firing_for` would have done: every combination, in memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.prometheus import Prometheus
from analysis.thresholds.alerts import MILLISECOND
from analysis.thresholds.answers import Answers
from analysis.thresholds.conditions import Fetch, conditions
from analysis.thresholds.lives import lives_for
from analysis.thresholds.outcomes import Outcomes, counts, joined, outcomes, reordered
from analysis.thresholds.subjects import Choice, Subject, shown
from analysis.thresholds.templates import undecided
from analysis.window import Window, format_duration, unix_ms

Durations = tuple[timedelta, timedelta]  # `for` and `keep_firing_for`
WARM_UP_FACTOR = 2  # of `for` + `keep_firing_for`, as in the replay
# Of `keep_firing_for`: an alert that fires at the start of the window may have been held through a chain of
# results too short to fire by themselves, back to one that was not; chains longer than this are rare.
CHAIN_FACTOR = 20


@dataclass(frozen=True)
class WhatIf:
    """The outcomes of every combination.

    Attributes:
        subject: the rule.
        choices: the combinations, in the order of the rows.
        events: what each would have done.
        window: what was asked for.
        seen_ms: slots at which the compared side had any sample.
        approximate: rule labels that are templates, left out of the alerts' identity.
    """

    subject: Subject
    choices: tuple[Choice, ...]
    events: Outcomes
    window: Window
    seen_ms: NDArray[np.int64]
    approximate: tuple[str, ...]

    def days(self, window: Window | None = None) -> float:
        """Days of the window with data, in units of whole slots."""
        window = window or self.window
        inside = (self.seen_ms >= unix_ms(window.start)) & (self.seen_ms < unix_ms(window.end))
        return float(inside.sum() * (self.subject.grid.interval / timedelta(days=1)))

    def table(self, window: Window | None = None) -> pd.DataFrame:
        """One row per combination: the choice, and its counts in the window."""
        window = window or self.window
        durations = {d for c in self.choices for d in (c.for_duration, c.keep_firing_for)}
        written = {duration: format_duration(duration) for duration in durations}
        chosen = pd.DataFrame(
            {
                "threshold": [shown(c.thresholds) for c in self.choices],
                "for": [written[c.for_duration] for c in self.choices],
                "keep_firing_for": [written[c.keep_firing_for] for c in self.choices],
            }
        )
        counted = counts(
            self.events, len(self.choices), window, self.subject.grid.interval // MILLISECOND, self.subject.at_work
        )
        return pd.concat([chosen, counted, self._incidents(window)], axis=1)

    def _incidents(self, window: Window) -> pd.DataFrame:
        """How many labelled incidents of the window were caught, and how late the latest was caught."""
        low, high = unix_ms(window.start), unix_ms(window.end)
        mine = [low <= incident.start_ms < high for incident in self.subject.incidents]
        late = self.events.lateness_ms[:, mine]
        caught = late < np.iinfo(np.int64).max
        latest = np.where(caught, late, 0).max(axis=1, initial=0) / 1000
        return pd.DataFrame(
            {
                "incidents": [late.shape[1]] * len(late),
                "incidents_caught": caught.sum(axis=1),
                "latest_seconds": np.where(caught.any(axis=1), latest, np.nan),
            }
        )


def whatif(prom: Prometheus, subject: Subject, choices: Sequence[Choice], window: Window) -> WhatIf:
    """Evaluate combinations over the half-open window; each side is asked for once.

    Args:
        prom: the server.
        subject: the rule.
        choices: the combinations.
        window: alerts that begin to fire in it count.
    """
    asked = Window(window.start - warm_up(choices) - subject.grid.interval, window.end)
    return evaluated(subject, choices, window, asked, Answers(prom, subject.group, subject.grid, asked))


def warm_up(choices: Sequence[Choice]) -> timedelta:
    """How long before the window alerts have to be followed so that they are right at its start."""
    longest = max(choice.for_duration + choice.keep_firing_for for choice in choices)
    return WARM_UP_FACTOR * longest + CHAIN_FACTOR * max(choice.keep_firing_for for choice in choices)


def evaluated(subject: Subject, choices: Sequence[Choice], window: Window, asked: Window, fetch: Fetch) -> WhatIf:
    """Evaluate combinations on what `fetch` gives for an expression over the slots of `asked`."""
    holds = conditions(subject, fetch, choices)
    parts: list[Outcomes] = []
    made: list[int] = []
    first_ms, _ = asked.stamp_bounds_ms(subject.grid.interval, subject.grid.phase)
    for durations, places in _batches(choices, holds.at_once):
        condition = holds([choices[mine[0]].thresholds for mine in places], first_ms)
        scene = condition.scene
        pairs = [(waits // MILLISECOND, held // MILLISECOND) for waits, held in durations]
        lives = lives_for(condition.runs, scene.slots_ms, pairs, step_ms=scene.step_ms)
        parts.append(outcomes(lives, scene, len(made), len(places)))
        made += [place for mine in places for place in mine]
    order = sorted(range(len(made)), key=lambda n: (choices[made[n]].thresholds, made[n]))
    events, ordered = reordered(joined(parts), order), tuple(choices[made[n]] for n in order)
    removed = tuple(undecided(subject.rule.labels))
    return WhatIf(subject, ordered, events, window, holds.seen_ms(first_ms), removed)


def _batches(choices: Sequence[Choice], at_once: int) -> Iterator[tuple[tuple[Durations, ...], list[list[int]]]]:
    """Thresholds that the same durations are tried with, at most so many together.

    Yields:
        The durations; and for each set of thresholds the places of its choices, one for each pair of durations.
    """
    tried: dict[tuple[float, ...], dict[Durations, int]] = {}
    for place, choice in enumerate(choices):
        tried.setdefault(choice.thresholds, {})[choice.for_duration, choice.keep_firing_for] = place
    same: dict[tuple[Durations, ...], list[list[int]]] = {}
    for places in tried.values():
        durations = tuple(sorted(places))
        same.setdefault(durations, []).append([places[pair] for pair in durations])
    for durations, together in same.items():
        for first in range(0, len(together), at_once):
            yield durations, together[first : first + at_once]
