"""Stretches through which a server's memory of a rule's alerts lasted, each replayed by itself."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from analysis.prometheus.rules import Rule
from analysis.thresholds.asking import MILLISECOND
from analysis.thresholds.evaluations import Identity
from analysis.thresholds.lives import Flags
from analysis.thresholds.memory import KnownAt
from analysis.thresholds.replay import Interval, replay
from analysis.thresholds.seen import Seen


def segments(starts: list[int], seen: Seen) -> Iterator[tuple[int, int]]:
    """Stretches through which the server's memory lasted: a start, or too many alerts, clears it."""
    count = len(seen.slots_ms)
    edges = sorted({*starts, *(np.flatnonzero(seen.cleared) + 1).tolist(), count})
    yield from ((a, b) for a, b in pairwise(edges) if b <= count)


def segment(
    seen: Seen, evaluated: Flags, first: int, past: int, known_at: Sequence[KnownAt], rule: Rule
) -> dict[Identity, tuple[list[Interval], bool]]:
    """Per alert, its intervals in a stretch through which the server's memory lasted, and whether its age is known."""
    part = slice(first, past)
    slots = seen.slots_ms[part]
    found = {}
    for identity, count in seen.results.items():
        known_ms, place = None, first
        for begin, at, ages in known_at:  # the last that tells of this alert
            if begin == first or first <= at < past:
                known_ms, place = (ages[identity], at) if identity in ages else (known_ms, place)
        for_ms, keep_ms = rule.for_duration // MILLISECOND, rule.keep_firing_for // MILLISECOND
        at_ms = int(seen.slots_ms[max(place, first)])
        runs = replay(slots, count[part] > 0, evaluated[part], for_ms, keep_ms, known_ms, at_ms)
        found[identity] = runs, known_ms is not None
    return found
