"""The side of an expression whose distance from a number is its headroom, wherever that comparison stands."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import promql_parser as ast
from numpy.typing import NDArray

from analysis.prometheus.promql import COMPARISONS, Comparison, comparison, comparisons, text_of, walk
from analysis.thresholds.conditions import Fetch
from analysis.thresholds.sides import SET_OPERATORS, Evaluator, Vector, bare, combined

UPWARD, DOWNWARD = (">", ">="), ("<", "<=")
_FILTERS = ("absent", "absent_over_time")
ROBUST = 1.4826  # median absolute deviation of a normal distribution to its standard deviation


@dataclass(frozen=True)
class Guard:
    """What stands on the other side of ``and`` or ``unless``, and how it is matched."""

    op: str
    node: Any
    matching: Any


@dataclass(frozen=True)
class Side:
    """One comparison that makes a rule fire, and what has to hold beside it."""

    comparison: Comparison
    guards: tuple[Guard, ...] = ()


@dataclass(frozen=True)
class Watched:
    """How near a rule comes to a threshold of its.

    Attributes:
        text: the comparison, as PromQL.
        threshold: its number.
        sign: 1 where large values fire, -1 where small ones do.
        nearest: per slot the value nearest to the threshold, NaN without any; where other parts of the
            expression have to hold, too, of the series for which they do.
        is_sparse: the expression leaves out values that are there, so that a day with few of them is a whole day.
    """

    text: str
    threshold: float
    sign: int
    nearest: "pd.Series[float]"
    is_sparse: bool

    def distance(self) -> float:
        """Headroom of the median slot, in units of the spread of slots."""
        known = self.nearest.dropna().to_numpy()
        if not len(known):
            return np.inf
        middle = float(np.median(known))
        spread = ROBUST * float(np.median(np.abs(known - middle)))
        return self.sign * (self.threshold - middle) / max(spread, 1e-9 * max(abs(self.threshold), 1.0))


def watched(tree: Any, fetch: Fetch, index: pd.DatetimeIndex, enough: int) -> Watched | None:
    """The side that a rule's headroom is measured on; None where it compares no value upwards or downwards.

    Of ``and`` and ``unless`` it is the left side, where the right one lets it through; of ``or`` the side that is
    nearer to its threshold.

    Args:
        tree: of the whole expression.
        fetch: asks for an expression over all slots.
        index: the slots.
        enough: slots with a value that a side needs for its guards to be minded.
    """
    found = [_watched(side, fetch, index, enough) for side in sides_of(tree)]
    return min(found, key=Watched.distance, default=None)


def sides_of(node: Any) -> list[Side]:
    """The comparisons that a rule's headroom may be measured on, each with what has to hold beside it."""
    node = bare(node)
    found = comparison(node)
    if found is not None:
        return [Side(found)] if found.op in UPWARD + DOWNWARD and not found.is_bool else []
    if not isinstance(node, ast.BinaryExpr) or (op := str(node.op)) not in SET_OPERATORS:
        return []
    if op == "or":
        return sides_of(node.lhs) + sides_of(node.rhs)
    guard = Guard(op, node.rhs, node.modifier.matching if node.modifier else None)
    left = [replace(side, guards=(*side.guards, guard)) for side in sides_of(node.lhs)]
    return left or (sides_of(node.rhs) if op == "and" else [])


def is_filtered(node: Any) -> bool:
    """Whether an expression may leave out series that are there."""
    for part in walk(node):
        if isinstance(part, ast.BinaryExpr) and str(part.op) in (*COMPARISONS, "and", "unless"):
            if not (part.modifier and part.modifier.return_bool):
                return True
        elif isinstance(part, ast.Call) and part.func.name in _FILTERS:
            return True
    return False


def _watched(side: Side, fetch: Fetch, index: pd.DatetimeIndex, enough: int) -> Watched:
    found = side.comparison
    vector = _asked(found.compared, fetch)
    guarded = vector
    for guard in side.guards:
        guarded = combined(guard.op, guarded, _asked(guard.node, fetch), guard.matching)
    minded = bool(side.guards) and int(guarded.present.any(axis=1).sum()) >= enough
    sign = 1 if found.op in UPWARD else -1
    nearest = _nearest(guarded if minded else vector, sign)
    sparse = minded or is_filtered(found.compared)
    return Watched(text_of(found.node), found.threshold, sign, pd.Series(nearest, index=index), sparse)


def _asked(node: Any, fetch: Fetch) -> Vector:
    return Evaluator(node, fetch)([found.threshold for found in comparisons(node)])


def _nearest(vector: Vector, sign: int) -> NDArray[np.float64]:
    """Largest (or smallest) finite value of each slot."""
    towards = np.multiply(vector.values, sign)
    best = np.where(vector.present & np.isfinite(towards), towards, -np.inf).max(axis=1, initial=-np.inf)
    return np.asarray(np.where(np.isfinite(best), sign * best, np.nan))
