"""How labels pass through an expression: which an aggregation lets through, which two sides are matched on."""

from dataclasses import dataclass
from typing import Any

import promql_parser as ast

from analysis.cardinality import templating
from analysis.prometheus import promql

_KEEP_SERIES = ("topk", "bottomk", "limitk", "limit_ratio")  # choose among series, whose labels stay
_NO_LABELS = ("scalar", "time", "pi", "vector")


@dataclass(frozen=True)
class Matched:
    """Labels on which a side is matched with another metric, though nobody wrote them down.

    Attributes:
        only: none but these; None for all.
        but: none of these.
    """

    only: frozenset[str] | None = None
    but: frozenset[str] = frozenset()

    def has(self, label: str) -> bool:
        """Whether a label is among them."""
        return (self.only is None or label in self.only) and label not in self.but


def matched_by(node: Any) -> tuple[Matched, ...]:
    """What a binary operation without ``on`` matches its sides on; nothing where both read one metric alone.

    A label that goes from one metric would be gone on both sides then, and they still match.
    """
    if not isinstance(node, ast.BinaryExpr) or str(node.op) == "or" or not (_has_labels(node.lhs, node.rhs)):
        return ()
    names = [selector.name for side in (node.lhs, node.rhs) for selector in promql.selectors(side)]
    matching = node.modifier.matching if node.modifier else None
    if matching and matching.type == ast.LabelModifierType.Include:
        return ()
    alone = len(set(names)) == 1 and names[0] and templating.MARK not in names[0]
    return () if alone else (Matched(but=frozenset(matching.labels if matching else ())),)


def _has_labels(*nodes: Any) -> bool:
    return all(_is_vector(node) for node in nodes)


def _is_vector(node: Any) -> bool:
    if isinstance(node, ast.ParenExpr | ast.UnaryExpr):
        return _is_vector(node.expr)
    if isinstance(node, ast.BinaryExpr):
        return _is_vector(node.lhs) or _is_vector(node.rhs)
    if isinstance(node, ast.Call):
        return node.func.name not in _NO_LABELS
    return not isinstance(node, ast.NumberLiteral | ast.StringLiteral)


def passed(
    node: Any, labels: frozenset[str], matched: tuple[Matched, ...]
) -> tuple[frozenset[str], tuple[Matched, ...]]:
    """Of what stands around a node asks for, that which reaches below it."""
    if isinstance(node, ast.Call) and node.func.name in _NO_LABELS:
        return frozenset(), ()
    if not isinstance(node, ast.AggregateExpr) or str(node.op) in _KEEP_SERIES:
        return labels, matched
    by = node.modifier is None or node.modifier.type == ast.AggModifierType.By
    named = frozenset(node.modifier.labels if node.modifier else ())
    if any(templating.MARK in label for label in named):
        return labels, matched  # a variable may be any label
    if not by:
        return labels - named, tuple(Matched(part.only, part.but | named) for part in matched)
    return labels & named, tuple(
        Matched(named if part.only is None else part.only & named, part.but) for part in matched
    )
