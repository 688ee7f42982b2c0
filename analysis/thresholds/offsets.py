"""A group's ``query_offset``, which the rules API does not give: what its alerts show of it.

Samples are stamped with the slot less the offset, while ActiveAt is the slot itself, cut to whole seconds in
``ALERTS_FOR_STATE``: of an alert that has just begun the two differ by the offset, of an older one by less.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from analysis.errors import PromreviewError, UnreachableError
from analysis.prometheus import Prometheus
from analysis.prometheus.patterns import one_of
from analysis.prometheus.promql import format_number
from analysis.prometheus.rules import ZERO, RuleGroup
from analysis.thresholds.collect import Grid, grid_of
from analysis.thresholds.slots import candidate_phases
from analysis.window import Window, format_duration, unix_ms

OFFSETS_FROM = (2, 53)  # the version that brought them
LONGEST_LOOK = timedelta(days=2)  # some alert begins in that time, or nothing is known
SECOND = timedelta(seconds=1)


def as_shown(prom: Prometheus, group: RuleGroup, window: Window) -> RuleGroup:
    """The group with the offset that its alerts show; one from a file, or without any beginning, stays as it is.

    Raises:
        UnreachableError: the server does not answer.
    """
    version = prom.source().version
    numbers = re.match(r"v?(\d+)\.(\d+)", version)
    may_have_one = numbers is not None and (int(numbers[1]), int(numbers[2])) >= OFFSETS_FROM
    if not may_have_one or not group.last_evaluation or not group.interval or not group.alerts:
        return group
    stamped = grid_of(prom, replace(group, query_offset=ZERO), window, group.interval, version)
    ahead = _most_ahead(prom, group, stamped, window) if stamped.source == "history" else None
    if ahead is None or ahead <= -SECOND:  # all of them had begun before
        return group
    likely = candidate_phases(group, group.interval, version)
    return replace(group, query_offset=offset_of(ahead, stamped, likely))


def offset_of(ahead: timedelta, stamped: Grid, likely: Sequence[timedelta]) -> timedelta:
    """The offset of which `ahead` is what the cut to whole seconds left: less than a second smaller.

    Args:
        ahead: ActiveAt, cut, less the first stamp.
        stamped: when samples are stamped.
        likely: phases that the group may have; where none of them fits, the offset is of whole seconds.
    """
    least = max(ahead, ZERO)
    for phase in likely:
        offset = least + (phase - stamped.phase - least) % stamped.interval
        if offset < ahead + SECOND:
            return offset
    return math.ceil(least / SECOND) * SECOND


def _most_ahead(prom: Prometheus, group: RuleGroup, stamped: Grid, window: Window) -> timedelta | None:
    """By how much an alert's ActiveAt lies before its stamp at most; other groups' alerts have other stamps."""
    names = one_of(sorted({rule.name for rule in group.alerts}))
    series = f"ALERTS_FOR_STATE{{alertname=~{names}}}"
    phase, interval = (part / SECOND for part in (stamped.phase, stamped.interval))
    mine = f"round((timestamp({series}) - {format_number(phase)}) % {format_number(interval)}, 0.001) == 0"
    span = f"[{format_duration(min(window.duration, LONGEST_LOOK))}:{format_duration(stamped.interval)}]"
    ahead = f"max(max_over_time(({series} - timestamp({series}) and {mine}){span}))"
    try:
        found = prom.get("query", {"query": ahead, "time": unix_ms(window.end) / 1000})["result"]
    except UnreachableError:
        raise
    except PromreviewError:
        return None
    return timedelta(milliseconds=round(float(found[0]["value"][1]) * 1000)) if found else None
