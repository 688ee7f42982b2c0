"""Where a rule's condition held, for any thresholds, and the scene that its alerts play in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.prometheus.decode import Decoded
from analysis.prometheus.promql import Comparison, comparison, comparisons
from analysis.thresholds.alerts import MILLISECOND, identity_of
from analysis.thresholds.collect import Grid, compare
from analysis.thresholds.lives import Flags, Milliseconds, Runs, runs_of, runs_of_places
from analysis.thresholds.memberships import memberships_of
from analysis.thresholds.outcomes import Scene
from analysis.thresholds.sides import Evaluator, Vector
from analysis.thresholds.subjects import Choice, Subject
from analysis.thresholds.templates import undecided

Fetch = Callable[[str], Decoded]


@dataclass(frozen=True)
class Condition:
    """Where a rule's condition held with some thresholds.

    Attributes:
        runs: with several sets of thresholds, those of set n are of the series from n times their number on.
        scene: what is the same for all of the sets.
    """

    runs: Runs
    scene: Scene


class Single:
    """A single comparison at the top, one alert per series: only slots beyond the loosest threshold are looked at."""

    at_once = 64  # thresholds; more would hold too many runs

    def __init__(
        self, subject: Subject, found: Comparison, vector: Vector, keys: list[Any], thresholds: Sequence[float]
    ) -> None:
        self.subject, self.op, self.vector, self.keys = subject, found.op, vector, tuple(keys)
        self.stride = len(vector.values) + 1
        self.has_data = None if vector.present.all() else vector.present
        if found.op in ("==", "!="):
            taken = vector.present
        else:
            loosest = min(thresholds) if found.op in (">", ">=") else max(thresholds)
            taken = vector.present & compare(vector.values, found.op, loosest)
        series, rows = np.nonzero(taken.T)
        self._places, self._values = series * self.stride + rows, vector.values[rows, series]

    def __call__(self, thresholds: Sequence[tuple[float, ...]], first_ms: int) -> Condition:
        """The condition with each of some thresholds; `first_ms` is the first slot."""
        size = len(self.keys) * self.stride
        places = [
            self._places[compare(self._values, self.op, threshold)] + block * size
            for block, (threshold,) in enumerate(thresholds)
        ]
        slots = _slots(self.vector, self.subject.grid, first_ms)
        scene = _scene(self.subject, self.keys, slots, self.has_data)
        return Condition(runs_of_places(np.concatenate(places), self.stride), scene)

    def seen_ms(self, first_ms: int) -> Milliseconds:
        """The slots at which the compared side had any sample."""
        return _slots(self.vector, self.subject.grid, first_ms)[self.vector.present.any(axis=1)]


class General:
    """Any expression: the condition's series are worked out anew for each set of thresholds."""

    at_once = 1

    def __init__(self, subject: Subject, evaluator: Evaluator) -> None:
        self.subject, self.evaluator = subject, evaluator

    def __call__(self, thresholds: Sequence[tuple[float, ...]], first_ms: int) -> Condition:
        """The condition with a threshold for each number, of one set; `first_ms` is the first slot."""
        [one] = thresholds
        vector = self.evaluator(one)
        keys = _identities(self.subject, vector)
        merged, data, evaluated = _merged(vector, keys, self._data(vector))
        if self.subject.group.limit:
            merged = merged & (merged.sum(axis=1, keepdims=True) <= self.subject.group.limit)
        if undecided(self.subject.rule.labels):
            evaluated = np.ones_like(evaluated)  # the label that was left out told them apart
        evaluated &= ~self.evaluator.failed
        slots = _slots(vector, self.subject.grid, first_ms)
        scene = _scene(self.subject, tuple(dict.fromkeys(keys)), slots[evaluated], data[evaluated])
        return Condition(runs_of(merged[evaluated]), scene)

    def _data(self, vector: Vector) -> Flags:
        """Whether any side that names a series had a sample of it."""
        data = np.zeros_like(vector.present)
        for side in self.evaluator.fetched:
            places = {_nameless(key): place for place, key in enumerate(side.keys)}
            for column, key in enumerate(vector.keys):
                place = places.get(_nameless(key))
                if place is not None:
                    data[:, column] |= side.present[:, place]
        return data

    def seen_ms(self, first_ms: int) -> Milliseconds:
        """The slots at which any side had a sample."""
        sides = self.evaluator.fetched
        seen = np.any([side.present.any(axis=1) for side in sides], axis=0)
        return _slots(sides[0], self.subject.grid, first_ms)[seen]


def _nameless(key: Any) -> Any:
    return tuple(pair for pair in key if pair[0] != "__name__")


def _identities(subject: Subject, vector: Vector) -> list[Any]:
    """The labels of the alert that each series makes."""
    found = []
    for key in vector.keys:
        names, values = zip(*key, strict=True) if key else ((), ())
        found.append(identity_of(list(names), tuple(values), subject.rule))
    return found


def _merged(vector: Vector, keys: list[Any], data: Flags) -> tuple[Flags, Flags, Flags]:
    """Presence per alert, its data, and which slots were evaluated: equal labels fail an evaluation."""
    places = {key: place for place, key in enumerate(dict.fromkeys(keys))}
    merged = np.zeros((len(vector.present), len(places)), dtype=bool)
    known = np.zeros_like(merged)
    evaluated = np.ones(len(merged), dtype=bool)
    for column, key in enumerate(keys):
        place = places[key]
        evaluated &= ~(merged[:, place] & vector.present[:, column])
        merged[:, place] |= vector.present[:, column]
        known[:, place] |= data[:, column]
    return merged, known, evaluated


def _scene(subject: Subject, keys: tuple[Any, ...], slots: Milliseconds, has_data: Flags | None) -> Scene:
    groupings = [subject.groupings(dict(key)) for key in keys]
    named = [{**dict(key), "alertname": subject.rule.name} for key in keys]
    return Scene(
        slots_ms=slots,
        interval_ms=subject.grid.interval // MILLISECOND,
        memberships=memberships_of(groupings),
        has_data=has_data,
        flap_gap_ms=subject.flap_gap // MILLISECOND,
        incidents=subject.incidents,
        pardons=tuple(
            (p.start_ms, p.end_ms, np.array([p.covers(labels) for labels in named], dtype=bool))
            for p in subject.context.pardons
        ),
        identities=keys,
    )


def _slots(vector: Vector, grid: Grid, first_ms: int) -> Milliseconds:
    return first_ms + np.arange(len(vector.present), dtype="int64") * (grid.interval // MILLISECOND)


def conditions(subject: Subject, fetch: Fetch, choices: Sequence[Choice]) -> Single | General:
    """How the rule's condition is worked out for any of the choices."""
    found = comparison(subject.tree)
    if found is not None and not found.is_bool and len(comparisons(subject.tree)) == 1 and not subject.group.limit:
        evaluator = Evaluator(found.compared, fetch)
        vector = evaluator(())
        keys = _identities(subject, vector)
        if len(set(keys)) == len(keys) and not np.any(evaluator.failed):
            return Single(subject, found, vector, keys, [choice.thresholds[0] for choice in choices])
    return General(subject, Evaluator(subject.tree, fetch))
