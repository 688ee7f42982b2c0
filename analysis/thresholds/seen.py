"""What a rule saw at each slot: its results by the alerts that they make."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.prometheus.rules import ZERO, Rule, RuleGroup
from analysis.thresholds.alerts import identity_of
from analysis.thresholds.asking import MILLISECOND, Sides
from analysis.thresholds.collect import Grid, RuleSamples
from analysis.thresholds.evaluations import Identity
from analysis.thresholds.lives import Flags, Milliseconds
from analysis.thresholds.reading import at_slots
from analysis.thresholds.templates import undecided
from analysis.window import Window


@dataclass(frozen=True)
class Seen:
    """What a rule saw.

    Attributes:
        slots_ms: every slot, Unix milliseconds.
        results: per label set of ``ALERTS``, how many results it had at each slot.
        failed: slots at which the server refuses the query.
        twins: slots at which two results had equal labels.
        cleared: slots at which there was more than the group's limit, which clears the rule's state.
    """

    slots_ms: Milliseconds
    results: dict[Identity, NDArray[np.int64]]
    failed: Flags
    twins: Flags
    cleared: Flags

    @property
    def any_result(self) -> Flags:
        """Slots at which there was any result."""
        nothing = np.zeros(len(self.slots_ms), dtype=bool)
        return np.any([nothing, *(count > 0 for count in self.results.values())], axis=0)

    def after(self, earlier: "Seen", kept: set[Identity]) -> "Seen":
        """What was seen earlier, at other slots, then this; of what was seen earlier only some alerts are kept."""
        none, here = np.zeros(len(earlier.slots_ms), dtype=np.int64), np.zeros(len(self.slots_ms), dtype=np.int64)
        results = {
            identity: np.concatenate(
                [earlier.results.get(identity, none) if identity in kept else none, self.results.get(identity, here)]
            )
            for identity in {**self.results, **dict.fromkeys(sorted(kept))}
        }
        flags = (
            np.concatenate([getattr(earlier, name), getattr(self, name)])
            for name in ("slots_ms", "failed", "twins", "cleared")
        )
        slots, failed, twins, cleared = flags
        return Seen(slots, results, failed, twins, cleared)


def seen_of(sides: Sides, group: RuleGroup, rule: Rule, grid: Grid, window: Window) -> Seen:
    """Ask what a rule saw at the slots of a window.

    Raises:
        QueryError: the server calls the query wrong.
    """
    offset = group.query_offset or ZERO
    shifted = Window(window.start - offset, window.end - offset)
    shared, phase = sides.shared(rule), (grid.phase - offset) % grid.interval
    decoded, failed = sides.ask(shared.asked if shared else at_slots(rule.expr), shifted, grid.interval, phase)
    if shared and decoded.histograms:  # what is compared of those, only the server can say
        shared, (decoded, failed) = None, sides.ask(at_slots(rule.expr), shifted, grid.interval, phase)
    compared, decoded = (shared.compared, shared.applied(decoded)) if shared else (None, decoded)
    samples = RuleSamples(group, rule, grid, compared, decoded)
    slots: Milliseconds = decoded.frame.index.as_unit("ms").asi8 + offset // MILLISECOND
    results = _by_identity(samples)
    total = np.sum([np.zeros(len(slots), dtype="int64"), *results.values()], axis=0)
    twins = np.zeros(len(slots), dtype=bool)
    if not undecided(rule.labels):
        # two results with equal labels fail the evaluation: nothing written, state kept
        twins = np.any([twins, *(count > 1 for count in results.values())], axis=0)
    cleared = total > group.limit if group.limit else np.zeros(len(slots), dtype=bool)
    return Seen(slots, results, failed, twins, cleared & ~twins)


def _by_identity(samples: RuleSamples) -> dict[Identity, NDArray[np.int64]]:
    """Per label set of ALERTS: how many results it had at each slot."""
    alerting, columns = samples.alerting(), samples.decoded.frame.columns
    counts: dict[Identity, NDArray[np.int64]] = {}
    for column in np.flatnonzero(alerting.any(axis=0)):
        identity = identity_of(list(columns.names), columns[column], samples.rule)
        counts[identity] = counts.get(identity, 0) + alerting[:, column].astype(np.int64)
    return counts
