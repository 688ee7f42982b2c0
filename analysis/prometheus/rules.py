"""Alerting and recording rules, and how the rules API gives them; `rule_files` reads them from files."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from analysis import markup
from analysis.errors import LACKING
from analysis.window import format_duration

if TYPE_CHECKING:
    from analysis.prometheus.client import Prometheus

ZERO = timedelta()


@dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes:
        kind: ``alerting`` or ``recording``.
        name: value of ``alert:`` or ``record:``.
        expr: its PromQL.
        index: its place in the group, from 0.
        for_duration: how long it is pending before it fires.
        keep_firing_for: how long it fires on after its condition has gone.
        labels: what it adds to the labels of its result, templates unexpanded.
        annotations: templates unexpanded.
    """

    kind: str
    name: str
    expr: str
    index: int
    for_duration: timedelta = ZERO
    keep_firing_for: timedelta = ZERO
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        """One line, as a person would say it."""
        return f"{self.kind} rule {self.name}: {self.expr}" + "".join(f", {k} {v}" for k, v in self._durations.items())

    @property
    def _durations(self) -> dict[str, str]:
        given = {"for": self.for_duration, "keep_firing_for": self.keep_firing_for}
        return {name: format_duration(duration) for name, duration in given.items() if duration}

    def _repr_html_(self) -> str:
        """As its file has it; every value is escaped."""
        known = {"expr": self.expr, **self._durations, **self.labels, **self.annotations}
        return markup.pairs(known, f"{self.kind} rule {self.name}")


@dataclass(frozen=True)
class RuleGroup:
    """One group of rules, which are evaluated in order at the same slots.

    Attributes:
        file: path as the server (or the caller) names it.
        name: name of the group, unique in its file.
        interval: time between evaluations; None for the server's default.
        limit: how many alerts a rule may have; 0 for any number.
        query_offset: how far queries are shifted back; None for the server's default.
        last_evaluation: Unix seconds of the last evaluation, where the server says it.
    """

    file: str
    name: str
    rules: tuple[Rule, ...]
    interval: timedelta | None = None
    limit: int = 0
    query_offset: timedelta | None = None
    last_evaluation: str = ""

    @property
    def alerts(self) -> tuple[Rule, ...]:
        """Its alerting rules."""
        return tuple(rule for rule in self.rules if rule.kind == "alerting")

    def _repr_html_(self) -> str:
        """Its rules as a table; every value is escaped."""
        rows = [(rule.name, rule.expr, format_duration(rule.for_duration)) for rule in self.rules]
        return markup.table(("rule", "expr", "for"), rows, f"{self.name} in {self.file}")


def groups_of_api(groups: Iterable[Mapping[str, Any]]) -> list[RuleGroup]:
    """Rule groups from what ``/api/v1/rules`` gives."""
    return [
        RuleGroup(
            file=group.get("file", ""),
            name=group["name"],
            interval=timedelta(seconds=group["interval"]) if group.get("interval") else None,
            limit=int(group.get("limit") or 0),
            query_offset=timedelta(seconds=group["queryOffset"]) if "queryOffset" in group else None,
            last_evaluation=group.get("lastEvaluation", ""),
            rules=tuple(_api_rule(rule, index) for index, rule in enumerate(group.get("rules", ()))),
        )
        for group in groups
    ]


def shown_groups(prom: "Prometheus") -> tuple[list[RuleGroup], str]:
    """The groups that a server shows; none, and why, where others evaluate them and it does not know.

    Only Prometheus itself says that it has no rule; the rest may leave them to a ruler.

    Raises:
        SourceError: it failed.
    """
    try:
        groups = groups_of_api(prom.rules())
    except LACKING as error:
        return [], f"the server does not show its rules: {error}"
    if not groups and prom.source().kind != "prometheus":
        return [], "the server shows no rule at all"
    return groups, ""


def _api_rule(rule: Mapping[str, Any], index: int) -> Rule:
    return Rule(
        kind="alerting" if rule.get("type", "alerting") == "alerting" else "recording",
        name=rule["name"],
        expr=rule["query"],
        index=index,
        for_duration=timedelta(seconds=float(rule.get("duration") or 0)),
        keep_firing_for=timedelta(seconds=float(rule.get("keepFiringFor") or 0)),
        labels=dict(rule.get("labels") or {}),
        annotations=dict(rule.get("annotations") or {}),
    )
