"""The unit of an expression's values, as far as the names of metrics tell it."""

import re
from typing import Any

import promql_parser as ast

from analysis.errors import PromreviewError
from analysis.prometheus.promql import children, parse, selectors

# Base units of Prometheus's naming convention: https://prometheus.io/docs/practices/naming/
_BASE = re.compile(
    r"_(seconds|bytes|ratio|celsius|meters|grams|joules|volts|amperes|info|timestamp_seconds)(_total|_sum|_bucket)?$"
)
_RATES = ("rate", "irate", "deriv")
_SAME = ("sum", "avg", "min", "max", "quantile", "topk", "bottomk", "limitk")
UNKNOWN = "value"


def unit_of(expr: str) -> str:
    """The unit in words, such as ``seconds``, ``bytes per second`` or ``series``; ``value`` where no name tells it.

    Example:
        >>> unit_of("rate(node_network_receive_bytes_total[5m])")
        'bytes per second'
    """
    try:
        return _unit(parse(expr))
    except PromreviewError:
        return UNKNOWN


def _unit(node: Any) -> str:
    if isinstance(node, ast.ParenExpr):
        return _unit(node.expr)
    if isinstance(node, ast.AggregateExpr):
        name = str(node.op)
        if name in ("count", "group", "count_values"):
            return "series" if name == "count" else UNKNOWN
        return _unit(node.expr) if name in _SAME else UNKNOWN
    if isinstance(node, ast.Call):
        return _of_call(node)
    if isinstance(node, ast.VectorSelector | ast.MatrixSelector):
        return _of_name(selectors(node)[0].name)
    return UNKNOWN


def _of_call(node: Any) -> str:
    name, inner = node.func.name, [part for part in children(node) if not isinstance(part, ast.NumberLiteral)]
    if len(inner) != 1:
        return UNKNOWN
    unit = _unit(inner[0])
    if name in _RATES:
        return "per second" if unit in (UNKNOWN, "count") else f"{unit} per second"
    if name == "count_over_time":
        return "samples"
    if name in ("increase", "delta", "idelta", "histogram_quantile") or name.endswith("_over_time"):
        return unit.removesuffix(" per second") if name == "histogram_quantile" else unit
    return UNKNOWN


def _of_name(name: str) -> str:
    found = _BASE.search(name)
    if found:
        words = {"ratio": "ratio, 1 is all", "info": UNKNOWN, "timestamp_seconds": "Unix seconds"}
        return words.get(found[1], found[1])
    return "count" if name.endswith(("_total", "_count")) else UNKNOWN
