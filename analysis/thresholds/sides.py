"""An expression taken apart: what is fetched once, and what is worked out in memory for any thresholds.

Comparisons with numbers, and the set operators above them, are evaluated here as the engine does
(prometheus/promql/engine.go, ``VectorAnd``, ``VectorOr``, ``VectorUnless``, ``VectorscalarBinop``).
Everything below is asked of the server as it stands; where a number to be varied stands there, each
of its values is asked, so that the answer is still Prometheus's own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import promql_parser as ast
from numpy.typing import NDArray

from analysis.prometheus.decode import Decoded
from analysis.prometheus.promql import Comparison, comparison, comparisons, text_of, with_thresholds
from analysis.thresholds.collect import compare
from analysis.thresholds.lives import Flags

SET_OPERATORS = ("and", "or", "unless")
Key = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Vector:
    """A vector at every slot.

    Attributes:
        keys: the labels of each series, name and value, sorted, without empty ones.
        values: shape (slots, series).
        present: same shape; whether the series has a sample.
    """

    keys: tuple[Key, ...]
    values: NDArray[np.float64]
    present: NDArray[np.bool_]


@dataclass
class Evaluator:
    """Evaluates one expression with any thresholds; every text is fetched once.

    Attributes:
        node: the tree of the expression.
        fetch: asks the server for an expression over all slots.
    """

    node: Any
    fetch: Callable[[str], Decoded]

    def __post_init__(self) -> None:
        """Start with nothing fetched."""
        self._fetched: dict[str, Vector] = {}

    @property
    def failed(self) -> Flags | np.bool_:
        """Slots at which the server refused what was asked, where that is told."""
        told: Flags | np.bool_ = getattr(self.fetch, "failed", np.False_)
        return told

    @property
    def fetched(self) -> list[Vector]:
        """Every side that was asked for."""
        return list(self._fetched.values())

    def __call__(self, thresholds: Sequence[float]) -> Vector:
        """The result with one threshold for each of `comparisons(node)`, in the order of the text."""
        return self._evaluate(self.node, list(thresholds))

    def _evaluate(self, node: Any, thresholds: list[float]) -> Vector:
        node = bare(node)
        found = comparison(node)
        if found is not None:
            place, inner = (0, thresholds[1:]) if found.leads else (-1, thresholds[:-1])
            return compared(self._evaluate(found.compared, inner), found, thresholds[place])
        if isinstance(node, ast.BinaryExpr) and str(node.op) in SET_OPERATORS:
            left = len(comparisons(node.lhs))
            both = self._evaluate(node.lhs, thresholds[:left]), self._evaluate(node.rhs, thresholds[left:])
            return combined(str(node.op), *both, node.modifier.matching if node.modifier else None)
        return self._ask(with_thresholds(node, dict(enumerate(thresholds))) if thresholds else text_of(node))

    def _ask(self, expr: str) -> Vector:
        if expr not in self._fetched:
            self._fetched[expr] = vector_of(self.fetch(expr))
        return self._fetched[expr]


def bare(node: Any) -> Any:
    """The node without parentheses around it."""
    while isinstance(node, ast.ParenExpr):
        node = node.expr
    return node


def in_memory(node: Any) -> list[bool]:
    """For each of `comparisons(node)`: whether it is worked out in memory rather than asked."""
    node = bare(node)
    found = comparison(node)
    if found is not None:
        return found.in_order(True, in_memory(found.compared))
    if isinstance(node, ast.BinaryExpr) and str(node.op) in SET_OPERATORS:
        return [*in_memory(node.lhs), *in_memory(node.rhs)]
    return [False] * len(comparisons(node))


def vector_of(decoded: Decoded) -> Vector:
    """An answer of the server as a vector."""
    names = [str(name) for name in decoded.frame.columns.names]
    keys = tuple(tuple((n, v) for n, v in zip(names, key, strict=True) if v) for key in decoded.frame.columns)
    return Vector(keys, decoded.frame.to_numpy(), decoded.present)


def compared(vector: Vector, by: Comparison, threshold: float) -> Vector:
    """A vector compared with a number: what does not hold is dropped, or is 0 with ``bool``."""
    holds = compare(vector.values, by.op, threshold)
    if not by.is_bool:
        return replace(vector, present=vector.present & holds)
    keys = tuple(tuple(pair for pair in key if pair[0] != "__name__") for key in vector.keys)
    return Vector(keys, holds.astype("float64"), vector.present)


def combined(op: str, left: Vector, right: Vector, matching: Any) -> Vector:
    """``and``, ``or`` or ``unless`` of two vectors, matched as the modifier says."""
    groups: dict[Key, int] = {}
    places = [[groups.setdefault(_signature(k, matching), len(groups)) for k in v.keys] for v in (left, right)]
    if op == "or":
        taken = _any(left.present, places[0], len(groups))
        rest = right.present & ~taken[:, places[1]]
        values = np.concatenate([left.values, right.values], axis=1)
        return Vector(left.keys + right.keys, values, np.concatenate([left.present, rest], axis=1))
    matched = _any(right.present, places[1], len(groups))[:, places[0]]
    return replace(left, present=left.present & (matched if op == "and" else ~matched))


def _signature(key: Key, matching: Any) -> Key:
    if matching is None:
        return tuple(pair for pair in key if pair[0] != "__name__")
    labels = set(matching.labels)
    if str(matching).startswith("on"):
        return tuple(pair for pair in key if pair[0] in labels)
    return tuple(pair for pair in key if pair[0] not in labels and pair[0] != "__name__")


def _any(present: NDArray[np.bool_], places: list[int], count: int) -> NDArray[np.bool_]:
    """Whether any series of each group is present; shape (slots, groups)."""
    found = np.zeros((len(present), count), dtype=bool)
    for column, place in enumerate(places):
        found[:, place] |= present[:, column]
    return found
