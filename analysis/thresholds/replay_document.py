"""What ``rules replay`` prints: every alert of every rule, slot by slot, and what could not be replayed."""

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple

from analysis.errors import InputError
from analysis.fanout import FanOutSettings
from analysis.prometheus import Prometheus
from analysis.prometheus.rules import ZERO, Rule, RuleGroup
from analysis.prometheus.spread import spread
from analysis.thresholds.agreement import OUTAGE, Agreement
from analysis.thresholds.group_replay import Document, nobody, replay_group, warm_up_of
from analysis.thresholds.leavers import name_leavers
from analysis.thresholds.outages import is_calm
from analysis.thresholds.reading import reads_alert
from analysis.window import Window, from_unix_ms, unix_ms

UNREAD = "it reads what the server never recorded: the alerts of {}, which would have fired"
CLOCK = timedelta(seconds=1)  # how exactly the server's is known
FUTURE = "this lies in the future: nothing has been evaluated yet"


class _Group(NamedTuple):
    """What is replayed as one block: its rules share what they ask."""

    group: RuleGroup
    rules: list[Rule]


class _Replayed(NamedTuple):
    document: Document
    agreement: Agreement
    untold: int  # rules that nobody was told of yet


@dataclass(frozen=True)
class _Replaying:
    """What is the same for all groups."""

    window: Window
    calm: bool
    told: Callable[[int], object] | None = None

    def __call__(self, prom: Prometheus, item: _Group) -> _Replayed:
        agreement, told = Agreement(), self.told or nobody
        document = replay_group(prom, *item, self.window, agreement, told, calm=self.calm)
        return _Replayed(document, agreement, 0 if self.told else len(item.rules))


def replay_document(
    prom: Prometheus,
    rules: Sequence[tuple[RuleGroup, Rule]],
    window: Window,
    default_interval: timedelta,
    told: Callable[[int], object] = lambda _done: None,
    where: FanOutSettings | None = None,
) -> dict[str, Any]:
    """Replay rules over the half-open window.

    Args:
        prom: the server that stored what the rules ask for.
        rules: groups and their alerting rules; those of one group stand together.
        window: the slots that are wanted.
        default_interval: of groups that name none.
        told: called with the number of rules that are done since the last time.
        where: the groups are replayed; the environment says it when left out.

    Returns:
        The document of ``rules replay``; a rule that cannot be replayed stands in ``skipped``.

    Raises:
        SourceError: the server cannot be asked at all.
    """
    document: dict[str, Any] = {
        "schema_version": 1,
        "window": {"start": unix_ms(window.start) / 1000, "end": unix_ms(window.end) / 1000},
        "groups": [],
        "alerts": [],
        "unknown": [],
        "skipped": [],
    }
    agreement = Agreement()
    groups = [
        _Group(replace(group, interval=group.interval or default_interval), [rule for _, rule in pairs])
        for group, pairs in groupby(rules, key=lambda pair: pair[0])
    ]
    now = from_unix_ms(unix_ms(datetime.now(UTC) + prom.api.clock_ahead))
    now = window.end if window.end <= now + CLOCK else max(window.start, now)
    warm_up = max((warm_up_of(group, mine) for group, mine in groups), default=ZERO)
    past = Window(window.start, now) if now > window.start else None
    calm = past is not None and len(groups) > 1 and is_calm(prom, Window(past.start - warm_up, past.end))
    parts: list[_Replayed] = []
    if past is not None:
        work = _Replaying(past, calm)
        heard = replace(work, told=told)
        parts = spread(prom, work, groups, settings=where, told=lambda part: told(part.untold), here=heard)
    for place, (group, _) in enumerate(groups):
        for part in parts[place : place + 1]:
            agreement.join(part.agreement)
            for key, entries in part.document.items():
                document[key] += entries
        if now < window.end:
            span = {"start": unix_ms(now) / 1000, "end": unix_ms(window.end) / 1000}
            document["unknown"].append({**span, "scope": f"{group.file};{group.name}", "reason": FUTURE})
    if past is not None:
        document["unknown"] += _unread(groups, agreement.unrecorded, past)
    unexplained = [difference for difference in agreement.differing if difference["reason"] != OUTAGE]
    name_leavers(prom, unexplained, _remembered(groups))
    return {**document, "agreement": agreement.document()}


def _remembered(groups: Sequence[_Group]) -> dict[str, timedelta]:
    """For how long each alert outlives what it reads: the longest of its rules, by its name."""
    longest: dict[str, timedelta] = {}
    for group, rules in groups:
        for rule in rules:
            after = rule.for_duration + rule.keep_firing_for + 2 * (group.interval or ZERO)
            longest[rule.name] = max(longest.get(rule.name, ZERO), after)
    return longest


def _unread(groups: Sequence[_Group], unrecorded: AbstractSet[str], window: Window) -> Iterator[dict[str, Any]]:
    """For ``unknown``: rules that read alerts which fired by the replay, and of which the server recorded nothing."""
    for group, rules in groups if unrecorded else ():
        for rule in rules:
            names = sorted(name for name in unrecorded if reads_alert(rule.expr, name))
            if names:
                span = {"start": unix_ms(window.start) / 1000, "end": unix_ms(window.end) / 1000}
                scope = f"{group.file};{group.name};{rule.index}"
                yield {**span, "scope": scope, "reason": UNREAD.format(", ".join(names))}


def broken_file(file: str, error: InputError) -> dict[str, Any]:
    """The entry in ``skipped`` of a rule file that cannot be read."""
    return {"file": file, "group": None, "rule": None, "alert": None, "reason": str(error)}
