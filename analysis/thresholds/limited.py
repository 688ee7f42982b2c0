"""Where a rule had more alerts than its group's limit, which clears its state: held ones count, too."""

from collections.abc import Sequence

import numpy as np

from analysis.prometheus.rules import Rule
from analysis.thresholds.lives import Flags
from analysis.thresholds.memory import KnownAt, alert_of
from analysis.thresholds.records import Record
from analysis.thresholds.seen import Seen
from analysis.thresholds.segments import segment, segments


def clear_unwritten(seen: Seen, evaluated: Flags, told: Flags, record: Record, limit: int) -> None:
    """Mark where a rule that may have been beyond its group's limit wrote nothing: it had no alert after that.

    Alerts that are only held count, too, and how many of those there are hangs on when the limit was hit before, and
    so on back to the server's start: only what was recorded at the slot before tells it.
    """
    more, slots = len(seen.slots_ms) - len(record.slots_ms), len(seen.slots_ms)
    before = np.maximum.accumulate(np.concatenate([[-1], np.where(told, np.arange(slots), -1)[:-1]]))
    alive = dict(seen.results)
    for labels, written in zip(record.labels, record.written.T, strict=True):
        identity = alert_of(labels)
        was_there = np.concatenate([np.zeros(more, dtype=bool), written])[before] & (before >= more)
        alive[identity] = alive.get(identity, 0) + was_there
    most = np.sum([np.zeros(slots, dtype=np.int64), *(count > 0 for count in alive.values())], axis=0)
    unwritten = told & (most > limit)
    unwritten[more:] &= ~record.written_at_all
    seen.cleared[unwritten], evaluated[unwritten] = True, False


def clear_beyond_limit(
    seen: Seen,
    evaluated: Flags,
    starts: list[int],
    known_at: Sequence[KnownAt],
    limit: int,
    rule: Rule,
    recorded: Flags,
) -> None:
    """Mark where alerts that are only held go beyond the group's limit, but for slots of which that was recorded."""
    for first, past in list(segments(starts, seen)):
        begin = first
        while begin < past:
            alive = np.zeros(len(seen.slots_ms) + 1, dtype=np.int64)
            for found, _ in segment(seen, evaluated, begin, past, known_at, rule).values():
                for interval in found:
                    alive[np.searchsorted(seen.slots_ms, interval.start_ms)] += 1
                    alive[np.searchsorted(seen.slots_ms, interval.end_ms) + 1] -= 1
            beyond = np.flatnonzero((np.cumsum(alive)[begin:past] > limit) & ~recorded[begin:past])
            if not len(beyond):
                break
            begin += int(beyond[0]) + 1
            seen.cleared[begin - 1], evaluated[begin - 1] = True, False
