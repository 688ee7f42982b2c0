"""Alerts of a rule over time: the state machine applied to every label set of its result."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pandas as pd

from analysis.prometheus.rules import Rule
from analysis.thresholds.collect import RuleSamples
from analysis.thresholds.replay import Flags, Interval, replay
from analysis.thresholds.templates import expanded, is_template
from analysis.window import Window, unix_ms

MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True)
class Alert:
    """One label set of a rule, and the intervals it was pending or firing in."""

    labels: Mapping[str, str]
    intervals: tuple[Interval, ...]


def alerts_of(samples: RuleSamples, evaluated: Flags | None = None) -> list[Alert]:
    """Replay a rule over all slots it was asked for.

    Args:
        samples: what the rule saw.
        evaluated: which slots were evaluated; all of them when left out.
    """
    alerting = samples.alerting()
    slots = samples.decoded.frame.index.as_unit("ms").asi8
    evaluated = np.ones(len(slots), dtype=bool) if evaluated is None else evaluated
    for_ms = samples.rule.for_duration // MILLISECOND
    keep_ms = samples.rule.keep_firing_for // MILLISECOND
    columns = samples.decoded.frame.columns
    merged: dict[tuple[tuple[str, str], ...], Flags] = {}
    for place in np.flatnonzero(alerting.any(axis=0)):
        identity = identity_of(columns.names, columns[place], samples.rule)
        merged[identity] = merged[identity] | alerting[:, place] if identity in merged else alerting[:, place]
    return [
        Alert(dict(identity), tuple(replay(slots, present, evaluated, for_ms, keep_ms)))
        for identity, present in merged.items()
    ]


def identity_of(names: list[str], key: tuple[str, ...], rule: Rule) -> tuple[tuple[str, str], ...]:
    """Labels of an alert as ``ALERTS_FOR_STATE`` has them, without its name.

    Those of its result without the metric's name, and the rule's: an empty one deletes, a template that
    becomes nothing stands as it is written, one that depends on more than labels is left out. The alert's
    own name wins over any label ``alertname``.
    """
    given = {n: v for n, v in zip(names, key, strict=True) if v}
    labels = {n: v for n, v in given.items() if n != "__name__"}
    for name, raw in rule.labels.items():
        value = expanded(raw, given) if is_template(raw) else raw
        if value is None:
            labels.pop(name, None)
        else:
            labels[name] = value or (raw if is_template(raw) else "")
    return tuple(sorted((name, value) for name, value in labels.items() if value and name != "alertname"))


def firings(alerts: list[Alert], window: Window) -> pd.DataFrame:
    """Every time an alert entered firing in the window.

    Returns:
        Columns ``alert`` (its place in `alerts`), ``start``, ``end`` (UTC; the last firing slot), sorted by start.
    """
    low, high = unix_ms(window.start), unix_ms(window.end)
    rows = [
        (place, interval.start_ms, interval.end_ms)
        for place, alert in enumerate(alerts)
        for interval in alert.intervals
        if interval.state == "firing" and low <= interval.start_ms < high
    ]
    table = pd.DataFrame(rows, columns=["alert", "start", "end"]).sort_values("start", ignore_index=True)
    for column in ("start", "end"):
        table[column] = pd.to_datetime(table[column], unit="ms", utc=True)
    return table
