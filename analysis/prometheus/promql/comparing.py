"""Comparisons with a constant, which is what an alerting rule's threshold is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import promql_parser as ast

from analysis.prometheus.promql.tree import children

COMPARISONS = ("==", "!=", ">", "<", ">=", "<=")
_MIRRORED = {">": "<", "<": ">", ">=": "<=", "<=": ">=", "==": "==", "!=": "!="}
_ARITHMETIC = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": np.fmod,
    "^": np.power,
}

_Item = TypeVar("_Item")


def number(node: Any) -> float | None:
    """The value of a constant expression such as ``80``, ``-1`` or ``(14.4 * 0.005)``; None for any other."""
    if isinstance(node, ast.NumberLiteral):
        return float(node.val)
    if isinstance(node, ast.ParenExpr):
        return number(node.expr)
    if isinstance(node, ast.UnaryExpr):
        inner = number(node.expr)
        return None if inner is None else -inner
    if isinstance(node, ast.BinaryExpr):
        return _arithmetic(str(node.op), number(node.lhs), number(node.rhs))
    return None


def _arithmetic(op: str, left: float | None, right: float | None) -> float | None:
    if left is None or right is None or op not in _ARITHMETIC:
        return None
    with np.errstate(all="ignore"):  # division by zero gives Inf or NaN, as in Prometheus
        result = float(_ARITHMETIC[op](np.float64(left), np.float64(right)))
    return result if math.isfinite(result) or not math.isfinite(left + right) else None


@dataclass(frozen=True)
class Comparison:
    """A comparison with a constant, written so that the compared side stands on the left.

    Attributes:
        node: the tree of the whole comparison.
        compared: the expression that is compared.
        op: the operator, mirrored where the constant stood on the left.
        threshold: the constant.
        is_bool: ``bool`` was given, so it yields 0 or 1 rather than filtering.
    """

    node: Any
    compared: Any
    op: str
    threshold: float
    is_bool: bool

    @property
    def leads(self) -> bool:
        """Whether the constant stands before what it is compared with."""
        return number(self.node.lhs) is not None

    def in_order(self, mine: _Item, inner: Sequence[_Item]) -> list[_Item]:
        """What belongs to this comparison among what belongs to those inside it, in the order of the constants."""
        return [mine, *inner] if self.leads else [*inner, mine]


def comparison(node: Any) -> Comparison | None:
    """This node as a comparison with a constant, or None; parentheses around it do not matter."""
    while isinstance(node, ast.ParenExpr):
        node = node.expr
    if not isinstance(node, ast.BinaryExpr) or str(node.op) not in COMPARISONS:
        return None
    is_bool = bool(node.modifier and node.modifier.return_bool)
    left, right = number(node.lhs), number(node.rhs)
    if right is not None and left is None:
        return Comparison(node, node.lhs, str(node.op), right, is_bool)
    if left is not None and right is None:
        return Comparison(node, node.rhs, _MIRRORED[str(node.op)], left, is_bool)
    return None


def comparisons(node: Any) -> list[Comparison]:
    """Every comparison with a constant in an expression, in the order in which their constants stand in the text."""
    mine = comparison(node) if isinstance(node, ast.BinaryExpr) else None
    inner = [found for child in children(node) for found in comparisons(child)]
    return mine.in_order(mine, inner) if mine else inner
