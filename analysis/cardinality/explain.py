"""Which labels' values explain that one set of series became another."""

from collections.abc import Collection, Iterable
from itertools import combinations

from analysis.cardinality.model import Labels

MOST_EXTRA = 2  # labels tried in every combination beyond those that took new values; then all are named
MOST_MOVED = 4  # labels of which every part is tried; each try goes through all series


def explain(start: Collection[Labels], end: Collection[Labels]) -> tuple[str, ...]:
    """The fewest labels that explain why one set has more series than the other.

    Of the labels without which both sets are the same, those without which both are of one size: pods
    that were replaced by as many others moved too, but made nothing grow.

    Args:
        start: series alive at the first edge.
        end: series alive at the second edge.

    Returns:
        Label names, sorted; empty where both sets are the same.
    """
    before, after = set(start), set(end)
    moved = _fewest(before, after, both_ways=True)
    if len(before) == len(after) or not 1 < len(moved) <= MOST_MOVED:
        return moved
    parts = (part for size in range(1, len(moved)) for part in combinations(moved, size))
    enough = [part for part in parts if _as_many_without(before, after, part)]
    fewest = [part for part in enough if len(part) == len(enough[0])]
    return max(fewest, key=lambda part: sum(_more_values(before, after, name) for name in part), default=moved)


def explain_created(known: Collection[Labels], created: Collection[Labels]) -> tuple[str, ...]:
    """The fewest labels in which series that came and went differ from those that are known."""
    if not known:
        return ()
    return _fewest(set(known), set(known) | set(created), both_ways=False)


def _fewest(start: set[Labels], end: set[Labels], *, both_ways: bool) -> tuple[str, ...]:
    gone, come = start - end, end - start
    if not (gone or come):
        return ()
    names = sorted({name for labels in start | end for name in labels.names})
    moved = {name for name in names if _values(start, name) != _values(end, name)}
    others = sorted(set(names) - moved, key=lambda name: (-len(_values(start | end, name)), name))
    for extra in range(min(MOST_EXTRA, len(others)) + 1):
        for more in combinations(others, extra):
            kept = tuple(name for name in names if name not in moved and name not in more)
            if (moved or more) and _same_without(start, end, gone if both_ways else set(), come, kept):
                return tuple(sorted(moved | set(more)))
    return tuple(names)


def _as_many_without(start: set[Labels], end: set[Labels], part: tuple[str, ...]) -> bool:
    kept = tuple({name for labels in start | end for name in labels.names}.difference(part))
    return len(_project(start, kept)) == len(_project(end, kept))


def _more_values(start: set[Labels], end: set[Labels], name: str) -> int:
    return abs(len(_values(end, name)) - len(_values(start, name)))


def _values(series: Iterable[Labels], name: str) -> set[str]:
    return {labels.get(name) for labels in series}


def _same_without(
    start: set[Labels], end: set[Labels], gone: set[Labels], come: set[Labels], kept: tuple[str, ...]
) -> bool:
    return _project(come, kept) <= _project(start, kept) and _project(gone, kept) <= _project(end, kept)


def _project(series: Iterable[Labels], kept: tuple[str, ...]) -> set[tuple[str, ...]]:
    return {tuple([labels.get(name) for name in kept]) for labels in series}
