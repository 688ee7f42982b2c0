"""An expression's tree as text again, with other thresholds, matchers, offsets or anchors."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import promql_parser as ast

from analysis.errors import InputError
from analysis.prometheus.promql.comparing import comparison
from analysis.prometheus.promql.tree import MATCH_OPERATORS, Selector, children, selector_of, walk
from analysis.prometheus.promql.writing import format_number, label_name, quote

_ANCHOR = re.compile(r"\s*@ (?:start|end)\(\)")  # as the tree writes it


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
    groups = [[(m.name, MATCH_OPERATORS[str(m.op)], m.value) for m in group] for group in _alternatives(vector)]
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
    if changes.offset and vector.offset is None and changes.chosen(selector_of(vector)):
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
