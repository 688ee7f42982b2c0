"""Rules that can never fire, because a metric that they need does not exist."""

from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import promql_parser as ast

from analysis.errors import LACKING, InputError
from analysis.prometheus import Prometheus
from analysis.prometheus.promql import (
    Selector,
    children,
    label_name,
    metric_names,
    parse,
    quote,
    selector,
    selectors,
    text_of,
    walk,
)
from analysis.prometheus.rules import Rule
from analysis.window import Window

# They have a result where their argument has none (promql/functions.go).
_FILLED = ("absent", "absent_over_time", "scalar", "vector")
Matcher = tuple[str, str, str]
NOTHING_HELD = "no series at all in this window"
NAMES_PER_QUESTION = 100  # selectors in one address: a whole rule collection would be too long for a server


def existing_metrics(prom: Prometheus, rules: Iterable[Rule], window: Window) -> set[str]:
    """Which of the metrics that rules name existed in the window; rules that are no PromQL are passed over."""
    names = sorted({name for rule in rules for name in _names(rule.expr)})
    found: set[str] = set()
    for place in range(0, len(names), NAMES_PER_QUESTION):
        match = [selector(name) for name in names[place : place + NAMES_PER_QUESTION]]
        try:
            found |= set(prom.label_values("__name__", match, window))
        except LACKING:  # nothing is called missing that the server will not list
            return set(names)
    return found


def is_void(prom: Prometheus, window: Window) -> bool:
    """Whether nothing at all is held of a window: then no metric is missing, and no rule can be judged."""
    try:
        return not prom.label_values("__name__", ['{__name__!=""}'], window)
    except LACKING:
        return False


def _names(expr: str) -> list[str]:
    try:
        return metric_names(expr)
    except InputError:
        return []


def missing_metrics(node: Any, existing: AbstractSet[str]) -> list[str]:
    """The metrics whose absence alone makes an expression empty at all times; none where it can have a result."""
    return _unique([found.name for found in _emptying(node, lambda s: bool(s.name) and s.name not in existing)])


def unmatched(prom: Prometheus, node: Any, window: Window) -> list[str]:
    """What an expression looks for that no series had in a window, though the metric exists: a sentence each.

    Only selectors without which the expression has no result.
    """
    found = _emptying(node, lambda selected: not _matches(prom, selected, selected.matchers, window))
    return _unique([_told(prom, selected, window) for selected in found if selected.matchers])


def _emptying(node: Any, is_empty: Callable[[Selector], bool]) -> list[Selector]:
    """The selectors whose emptiness alone makes an expression empty at all times; none where it can have a result."""
    if isinstance(node, ast.VectorSelector):
        return [found for found in selectors(node) if is_empty(found)]
    if isinstance(node, ast.BinaryExpr):
        left, right = _emptying(node.lhs, is_empty), _emptying(node.rhs, is_empty)
        if str(node.op) == "or":
            return left + right if left and right else []
        return left if str(node.op) == "unless" else left + right
    if isinstance(node, ast.Call) and node.func.name in _FILLED:
        return []
    inside = [node.expr] if isinstance(node, ast.AggregateExpr) else children(node)
    return [found for child in inside for found in _emptying(child, is_empty)]


def _matches(prom: Prometheus, selected: Selector, matchers: Sequence[Matcher], window: Window) -> bool:
    try:
        return bool(prom.label_values("__name__", [_text(selected.name, matchers)], window))
    except LACKING:  # as above: a server that does not list says nothing of what there is
        return True


def _text(name: str, matchers: Sequence[Matcher]) -> str:
    named = [("__name__", "=", name)] if name else []
    return "{" + ",".join(f"{label_name(label)}{op}{quote(value)}" for label, op, value in [*named, *matchers]) + "}"


def _told(prom: Prometheus, selected: Selector, window: Window) -> str:
    """Which of the matchers of a selector no series has; all of them together where each has some."""
    name = selected.name or "any metric"
    alone = [m for m in selected.matchers if not _matches(prom, selected, [m], window)]
    texts = [f"{label}{op}{quote(value)}" for label, op, value in alone or selected.matchers]
    together = "" if alone or len(texts) == 1 else " at once"
    return f"no series of {name} had {' and '.join(texts)}{together} in this window"


def _unique(names: list[str]) -> list[str]:
    return list(dict.fromkeys(names))


def presence_query(expr: str) -> str:
    """A query that has a result whenever there was anything for an expression to look at.

    Where it looks at nothing but the absence of something, that is whenever Prometheus scraped at all.
    """
    tree = parse(expr)
    filled = [part for part in walk(tree) if isinstance(part, ast.Call) and part.func.name in _FILLED[:2]]
    hidden = {_key(found) for part in filled for found in selectors(part)}
    plain = [
        text_of(part)
        for part in walk(tree)
        if isinstance(part, ast.VectorSelector) and _key(selectors(part)[0]) not in hidden
    ]
    return " or ".join(f"group({text})" for text in _unique(plain)) or "group(up)"


def _key(found: Selector) -> tuple[str, Any]:
    return (found.name, found.matchers)
