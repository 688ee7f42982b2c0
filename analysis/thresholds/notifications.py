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
    wait, interval = wait_ms[order], interval_ms[order]
    first = np.flatnonzero(_is_first(groups, starts, ends, wait, interval))
    sizes = np.diff(np.append(first, len(groups)))
    alone = first[(sizes == 1) & (starts[first] + wait[first] < ends[first])]
    close = np.repeat(sizes > 1, sizes)
    columns = np.column_stack([groups, members, starts, ends, wait, interval])[close]
    where, when = _simulated(columns, sizes[sizes > 1].tolist())
    return np.concatenate([groups[alone], where]), np.concatenate([starts[alone] + wait[alone], when])


def _simulated(columns: Numbers, sizes: list[int]) -> tuple[Numbers, Numbers]:
    """The pages of all chains of alerts that stand close together, each so many rows long."""
    groups, members, starts, ends, wait, interval = columns.T.tolist()
    where: list[int] = []
    when: list[int] = []
    begin = 0
    for size in sizes:
        part = slice(begin, begin + size)
        found = _simulate(members[part], starts[part], ends[part], wait[begin], interval[begin])
        when += found
        where += [groups[begin]] * len(found)
        begin += size
    return np.array(where, dtype="int64"), np.array(when, dtype="int64")


def _is_first(groups: Numbers, starts: Numbers, ends: Numbers, wait: Numbers, interval: Numbers) -> NDArray[np.bool_]:
    """Which alerts certainly find no group alive: its last flush, at the latest the first one of all, is over."""
    rank = np.cumsum(np.diff(groups, prepend=groups[0]) != 0)
    flushed = np.maximum(ends + interval, starts + wait)
    apart = int(flushed.max() - starts.min()) + 1
    alive_until = np.maximum.accumulate(flushed + rank * apart) - rank * apart
    is_first = np.ones(len(groups), dtype=bool)
    is_first[1:] = (np.diff(rank) > 0) | (starts[1:] > alive_until[:-1])
    return is_first


def _simulate(members: list[int], starts: list[int], ends: list[int], wait: int, interval: int) -> list[int]:
    """Flush by flush, over the few alerts that stand close together."""
    found: list[int] = []
    place, count = 0, len(starts)
    while place < count:
        flush, before = starts[place] + wait, set[int]()
        active: list[int] = []
        while True:
            while place < count and starts[place] <= flush:
                active.append(place)
                place += 1
            active = [i for i in active if ends[i] > flush]
            if not active:
                break
            firing = {members[i] for i in active}
            if not firing <= before:
                found.append(flush)
            before = firing
            change = min(ends[i] for i in active) if len(active) > 1 else ends[active[0]]
            if place < count and starts[place] < change:
                change = starts[place]
            flush += max(1, -(-(change - flush) // interval)) * interval
    return found
