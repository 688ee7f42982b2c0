"""PromQL as a syntax tree: reading, walking, taking comparisons apart, and quoting.

Nothing in this package puts PromQL together from text except through `quote` and `selector`.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np
import promql_parser as ast

from analysis.errors import InputError

COMPARISONS = ("==", "!=", ">", "<", ">=", "<=")
_MIRRORED = {">": "<", "<": ">", ">=": "<=", "<=": ">=", "==": "==", "!=": "!="}
_LEGACY_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
# strings in any quotes and comments; only what stands in backticks is a group: the parser unescapes it
_RAW_STRING = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|#[^\n]*|`([^`]*)`", re.DOTALL)
_ANCHOR = re.compile(r"\s*@ (?:start|end)\(\)")  # as the tree writes it
# by their text, since the parser's operators cannot be keys
_OPERATORS = {"MatchOp.Equal": "=", "MatchOp.NotEqual": "!=", "MatchOp.Re": "=~", "MatchOp.NotRe": "!~"}
_ARITHMETIC = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": np.fmod,
    "^": np.power,
}

Usage = Literal["matched", "grouped", "joined", "written"]
_Item = TypeVar("_Item")


def parse(expr: str) -> Any:
    """The syntax tree of an expression.

    Raises:
        InputError: it is not PromQL.
    """
    try:
        return ast.parse(_RAW_STRING.sub(lambda m: m[0] if m[1] is None else quote(m[1]), expr))
    except ValueError as error:
        raise InputError(f"not PromQL: {' '.join(expr.split())[:200]!r}: {error}") from None


def quote(value: str) -> str:
    r"""A PromQL string literal that holds exactly `value`, whatever is in it.

    Example:
        >>> print(quote('a "b"'))
        "a \"b\""
    """
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else _escape(c) for c in escaped) + '"'


def _escape(character: str) -> str:
    # always by code point: a Go \\x escape is a byte, not a character
    return {"\n": "\\n", "\t": "\\t"}.get(character) or f"\\U{ord(character):08x}"


def selector(name: str = "", matchers: Mapping[str, str] | None = None) -> str:
    """A selector for a metric and exact label values, each quoted.

    Raises:
        InputError: a label without a name.

    Example:
        >>> print(selector("up", {"job": "auth"}))
        up{job="auth"}
    """
    pairs = dict(matchers or {})
    if name and not _LEGACY_NAME.fullmatch(name):
        pairs, name = {"__name__": name, **pairs}, ""
    if "" in pairs:
        raise InputError("a label needs a name")
    inside = ",".join(f"{label_name(label)}={quote(value)}" for label, value in pairs.items())
    return f"{name}{{{inside}}}" if inside or not name else name


def label_name(name: str) -> str:
    """A label's name as PromQL writes it: in quotes where it is not of the old letters (Prometheus 3)."""
    return name if _LEGACY_NAME.fullmatch(name) and ":" not in name else quote(name)


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
    return [_selector(part) for part in walk(node) if isinstance(part, ast.VectorSelector)]


def _selector(node: Any) -> Selector:
    groups = [node.matchers.matchers, *node.matchers.or_matchers]
    matchers = tuple((m.name, _OPERATORS[str(m.op)], m.value) for group in groups for m in group)
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
        yield from ((label, "matched") for label, _, _ in _selector(node).matchers)
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


def text_of(node: Any) -> str:
    """The expression as PromQL: the tree's own text quotes no values and loses the colon of ``[5m:]``."""
    return with_thresholds(node, {})


def with_thresholds(node: Any, thresholds: Mapping[int, float]) -> str:
    """The expression with the constants of some comparisons replaced.

    Args:
        node: the tree.
        thresholds: new constants by the comparison's place in `comparisons(node)`.
    """
    return _rewrite(node, _Changes(thresholds), 0)[0]


def with_matcher(node: Any, matcher: str) -> str:
    """The expression with one more matcher in every selector.

    Args:
        node: the tree.
        matcher: such as ``job=~"a|b"``, its value quoted.

    Raises:
        InputError: a selector that it cannot be added to.
    """
    return _rewrite(node, _Changes({}, matcher), 0)[0]


def with_offset(node: Any, chosen: Callable[[Selector], bool], offset: str) -> str:
    """The expression with an offset at the chosen selectors that have none.

    Args:
        node: the tree.
        chosen: which selectors are meant.
        offset: a duration, such as ``1ms``.
    """
    return _rewrite(node, _Changes({}, offset=offset, chosen=chosen), 0)[0]


def has_anchor(node: Any) -> bool:
    """Whether ``@ start()`` or ``@ end()`` stands anywhere in an expression."""
    return any(
        str(part.at) in ("@ start()", "@ end()")
        for part in walk(node)
        if isinstance(part, ast.VectorSelector | ast.SubqueryExpr)
    )


def has_anchor_in_subquery(node: Any) -> bool:
    """Whether ``@ start()`` or ``@ end()`` stands inside a subquery, whose steps they are not."""
    return any(has_anchor(part.expr) for part in walk(node) if isinstance(part, ast.SubqueryExpr))


def without_anchors(node: Any) -> str:
    """The expression without ``@ start()`` and ``@ end()``."""
    return _rewrite(node, _Changes({}, drops_anchors=True), 0)[0]


@dataclass(frozen=True)
class _Changes:
    """What is to be another text than the tree's.

    Attributes:
        thresholds: constants by place.
        matcher: one more in every selector.
        offset: of the chosen selectors.
        chosen: which selectors get it.
        drops_anchors: whether ``@ start()`` and ``@ end()`` go.
    """

    thresholds: Mapping[int, float]
    matcher: str = ""
    offset: str = ""
    chosen: Callable[[Selector], bool] = lambda _selector: False
    drops_anchors: bool = False


def _rewrite(node: Any, changes: _Changes, seen: int) -> tuple[str, int]:
    """Text of the node with the changes made, and how many comparisons stand up to its end."""
    if isinstance(node, ast.VectorSelector | ast.MatrixSelector):  # a matrix's range stands before its offset
        return _selector_text(node, changes), seen
    if isinstance(node, ast.StringLiteral):
        return quote(node.val), seen
    mine = comparison(node) if isinstance(node, ast.BinaryExpr) else None
    leads = mine is not None and mine.leads
    count, pieces = seen + leads, []
    for child in children(node):
        text, count = _rewrite(child, changes, count)
        pieces.append((str(child), text))
    place = seen if leads else count
    if mine is not None and place in changes.thresholds:
        constant = 0 if leads else 1
        pieces[constant] = (pieces[constant][0], format_number(changes.thresholds[place]))
    text, rest = _replace_in_order(str(node), pieces, _quoted_lists(node))
    if isinstance(node, ast.SubqueryExpr):
        rest = rest.replace("]", ":]", 1) if node.step is None else rest
        rest = _ANCHOR.sub("", rest) if changes.drops_anchors else rest
    return text + rest, count + (mine is not None and not leads)


def _selector_text(node: Any, changes: _Changes) -> str:
    """A selector with its values quoted, which the tree's own text does not do, and what changes in it.

    Alternatives (``{a="x" or b="y"}``, as VictoriaMetrics has them) get a new matcher each.

    Raises:
        InputError: the tree writes the selector in a way that a matcher cannot be added to.
    """
    vector = node.vector_selector if isinstance(node, ast.MatrixSelector) else node
    groups = [[(m.name, _OPERATORS[str(m.op)], m.value) for m in group] for group in _alternatives(vector)]
    name, text = vector.name or "", str(node)
    parts = [",".join(f'{label}{op}"{value}"' for label, op, value in group) for group in groups]
    raw = f"{name}{{{' or ' if vector.matchers.or_matchers else ''}{' or '.join(parts)}}}"
    if not text.startswith(raw):
        if changes.matcher:
            raise InputError(f"no matcher can be added to {text[:200]!r}")
        return text
    more = [changes.matcher] if changes.matcher else []
    quoted = " or ".join(
        ",".join([f"{label_name(label)}{op}{quote(value)}" for label, op, value in group] + more) for group in groups
    )
    rest = _ANCHOR.sub("", text[len(raw) :]) if changes.drops_anchors else text[len(raw) :]
    if changes.offset and vector.offset is None and changes.chosen(_selector(vector)):
        rest += f" offset {changes.offset}"
    return (f"{name}{{{quoted}}}" if quoted or not name else name) + rest


def _alternatives(vector: Any) -> list[Any]:
    """The groups of matchers of a selector, of which one has to hold; a plain selector has one group."""
    plain, others = vector.matchers.matchers, vector.matchers.or_matchers
    return [*([plain] if plain or not others else []), *others]


def _quoted_lists(node: Any) -> dict[str, str]:
    """Lists of labels that the tree writes without the quotes they need, and how PromQL reads them."""
    modifier = getattr(node, "modifier", None)
    if isinstance(node, ast.AggregateExpr):
        lists = [modifier.labels if modifier else None]
    elif isinstance(node, ast.BinaryExpr) and modifier is not None:
        lists = [modifier.matching.labels if modifier.matching else None, modifier.group_labels]
    else:
        return {}
    return {f"({', '.join(names)})": f"({', '.join(map(label_name, names))})" for names in lists if names}


def _replace_in_order(text: str, pieces: list[tuple[str, str]], between: Mapping[str, str]) -> tuple[str, str]:
    """The text with the pieces replaced up to the end of the last one, and what follows it.

    Args:
        text: the tree's own.
        pieces: what stands in it, in order, and what is to stand there.
        between: what is replaced between them.
    """
    done, position = "", 0
    for old, new in pieces:
        at = text.index(old, position)
        gap = text[position:at]
        for wrong, right in between.items():
            gap = gap.replace(wrong, right)
        done, position = done + gap + new, at + len(old)
    return done, text[position:]


def format_number(value: float) -> str:
    """A number as a person writes it, and as PromQL reads back to exactly this value."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))
