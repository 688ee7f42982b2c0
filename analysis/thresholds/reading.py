"""What a rule read at its slot, as a range query has to ask for it afterwards.

Two things mean something else when they are asked for later over a range: ``@ start()`` and ``@ end()``, which
are the slot itself in a rule; and what the group itself writes at that slot, which a rule did not see yet where
it is written by a rule standing later, or by itself.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from analysis.errors import InputError
from analysis.prometheus.promql import (
    Selector,
    has_anchor,
    has_anchor_in_subquery,
    parse,
    selectors,
    with_offset,
    without_anchors,
)
from analysis.prometheus.rules import Rule, RuleGroup

JUST_BEFORE = "1ms"  # before a slot: the newest sample that the rules standing later had written by then
ALERT_SERIES = ("ALERTS", "ALERTS_FOR_STATE")


def as_read(group: RuleGroup, rule: Rule) -> Rule:
    """The rule with its expression as it has to be asked for; one that is not PromQL stays as it is."""
    try:
        tree = parse(rule.expr)
    except InputError:  # whoever asks for it is told why
        return rule
    written = [{**labels, "__name__": name} for later in group.rules[rule.index :] for name, labels in _outputs(later)]
    text = with_offset(tree, lambda selector: any(_may_select(selector, labels) for labels in written), JUST_BEFORE)
    return replace(rule, expr=text) if JUST_BEFORE in text and JUST_BEFORE not in rule.expr else rule


def at_slots(expr: str) -> str:
    """An expression that means at each stamp of a range what a rule means at each slot.

    Inside a subquery ``@ start()`` and ``@ end()`` stay: such an expression is asked for slot by slot.

    Raises:
        InputError: it is not PromQL.
    """
    if "@" not in expr:
        return expr
    tree = parse(expr)
    return without_anchors(tree) if has_anchor(tree) and not has_anchor_in_subquery(tree) else expr


def goes_slot_by_slot(expr: str) -> bool:
    """Whether a range query cannot give what a rule saw, since an anchor stands inside a subquery."""
    return "@" in expr and has_anchor_in_subquery(parse(expr))


def reads_alert(expr: str, name: str) -> bool:
    """Whether an expression reads what is recorded of alerts of a name; False where it is no PromQL."""
    try:
        found = [selected for selected in selectors(parse(expr)) if selected.name in ALERT_SERIES]
    except InputError:
        return False
    return any(_may_select(selected, {"__name__": selected.name, "alertname": name}) for selected in found)


def _outputs(rule: Rule) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Name and fixed labels of what a rule writes."""
    fixed = {name: value for name, value in rule.labels.items() if value and "{{" not in value}
    if rule.kind == "recording":
        yield rule.name, fixed
    else:
        yield from ((name, {**fixed, "alertname": rule.name}) for name in ALERT_SERIES)


def _may_select(selector: Selector, labels: Mapping[str, str]) -> bool:
    """Whether a selector may pick a series with these labels, and others that are not known."""
    if selector.name and selector.name != labels["__name__"]:
        return False
    return all(_matches(op, value, labels[label]) for label, op, value in selector.matchers if label in labels)


def _matches(op: str, value: str, actual: str) -> bool:
    try:
        same = actual == value if op in ("=", "!=") else re.fullmatch(value, actual) is not None
    except re.error:  # Go's syntax: it may select
        return True
    return same == (op in ("=", "=~"))
