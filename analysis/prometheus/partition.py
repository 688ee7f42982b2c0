"""Taking a query apart by a label, so that the parts together give exactly what the whole gives.

A matcher on a label, added to every selector, splits an answer cleanly where no sample of the
answer comes from series of different values of that label.
"""

from dataclasses import dataclass
from typing import Any

import promql_parser as ast

from analysis.prometheus.patterns import one_of
from analysis.prometheus.promql import children, number, parse, quote, selectors, with_matcher

NOT_PER_SERIES = ("absent", "absent_over_time", "scalar", "vector")
PER_BUCKET = ("histogram_quantile", "histogram_fraction")
REWRITING = ("label_replace", "label_join")


@dataclass(frozen=True)
class Labels:
    """Some labels, or all but some.

    Attributes:
        names: which.
        is_complement: they are those that are not meant.
    """

    names: frozenset[str]
    is_complement: bool = False

    def __contains__(self, name: str) -> bool:
        """Whether a label is meant."""
        return (name in self.names) != self.is_complement

    def __and__(self, other: "Labels") -> "Labels":
        """What both mean."""
        if self.is_complement and other.is_complement:
            return Labels(self.names | other.names, is_complement=True)
        if self.is_complement:
            return other & self
        return Labels(frozenset(name for name in self.names if name in other))


NONE = Labels(frozenset())
ALL = Labels(frozenset({"__name__"}), is_complement=True)


def separable(node: Any) -> Labels:
    """The labels by which an expression can be taken apart.

    Args:
        node: its syntax tree; what holds no selector is no part of any series and separates by every label.
    """
    if isinstance(node, ast.VectorSelector):
        return NONE if node.matchers.or_matchers else ALL
    if isinstance(node, ast.AggregateExpr):
        return _aggregated(node)
    if isinstance(node, ast.BinaryExpr):
        return _combined(node)
    if isinstance(node, ast.Call):
        return _called(node)
    inside = ALL
    for child in children(node):
        inside &= separable(child)
    return inside


def _aggregated(node: Any) -> Labels:
    if isinstance(node.param, ast.Expr) and selectors(node.param):
        return NONE
    named = frozenset(node.modifier.labels if node.modifier else [])
    without = node.modifier is not None and str(node.modifier.type).endswith("Without")
    written = frozenset({node.param.val} if isinstance(node.param, ast.StringLiteral) else ())
    return separable(node.expr) & Labels(named, is_complement=without) & Labels(written, is_complement=True)


def _combined(node: Any) -> Labels:
    if any(not selectors(side) and not _is_scalar(side) for side in (node.lhs, node.rhs)):
        return NONE  # a vector out of nothing would stand in every part
    both = separable(node.lhs) & separable(node.rhs)
    matching = node.modifier.matching if node.modifier else None
    if matching is None:
        return both
    return both & Labels(frozenset(matching.labels), is_complement=str(matching).startswith("ignoring"))


def _is_scalar(node: Any) -> bool:
    if isinstance(node, ast.ParenExpr | ast.UnaryExpr):
        return _is_scalar(node.expr)
    if isinstance(node, ast.Call):
        return node.func.name in ("time", "pi")
    if isinstance(node, ast.BinaryExpr):
        return _is_scalar(node.lhs) and _is_scalar(node.rhs)
    return number(node) is not None


def _called(node: Any) -> Labels:
    name = node.func.name
    if name in NOT_PER_SERIES:
        return NONE
    inside = ALL
    for argument in node.args:
        inside &= separable(argument)
    taken = frozenset({"le"} if name in PER_BUCKET else {node.args[1].val} if name in REWRITING else ())
    return inside & Labels(taken, is_complement=True)


def match_texts(expr: str, matcher: str = "") -> list[str]:
    """What the selectors of an expression match, as the API takes it in ``match[]``, with one matcher more."""
    found = []
    for selector in selectors(parse(expr)):
        inside = [f"{label}{op}{quote(value)}" for label, op, value in selector.matchers]
        inside += [f"__name__={quote(selector.name)}"] if selector.name else []
        inside += [matcher] if matcher else []
        found.append("{" + ",".join(inside) + "}")
    return list(dict.fromkeys(found))


def halves(expr: str, label: str, values: list[str]) -> tuple[str, str]:
    """The expression for some values of a label, and for all others, the missing label included."""
    node, pattern = parse(expr), one_of(values)
    return with_matcher(node, f"{label}=~{pattern}"), with_matcher(node, f"{label}!~{pattern}")
