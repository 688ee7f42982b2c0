"""What one expression uses: metrics, their labels, and the values it asks for. Read with the parser."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import promql_parser as ast

from analysis.cardinality import templating
from analysis.cardinality.matching import Matched, matched_by, passed
from analysis.cardinality.queries import Asker, Query
from analysis.errors import InputError
from analysis.prometheus import promql

Matcher = tuple[str, str, str]
_WRITES_FROM = {"label_replace": 3, "label_join": 3}  # the argument from which on source labels stand


@dataclass(frozen=True)
class Use:
    """One selector of one query.

    Attributes:
        metric: the name, where it is plain text; else empty.
        pattern: regular expressions that the name must match, where it is not.
        matchers: the other matchers, values with markers for variables.
        labels: labels used: matched, grouped, joined on, read by a function, or printed.
        indirect_labels: labels that only a variable names; a regular expression.
        matched: labels that have to be the same on the other side of an operation.
        asked_by: file and name of who asks.
        kind: grade of evidence.
    """

    metric: str
    pattern: tuple[tuple[str, str], ...]
    matchers: tuple[Matcher, ...]
    labels: frozenset[str]
    indirect_labels: frozenset[str]
    asked_by: str
    kind: Asker
    matched: tuple[Matched, ...] = ()


def uses(query: Query) -> list[Use]:
    """Every use in a query.

    Raises:
        InputError: it is not PromQL, whatever its variables stand for.
    """
    if not query.expr and query.kind == "indirect":
        return [Use("", (), (), frozenset(), query.printed, query.asked_by, "indirect")] if query.printed else []
    tree = _parse(query.expr)
    return [_use(node, labels, matched, query) for node, labels, matched in _selectors(tree, query.printed, ())]


def _parse(expr: str) -> Any:
    problem: InputError | None = None
    for text in templating.substitutes(expr):
        try:
            return promql.parse(text)
        except InputError as error:
            problem = problem or error
    raise problem or InputError(f"not PromQL: {expr[:200]!r}")


def _selectors(
    node: Any, labels: frozenset[str], matched: tuple[Matched, ...]
) -> Iterator[tuple[Any, frozenset[str], tuple[Matched, ...]]]:
    """Vector selectors, each with the labels that what stands around it uses, and those it is matched on."""
    if isinstance(node, ast.VectorSelector):
        yield node, labels, matched
    labels, matched = passed(node, labels, matched)
    for child in promql.children(node):
        yield from _selectors(child, labels | frozenset(_named(node)), (*matched, *matched_by(node)))


def _named(node: Any) -> Iterator[str]:
    modifier = getattr(node, "modifier", None)
    if isinstance(node, ast.AggregateExpr) and modifier and modifier.type == ast.AggModifierType.By:
        yield from modifier.labels
    elif isinstance(node, ast.BinaryExpr) and modifier:
        if modifier.matching and modifier.matching.type == ast.LabelModifierType.Include:
            yield from modifier.matching.labels
        yield from modifier.group_labels or []
    elif isinstance(node, ast.Call):
        yield from _read_by(node)


def _read_by(call: Any) -> Iterator[str]:
    name = call.func.name
    if name in ("histogram_quantile", "histogram_fraction"):
        yield "le"
    elif name in ("label_replace", "label_join"):
        places = call.args[3:4] if name == "label_replace" else call.args[3:]
        yield from (arg.val for arg in places if isinstance(arg, ast.StringLiteral))
    elif name in ("sort_by_label", "sort_by_label_desc"):
        yield from (arg.val for arg in call.args[1:] if isinstance(arg, ast.StringLiteral))


def _use(node: Any, around: frozenset[str], matched: tuple[Matched, ...], query: Query) -> Use:
    selector = promql.selectors(node)[0]
    names = [(op, value) for label, op, value in selector.matchers if label == "__name__"]
    matchers = tuple(m for m in selector.matchers if m[0] != "__name__")
    named = around | {label for label, _, _ in matchers} | query.filters
    known = query.variables
    unclear = frozenset(
        templating.pattern(label, literal=True, known=known) for label in named if templating.MARK in label
    )
    plain = frozenset(label for label in named if templating.MARK not in label)
    metric = selector.name
    if templating.MARK in metric:
        names.append(("=~", templating.pattern(metric, literal=True, known=known)))
        metric = ""
    patterns = tuple((op, templating.pattern(value, literal=op in ("=", "!="), known=known)) for op, value in names)
    if query.kind == "indirect":
        return Use(
            metric, patterns, matchers, plain - query.printed, unclear | query.printed, query.asked_by, "indirect"
        )
    return Use(metric, patterns, matchers, plain, unclear, query.asked_by, query.kind, matched)
