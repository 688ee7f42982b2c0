"""What a dashboard's variables can stand for, and the labels that its ad hoc filters match."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from analysis.cardinality import templating
from analysis.cardinality.variables import FUNCTION
from analysis.errors import InputError
from analysis.prometheus import promql

_LISTED = ("custom", "constant", "textbox", "CustomVariable", "ConstantVariable", "TextVariable")
_FILTERS = ("adhoc", "groupby", "AdhocVariable", "GroupByVariable")
_NAMES = re.compile(r"(.*),\s*__name__\s*", re.DOTALL)
_COMMA = re.compile(r"(?<!\\),")  # a comma that belongs to a value is written with a backslash


def _kind_and_spec(node: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    spec = node.get("spec")
    kind = node.get("kind") if isinstance(spec, Mapping) else node.get("type")
    return (kind if isinstance(kind, str) else ""), (spec if isinstance(spec, Mapping) else node)


def filtered_labels(node: Mapping[str, Any]) -> frozenset[str]:
    """Labels of saved ad hoc filters, which Grafana adds to every query of the dashboard; empty for anything else."""
    kind, spec = _kind_and_spec(node)
    if kind not in _FILTERS:
        return frozenset()
    current = spec.get("current")
    grouped = current.get("value") if isinstance(current, Mapping) and "roup" in kind else ()
    entries = [item for key in ("filters", "baseFilters") for item in spec.get(key) or []]
    keys = [item.get("key") for item in entries if isinstance(item, Mapping)]
    keys += grouped if isinstance(grouped, list) else [grouped]
    return frozenset(key for key in keys if isinstance(key, str) and key)


def known_values(node: Mapping[str, Any]) -> tuple[str, str] | None:
    """A variable's name and a regular expression for what it can stand for; None where that cannot be told."""
    kind, spec = _kind_and_spec(node)
    name, query = spec.get("name"), spec.get("query")
    if not isinstance(name, str) or not name:
        return None
    if kind in _LISTED:
        values = {value for value in _listed(spec) if value and value != "$__all"}
        every = spec.get("allValue")
        patterns = [*map(re.escape, sorted(values)), *([every] if isinstance(every, str) and every else [])]
        return (name, f"(?:{'|'.join(patterns)})") if patterns else None
    if kind in ("query", "QueryVariable"):
        text = _text_of(query) or _text_of(spec.get("definition"))
        pattern = _names_listed(text) if text else ""
        return (name, pattern) if pattern else None
    return None


def _listed(spec: Mapping[str, Any]) -> Iterator[str]:
    query, options = spec.get("query"), [*(spec.get("options") or []), spec.get("current")]
    for part in _COMMA.split(query) if isinstance(query, str) else ():
        yield part.replace("\\,", ",").rpartition(" : ")[2].strip()
    for option in options:
        value = option.get("value") if isinstance(option, Mapping) else None
        yield from (item for item in (value if isinstance(value, list) else [value]) if isinstance(item, str))


def _text_of(query: Any) -> str:
    """The text of a query variable, in whichever schema."""
    while isinstance(query, Mapping):
        query = query.get("query") if "query" in query else query.get("spec")
    return query if isinstance(query, str) else ""


def _names_listed(text: str) -> str:
    """A regular expression for the names of metrics that a query lists; empty where it lists something else."""
    match = FUNCTION.fullmatch(text)
    if match and match[1] == "metrics":
        return f"(?:.*(?:{match[2].strip()}).*)"
    inside = _NAMES.fullmatch(match[2]) if match and match[1] == "label_values" else None
    if inside is None:
        return ""
    for substitute in templating.substitutes(inside[1]):
        try:
            [selector] = promql.selectors(promql.parse(substitute))
        except (InputError, ValueError):
            continue
        names = [selector.name] if selector.name else []
        names += [value for label, op, value in selector.matchers if label == "__name__" and op == "=~"]
        return f"(?:{templating.pattern(names[0], literal=False)})" if names else ""
    return ""
