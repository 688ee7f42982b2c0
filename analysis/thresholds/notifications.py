"""Pages: the notifications that Alertmanager sends for alerts, after grouping.

Source: ``dispatch.go`` and ``notify.go`` of Alertmanager 0.25. A group is made by its first alert and
flushed `group_wait` later, then every `group_interval` until a flush finds all of it resolved. A flush
pages when an alert is firing in it that was not firing at the flush before; notices that something was
resolved, and repetitions of the same notice, are not pages.
"""

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]


def pages(
    groups: Numbers, members: Numbers, starts_ms: Numbers, ends_ms: Numbers, wait_ms: Numbers, interval_ms: Numbers
) -> tuple[Numbers, Numbers]:
    """When each group pages.

    Args:
        groups: which group each firing alert is in; shape (alerts,), as all that follow.
        members: which label set it is.
        starts_ms: when it began to fire.
        ends_ms: when it was resolved.
        wait_ms: ``group_wait`` of its group.
        interval_ms: ``group_interval`` of its group.

    Returns:
        Group and time of each page, in Unix milliseconds.
    """
    if not len(groups):
        return groups, starts_ms
    order = np.lexsort((starts_ms, groups))
    groups, members, starts, ends = groups[order], members[order], starts_ms[order], ends_ms[order]
    interval = interval_ms[order]
    first_flush = _first_flushes(groups, starts, ends, wait_ms[order], interval)
    flush = first_flush + np.maximum(0, -((first_flush - starts) // interval)) * interval
    new = (ends > flush) & ~((flush > first_flush) & _fires_at(flush - interval, groups, members, starts, ends))
    paged = np.flatnonzero(new)
    paged = paged[np.lexsort((flush[paged], groups[paged]))]
    where, when = groups[paged], flush[paged]
    once = np.ones(len(paged), dtype=bool)
    once[1:] = (np.diff(where) != 0) | (np.diff(when) != 0)
    return where[once], when[once]


def _first_flushes(groups: Numbers, starts: Numbers, ends: Numbers, wait: Numbers, interval: Numbers) -> Numbers:
    """The first flush of the group that each alert falls into: a group lives until a flush finds all of it resolved."""
    flushes = starts + wait
    begins = np.flatnonzero(_is_first(groups, starts, ends, wait, interval))
    left, chains = np.arange(len(groups)), np.zeros(len(groups), dtype="int64")
    chains[begins] = 1
    chains = np.cumsum(chains)
    while len(left):  # in each round every chain loses the alerts of its first group
        mine = chains[left]
        heads = np.flatnonzero(np.diff(mine, prepend=mine[0] - 1))
        sizes = np.diff(np.append(heads, len(left)))
        first = np.repeat(flushes[left[heads]], sizes)
        step = interval[left]
        resolved = _running_max(ends[left], mine)
        over = first + np.maximum(0, -((first - resolved) // step)) * step
        broken = np.zeros(len(left), dtype="int64")
        broken[1:] = (np.diff(mine) == 0) & (starts[left[1:]] > over[:-1])
        count = np.cumsum(broken)
        alive = count == np.repeat(count[heads], sizes)
        flushes[left[alive]] = first[alive]
        left = left[~alive]
    return flushes


def _running_max(values: Numbers, parts: Numbers) -> Numbers:
    """Largest value so far in each part; the parts are in increasing order."""
    apart = int(values.max() - values.min()) + 1
    rank = np.cumsum(np.diff(parts, prepend=parts[0]) != 0)
    return np.asarray(np.maximum.accumulate(values + rank * apart) - rank * apart)


def _fires_at(times: Numbers, groups: Numbers, members: Numbers, starts: Numbers, ends: Numbers) -> NDArray[np.bool_]:
    """Whether the label set of each alert fired in its group at a time."""
    whose = groups * (int(members.max()) + 1) + members
    order = np.lexsort((starts, whose))
    rank = np.cumsum(np.diff(whose[order], prepend=whose[order[0]]) != 0)
    zero = min(int(starts.min()), int(times.min()))
    apart = max(int(starts.max()), int(times.max())) - zero + 1
    until = _running_max(ends[order], rank)
    mine = np.empty(len(order), dtype="int64")
    mine[order] = rank
    place = np.searchsorted(rank * apart + starts[order] - zero, mine * apart + times - zero, side="right") - 1
    return np.asarray((place >= 0) & (rank[place] == mine) & (until[place] > times))


def _is_first(groups: Numbers, starts: Numbers, ends: Numbers, wait: Numbers, interval: Numbers) -> NDArray[np.bool_]:
    """Which alerts certainly find no group alive: its last flush, at the latest the first one of all, is over."""
    rank = np.cumsum(np.diff(groups, prepend=groups[0]) != 0)
    alive_until = _running_max(np.maximum(ends + interval, starts + wait), rank)
    is_first = np.ones(len(groups), dtype=bool)
    is_first[1:] = (np.diff(rank) > 0) | (starts[1:] > alive_until[:-1])
    return is_first
