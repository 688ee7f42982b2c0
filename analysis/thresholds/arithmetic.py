"""Plain arithmetic with constants around what rules compare: done here, so that rules share what is inside.

``used / 1024 > 80`` and ``used * 100 < 5`` both look at ``used``. IEEE arithmetic gives the same here as in the
server; where only the verdict counts, the server is asked for the values alone that may matter to any of the rules.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import promql_parser as ast
from numpy.typing import NDArray

from analysis.prometheus.promql import format_number, number

_DOING = {"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide}
_MIRRORED = {">": "<", "<": ">", ">=": "<=", "<=": ">="}
SLACK = 1e-9  # of the largest number in a chain: more than rounding can move a bound that was carried inwards


@dataclass(frozen=True)
class Step:
    """One operation with a constant: ``x op constant``, or ``constant op x`` where the constant leads."""

    op: str
    constant: float
    leads: bool


def peeled(node: Any) -> tuple[Any, tuple[Step, ...]]:
    """What stands inside arithmetic with constants, and the operations around it, innermost first."""
    while isinstance(node, ast.ParenExpr):
        node = node.expr
    if not isinstance(node, ast.BinaryExpr) or str(node.op) not in _DOING:
        return node, ()
    left, right = number(node.lhs), number(node.rhs)
    if (left is None) == (right is None):
        return node, ()
    inner, steps = peeled(node.rhs if left is not None else node.lhs)
    constant = left if left is not None else right
    return inner, (*steps, Step(str(node.op), float(constant or 0.0), left is not None))


def applied(values: NDArray[np.float64], steps: Sequence[Step]) -> NDArray[np.float64]:
    """The operations done."""
    with np.errstate(all="ignore"):  # a division by zero gives what it gives in Prometheus
        for step in steps:
            do = _DOING[step.op]
            values = do(step.constant, values) if step.leads else do(values, step.constant)
    return values


@dataclass(frozen=True)
class Bound:
    """What the inner value has to be at least (``>=``) or at most (``<=``) for a comparison to hold."""

    op: str
    value: float


def bound_of(op: str, threshold: float, steps: Sequence[Step]) -> Bound | None:
    """A bound on the inner value that every value holds for which the comparison does; None where there is none."""
    if op not in _MIRRORED:
        return None
    value, largest = threshold, abs(threshold)
    for step in reversed(steps):
        c = step.constant
        if (step.leads and step.op == "/") or (step.op in "*/" and c == 0):
            return None
        is_mirrored = (step.op in "*/" and c < 0) or (step.leads and step.op == "-")
        if step.op == "+":
            value -= c
        elif step.op == "-":
            value = c - value if step.leads else value + c
        else:
            value = value / c if step.op == "*" else value * c
            largest = largest / abs(c) if step.op == "*" else largest * abs(c)
        largest = max(largest, abs(c) if step.op in "+-" else 0.0, abs(value))
        op = _MIRRORED[op] if is_mirrored else op
    if not np.isfinite(value):
        return None
    slack = SLACK * largest if steps else 0.0
    return Bound(">=", value - slack) if op in (">", ">=") else Bound("<=", value + slack)


def filtered(inner: str, bounds: Sequence[Bound | None]) -> str:
    """The inner expression, its values left out that matter to none of the comparisons that the bounds come from."""
    known = [bound for bound in bounds if bound is not None]
    ops = {bound.op for bound in known}
    if len(known) < len(bounds) or len(ops) != 1:
        return inner
    loosest = (min if ops == {">="} else max)(bound.value for bound in known)
    return f"({inner}) {ops.pop()} {format_number(loosest)}"
