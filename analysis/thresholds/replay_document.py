"""What ``rules replay`` prints: every alert of every rule, slot by slot, and what could not be replayed."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from analysis.errors import InputError
from analysis.prometheus import Prometheus
from analysis.prometheus.rules import ZERO, Rule, RuleGroup
from analysis.thresholds.agreement import Agreement
from analysis.thresholds.evaluations import is_calm
from analysis.thresholds.group_replay import replay_group, warm_up_of
from analysis.window import Window, from_unix_ms, unix_ms

CLOCK = timedelta(seconds=1)  # how exactly the server's is known
FUTURE = "this lies in the future: nothing has been evaluated yet"


def replay_document(
    prom: Prometheus,
    rules: Sequence[tuple[RuleGroup, Rule]],
    window: Window,
    default_interval: timedelta,
    told: Callable[[int], object] = lambda _done: None,
) -> dict[str, Any]:
    """Replay rules over the half-open window.

    Args:
        prom: the server that stored what the rules ask for.
        rules: groups and their alerting rules; those of one group stand together.
        window: the slots that are wanted.
        default_interval: of groups that name none.
        told: called with 1 for every rule that is done.

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
        (replace(group, interval=group.interval or default_interval), [rule for _, rule in pairs])
        for group, pairs in groupby(rules, key=lambda pair: pair[0])
    ]
    now = from_unix_ms(unix_ms(datetime.now(UTC) + prom.api.clock_ahead))
    now = window.end if window.end <= now + CLOCK else max(window.start, now)
    warm_up = max((warm_up_of(group, mine) for group, mine in groups), default=ZERO)
    past = Window(window.start, now) if now > window.start else None
    calm = past is not None and len(groups) > 1 and is_calm(prom, Window(past.start - warm_up, past.end))
    for group, mine in groups:
        if past is not None:
            replayed = replay_group(prom, group, mine, past, agreement, told, calm=calm)
            for key, entries in replayed.items():
                document[key] += entries
        if now < window.end:
            span = {"start": unix_ms(now) / 1000, "end": unix_ms(window.end) / 1000}
            document["unknown"].append({**span, "scope": f"{group.file};{group.name}", "reason": FUTURE})
    return {**document, "agreement": agreement.document()}


def broken_file(file: str, error: InputError) -> dict[str, Any]:
    """The entry in ``skipped`` of a rule file that cannot be read."""
    return {"file": file, "group": None, "rule": None, "alert": None, "reason": str(error)}
