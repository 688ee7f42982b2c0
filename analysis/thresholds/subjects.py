"""A rule under review, with its surroundings, and the settings that it might have."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

from analysis.errors import InputError
from analysis.prometheus.promql import comparisons, parse
from analysis.prometheus.rules import Rule, RuleGroup
from analysis.settings.thresholds import ThresholdDriftSettings
from analysis.thresholds.collect import Grid
from analysis.thresholds.excuses import Context, Incident
from analysis.thresholds.outcomes import AtWork
from analysis.thresholds.reading import as_read
from analysis.thresholds.routing import Grouping, Routing, read_routes
from analysis.thresholds.sides import bare
from analysis.window import format_duration, parse_duration

MAXIMUM_COMBINATIONS = 100_000  # more are a slip of the pen: a table that nobody reads


@dataclass(frozen=True)
class Choice:
    """One combination: a threshold for each number of the expression, `for`, and `keep_firing_for`."""

    thresholds: tuple[float, ...]
    for_duration: timedelta
    keep_firing_for: timedelta


@dataclass(frozen=True)
class Subject:
    """A rule with everything that its combinations are judged by."""

    group: RuleGroup
    rule: Rule
    grid: Grid
    at_work: AtWork
    flap_gap: timedelta
    context: Context = field(default_factory=Context)
    routing: Routing | None = None

    @cached_property
    def tree(self) -> Any:
        """The syntax tree of the expression, as the rule reads what its own group writes."""
        return bare(parse(as_read(self.group, self.rule).expr))

    @cached_property
    def today(self) -> Choice:
        """What the rule says now."""
        numbers = tuple(found.threshold for found in comparisons(self.tree))
        return Choice(numbers, self.rule.for_duration, self.rule.keep_firing_for)

    @property
    def incidents(self) -> tuple[Incident, ...]:
        """The labelled incidents that name this rule."""
        return tuple(i for i in self.context.incidents if self.rule.name in i.alerts)

    def groupings(self, labels: dict[str, str]) -> list[Grouping]:
        """The groups of Alertmanager's that an alert is in; one for the whole rule where nothing is known."""
        if self.routing is None:
            return [Grouping(())]
        return self.routing.groupings({**labels, "alertname": self.rule.name})


def subject_of(
    group: RuleGroup, rule: Rule, grid: Grid, settings: ThresholdDriftSettings, context: Context | None = None
) -> Subject:
    """A rule with what the settings say about its surroundings."""
    file = settings.alertmanager_file
    return Subject(
        group,
        rule,
        grid,
        AtWork(settings.timezone, tuple(settings.working_days), settings.working_hours),
        parse_duration(settings.flap_gap),
        context or Context(),
        read_routes(Path(file), settings.paging_receivers) if file else None,
    )


def grid_choices(
    today: Choice,
    thresholds: Sequence[Sequence[float]] = (),
    durations: Sequence[timedelta] = (),
    keeps: Sequence[timedelta] = (),
) -> list[Choice]:
    """Every combination, and today's first.

    Args:
        today: what the rule says now; stands where nothing else is given.
        thresholds: values for each number of the expression.
        durations: values of `for`.
        keeps: values of `keep_firing_for`.

    Raises:
        InputError: too many combinations.
    """
    given = thresholds or [()] * len(today.thresholds)
    each = [list(values) or [now] for values, now in zip(given, today.thresholds, strict=True)]
    fors, keeps = durations or [today.for_duration], keeps or [today.keep_firing_for]
    size = prod(len(values) for values in each) * len(fors) * len(keeps)
    if size > MAXIMUM_COMBINATIONS:
        raise InputError(f"{size} combinations; at most {MAXIMUM_COMBINATIONS} are evaluated: use a larger step")
    found = [Choice(tuple(t), f, k) for t in product(*each) for f in fors for k in keeps]
    return list(dict.fromkeys([today, *found]))


def shown(thresholds: Sequence[float]) -> Any:
    """Thresholds as a result shows them: a number, a list where there are several, None where there is none."""
    if len(thresholds) == 1:
        return thresholds[0]
    return list(thresholds) or None


def place_of(group: RuleGroup, rule: Rule) -> dict[str, Any]:
    """Where a rule stands, as every document says it."""
    return {"file": group.file, "group": group.name, "rule": rule.index, "alert": rule.name}


def values_of(choice: Choice) -> dict[str, Any]:
    """A choice as every document says it."""
    return {
        "threshold": shown(choice.thresholds),
        "for": format_duration(choice.for_duration),
        "keep_firing_for": format_duration(choice.keep_firing_for),
    }
