"""The syntax tree of an expression: its parts, selectors, and labels."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import promql_parser as ast

from analysis.errors import InputError
from analysis.prometheus.promql.writing import quote

# strings in any quotes and comments; only what stands in backticks is a group: the parser unescapes it
_RAW_STRING = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|#[^\n]*|`([^`]*)`", re.DOTALL)
# by their text, since the parser's operators cannot be keys
MATCH_OPERATORS = {"MatchOp.Equal": "=", "MatchOp.NotEqual": "!=", "MatchOp.Re": "=~", "MatchOp.NotRe": "!~"}

Usage = Literal["matched", "grouped", "joined", "written"]


def parse(expr: str) -> Any:
    """The syntax tree of an expression.

    Raises:
        InputError: it is not PromQL.
    """
    try:
        return ast.parse(_RAW_STRING.sub(lambda m: m[0] if m[1] is None else quote(m[1]), expr))
    except ValueError as error:
        raise InputError(f"not PromQL: {' '.join(expr.split())[:200]!r}: {error}") from None


def children(node: Any) -> list[Any]:
    """The expressions directly inside this one, in the order of the text."""
    if isinstance(node, ast.BinaryExpr):
        return [node.lhs, node.rhs]
    if isinstance(node, ast.AggregateExpr):
        return [part for part in (node.param, node.expr) if isinstance(part, ast.Expr)]
    if isinstance(node, ast.Call):
        return list(node.args)
    if isinstance(node, ast.MatrixSelector):
        return [node.vector_selector]
    return [node.expr] if isinstance(node, ast.ParenExpr | ast.UnaryExpr | ast.SubqueryExpr) else []


def walk(node: Any) -> Iterator[Any]:
    """This expression and everything inside it, outermost first."""
    yield node
    for child in children(node):
        yield from walk(child)


@dataclass(frozen=True)
class Selector:
    """One vector selector: the metric name where one is fixed, and its matchers as (label, operator, value)."""

    name: str
    matchers: tuple[tuple[str, str, str], ...]


def selectors(node: Any) -> list[Selector]:
    """Every vector selector of an expression; a fixed name is found in ``{__name__="x"}`` too."""
    return [selector_of(part) for part in walk(node) if isinstance(part, ast.VectorSelector)]


def selector_of(node: Any) -> Selector:
    """A vector selector of the tree as its name and matchers."""
    groups = [node.matchers.matchers, *node.matchers.or_matchers]
    matchers = tuple((m.name, MATCH_OPERATORS[str(m.op)], m.value) for group in groups for m in group)
    name = node.name or next((value for label, op, value in matchers if (label, op) == ("__name__", "=")), "")
    return Selector(name, tuple(m for m in matchers if m[:2] != ("__name__", "=")))


def metric_names(expr: str) -> list[str]:
    """The metrics that an expression names, in the order of the text, each once."""
    return list(dict.fromkeys(s.name for s in selectors(parse(expr)) if s.name))


def labels_used(node: Any) -> dict[str, set[Usage]]:
    """The labels that an expression mentions, and how it uses each."""
    used: dict[str, set[Usage]] = {}
    for part in walk(node):
        for label, how in _labels_of(part):
            used.setdefault(label, set()).add(how)
    return used


def _labels_of(node: Any) -> Iterator[tuple[str, Usage]]:
    if isinstance(node, ast.VectorSelector):
        yield from ((label, "matched") for label, _, _ in selector_of(node).matchers)
    elif isinstance(node, ast.AggregateExpr):
        yield from ((label, "grouped") for label in (node.modifier.labels if node.modifier else []))
        if str(node.op) == "count_values" and isinstance(node.param, ast.StringLiteral):
            yield node.param.val, "written"
    elif isinstance(node, ast.BinaryExpr) and node.modifier is not None:
        matching = node.modifier.matching
        yield from ((label, "joined") for label in (matching.labels if matching else []))
        yield from ((label, "joined") for label in (node.modifier.group_labels or []))
    elif isinstance(node, ast.Call) and node.func.name in ("label_replace", "label_join"):
        yield from _labels_of_rewriting(node)


def _labels_of_rewriting(node: Any) -> Iterator[tuple[str, Usage]]:
    """``label_replace(v, to, how, from, regex)`` and ``label_join(v, to, separator, from, …)``."""
    texts = [arg.val for arg in node.args if isinstance(arg, ast.StringLiteral)]
    yield from ((name, "written") for name in texts[:1])
    read = texts[2:3] if node.func.name == "label_replace" else texts[2:]
    yield from ((name, "matched") for name in read)
