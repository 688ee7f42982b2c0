"""Which of Alertmanager's groups the alerts of a rule are in, as arrays."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.thresholds.lives import Milliseconds, Places
from analysis.thresholds.routing import Grouping


@dataclass(frozen=True)
class Memberships:
    """Which of Alertmanager's groups each series' alert is in: as many as routes take it.

    Attributes:
        keys: number of the group, -1 where an alert is in fewer groups; shape (series, most groups of any).
        wait_ms: ``group_wait`` of it; same shape.
        interval_ms: ``group_interval`` of it; same shape.
    """

    keys: Places
    wait_ms: Milliseconds
    interval_ms: Milliseconds


def memberships_of(groupings: Sequence[Sequence[Grouping]]) -> Memberships:
    """The groups of each series' alert."""
    numbers: dict[object, int] = {}
    shape = len(groupings), max((len(mine) for mine in groupings), default=0)
    keys, waits, intervals = (np.full(shape, fill, dtype="int64") for fill in (-1, 0, 0))
    for place, mine in enumerate(groupings):
        for route, group in enumerate(mine):
            keys[place, route] = numbers.setdefault(group.key, len(numbers))
            waits[place, route], intervals[place, route] = group.wait_ms, group.interval_ms
    return Memberships(keys, waits, intervals)
