"""Queries behind Grafana's template variables: what they ask for is used, but nobody wrote down for what."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from analysis.cardinality import templating
from analysis.cardinality.queries import Query
from analysis.errors import InputError
from analysis.prometheus import promql

FUNCTION = re.compile(r"\s*(label_values|label_names|query_result|metrics)\s*\((.*)\)\s*", re.DOTALL)
_CUT_OUT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)\s*=\s*\\?\"")  # labels in a regex such as /.*instance="([^"]*)".*/


def variable_queries(node: Mapping[str, Any], where: str) -> Iterator[Query]:
    """The queries of an object that may be a template variable.

    Args:
        node: any object of a dashboard.
        where: file and title.
    """
    cut_out = frozenset(_CUT_OUT.findall(node["regex"])) if isinstance(node.get("regex"), str) else frozenset[str]()
    plain = node.get("type") == "query" or node.get("kind") == "QueryVariable"
    for key in ("query", "definition"):
        text = node.get(key)
        inner = text.get("query") if isinstance(text, Mapping) else text
        if isinstance(inner, str):
            yield from _queries(inner, f"{where} (variable)", cut_out, plain=plain)


def _queries(text: str, where: str, cut_out: frozenset[str], *, plain: bool) -> Iterator[Query]:
    match = FUNCTION.fullmatch(text)
    if match is None:
        if plain and _is_selector(text):  # Grafana lists its series, out of which the regex cuts a label
            yield Query(text, where, "indirect", cut_out)
        return
    function, inside = match.groups()
    if function == "query_result":
        yield Query(inside, where, "dashboard", cut_out)
    elif function == "metrics":
        yield Query(f"{{__name__=~{promql.quote(f'.*(?:{inside.strip()}).*')}}}", where, "indirect")
    elif function == "label_values":
        series, label = split_last(inside)
        yield Query(series or "", where, "indirect", frozenset([label]))


def _is_selector(text: str) -> bool:
    for substitute in templating.substitutes(text):
        try:
            tree = promql.parse(substitute)
        except InputError:
            continue
        return bool(promql.selectors(tree)) and not promql.children(tree)
    return False


def split_last(arguments: str) -> tuple[str, str]:
    """Split ``a{b="c,d"}, e`` at its last comma outside brackets and strings; the first part may be empty."""
    depth, quote, last = 0, "", -1
    for place, character in enumerate(arguments):
        if quote:
            quote = "" if character == quote and arguments[place - 1] != "\\" else quote
        elif character in "\"'`":
            quote = character
        elif character in "({[":
            depth += 1
        elif character in ")}]":
            depth -= 1
        elif character == "," and depth == 0:
            last = place
    return (arguments[:last].strip() if last >= 0 else "", arguments[last + 1 :].strip())
