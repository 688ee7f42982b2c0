"""What the threshold analyses ask of the server: rules, slots, and the sides that rules compare."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from analysis.errors import InputError, PromreviewError, UnreachableError
from analysis.prometheus import Prometheus
from analysis.prometheus.decode import Decoded
from analysis.prometheus.promql import Comparison, selector
from analysis.prometheus.rule_files import groups_of_files
from analysis.prometheus.rules import ZERO, Rule, RuleGroup, groups_of_api
from analysis.settings.thresholds import ThresholdDriftSettings
from analysis.thresholds.slots import candidate_phases, likeliest_phase, phase_of_stamps
from analysis.window import Window, format_duration, unix_ms

# Of each client, what it was told; gone with the client.
_STAMPS: WeakKeyDictionary[Prometheus, dict[tuple[str, str, Window], list[int]]] = WeakKeyDictionary()
MILLISECOND = timedelta(milliseconds=1)
NEWEST_SLOTS = 3  # up to the last stamp, whose phase is today's
LAST_SLOTS = 20  # of a window, whose raw stamps are read: a recording rule may have thousands of series


@dataclass(frozen=True)
class Grid:
    """When a group is evaluated: interval and phase, and how the phase is known."""

    interval: timedelta
    phase: timedelta
    source: str


@dataclass(frozen=True)
class RuleSamples:
    """What a rule saw at its slots.

    Attributes:
        group: the group it stands in.
        rule: the rule.
        grid: its slots.
        compared: the comparison at the top of its expression, None where there is none.
        decoded: the compared side where there is such a comparison, else the expression's result.
    """

    group: RuleGroup
    rule: Rule
    grid: Grid
    compared: Comparison | None
    decoded: Decoded

    def alerting(self) -> NDArray[np.bool_]:
        """Whether the expression had a result, per slot and series."""
        if self.compared is None:
            return self.decoded.present
        return self.decoded.present & compare(self.decoded.frame.to_numpy(), self.compared.op, self.compared.threshold)


def compare(values: NDArray[np.float64], op: str, threshold: float) -> NDArray[np.bool_]:
    """A comparison as Prometheus makes it: with NaN, all but ``!=`` are false."""
    return {
        ">": np.greater,
        "<": np.less,
        ">=": np.greater_equal,
        "<=": np.less_equal,
        "==": np.equal,
        "!=": np.not_equal,
    }[op](values, threshold)


def rule_groups(
    prom: Prometheus, settings: ThresholdDriftSettings, served: list[RuleGroup] | None = None
) -> list[RuleGroup]:
    """The groups under review, from files where some are given, else from the server: `served` where it was asked."""
    if settings.rule_files:
        groups = groups_of_files(settings.rule_files)
    else:
        groups = groups_of_api(prom.rules()) if served is None else served
    return [group for group in groups if any(_wanted(rule, settings) for rule in group.alerts)]


def readable_groups(
    prom: Prometheus, settings: ThresholdDriftSettings
) -> tuple[list[RuleGroup], list[tuple[str, InputError]]]:
    """Like `rule_groups`, but a rule file that cannot be read does not stop the others.

    Returns:
        The groups, and which files could not be read and why.
    """
    if not settings.rule_files:
        return rule_groups(prom, settings), []
    groups, broken = [], []
    for file in settings.rule_files:
        try:
            groups += rule_groups(prom, settings.model_copy(update={"rule_files": [file]}))
        except InputError as error:
            broken.append((file, error))
    if broken and not groups and len(settings.rule_files) == 1:
        raise broken[0][1]
    return groups, broken


def _wanted(rule: Rule, settings: ThresholdDriftSettings) -> bool:
    return not settings.alerts or rule.name in settings.alerts


def reviewed_rules(groups: Sequence[RuleGroup], settings: ThresholdDriftSettings) -> list[tuple[RuleGroup, Rule]]:
    """Every alerting rule under review with its group."""
    return [(group, rule) for group in groups for rule in group.alerts if _wanted(rule, settings)]


def grid_of(prom: Prometheus, group: RuleGroup, window: Window, default: timedelta, version: str) -> Grid:
    """Interval and phase of a group; what the server recorded wins over what is computed."""
    interval = group.interval or default
    stamps = _recorded_stamps_ms(prom, group, window)
    newest = [stamp for stamp in stamps if stamp > max(stamps) - NEWEST_SLOTS * (interval // MILLISECOND)]
    likely = candidate_phases(group, interval, version)  # another group may have alerts of the same name
    recorded = phase_of_stamps(newest, interval, group.query_offset or ZERO, likely)
    if recorded is not None:
        return Grid(interval, recorded, "history")
    phase, source = likeliest_phase(group, interval, version)
    return Grid(interval, phase, source)


def stamps_of(prom: Prometheus, group: RuleGroup, window: Window) -> list[int]:
    """What is known of when a group was evaluated, to be told to another client of the same server."""
    return _recorded_stamps_ms(prom, group, window)


def tell_stamps(prom: Prometheus, group: RuleGroup, window: Window, stamps: list[int]) -> None:
    """Tell a client what another one was told, so that it does not ask again."""
    _STAMPS.setdefault(prom, {})[group.file, group.name, window] = stamps


def _recorded_stamps_ms(prom: Prometheus, group: RuleGroup, window: Window) -> list[int]:
    """Raw stamps of what a group wrote, asked for once: all of its rules have the same."""
    known = _STAMPS.setdefault(prom, {})
    key = (group.file, group.name, window)
    if key not in known:
        known[key] = _asked_stamps_ms(prom, group, window)
    return known[key]


def _asked_stamps_ms(prom: Prometheus, group: RuleGroup, window: Window) -> list[int]:
    """The last ones where there are any, else its alerts' last in the window."""
    interval = group.interval or timedelta(minutes=1)
    span = format_duration(min(window.duration, LAST_SLOTS * interval))
    step = format_duration(interval)
    whole = f"[{format_duration(window.duration)}:{step}]"
    names = _written(prom, list(_outputs(group)), window)
    for name in names:  # a range selector gives stamps unrounded
        found = _asked(prom, f"{name}[{span}]", window)
        stamps = [round(stamp * 1000) for series in found for stamp, _ in series.get("values", ())]
        if stamps:
            return stamps
    for name in (name for name in names if name.startswith("ALERTS{")):
        found = _asked(prom, f"max_over_time(timestamp({name}){whole})", window)
        stamps = [round(float(series["value"][1]) * 1000) for series in found]
        if stamps:
            return stamps
    return []


def _written(prom: Prometheus, names: list[str], window: Window) -> list[str]:
    """The outputs of recording rules, and those of alerts where any alert of the group has left a series."""
    alerts = [name for name in names if name.startswith("ALERTS{")]
    try:
        there = bool(alerts) and bool(prom.series(alerts, window))
    except UnreachableError:
        raise
    except PromreviewError:  # a source that lists no series
        there = True
    return [name for name in names if there or name not in alerts]


def _outputs(group: RuleGroup) -> Iterator[str]:
    """Selectors of what each rule of a group writes; another group's alert of the same name has other labels."""
    for rule in group.rules:
        labels = {name: value for name, value in rule.labels.items() if value and "{{" not in value}
        if rule.kind == "recording":
            yield selector(rule.name, labels)
        else:
            yield selector("ALERTS", {**labels, "alertname": rule.name})


def _asked(prom: Prometheus, query: str, window: Window) -> list[dict[str, Any]]:
    try:
        return list(prom.get("query", {"query": query, "time": unix_ms(window.end) / 1000})["result"])
    except UnreachableError:
        raise
    except PromreviewError:
        return []
