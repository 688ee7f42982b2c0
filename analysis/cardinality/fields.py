"""Labels that a Grafana panel prints: in legends, names of fields, columns of tables and links."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

_LEGEND = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")
# ${__field.labels.pod}, ${__field.labels["pod"]}, ${__data.fields.pod}
_FIELD = re.compile(r"__(?:field\.labels|data\.fields)(?:\.([A-Za-z_][A-Za-z0-9_]*)|\[\\?[\"']([^\"'\\]+)\\?[\"']\])")
_TEXTS = ("legendFormat", "titleFormat", "textFormat")
_LOOKS = ("fieldConfig", "transformations", "vizConfig", "options", "styles", "links", "title")
_ONE = ("byField", "field", "fieldName", "columnField", "rowField", "valueField", "valueLabel", "pattern", "groupBy")
_MANY = ("names", "keepLabels", "fields", "groupBy")
_COLUMNS = ("renameByName", "indexByName", "includeByName")
DEEPEST = 40  # levels below a panel; a hostile file must not exhaust the stack


def printed_by_target(target: Mapping[str, Any]) -> frozenset[str]:
    """Labels in the legend of one query, or in the text of an annotation."""
    texts = [target[key] for key in _TEXTS if isinstance(target.get(key), str)]
    tags = target.get("tagKeys")
    keys = [key.strip() for key in tags.split(",") if key.strip()] if isinstance(tags, str) else []
    return frozenset([*keys, *(label for text in texts for label in _LEGEND.findall(text))])


def printed_by_panel(panel: Mapping[str, Any]) -> frozenset[str]:
    """Names of fields that a panel shows, of which some are labels; those that it hides are left out."""
    shown, hidden = set[str](), set[str]()
    for look in (*map(panel.get, _LOOKS), _newer_transformations(panel)):
        for name, is_hidden in _names(look, 0):
            (hidden if is_hidden else shown).add(name)
    return frozenset(shown - hidden)


def _newer_transformations(panel: Mapping[str, Any]) -> Any:
    """Where the second schema of dashboards keeps them: beside a panel's queries."""
    data = panel.get("data")
    spec = data.get("spec") if isinstance(data, Mapping) else None
    return spec.get("transformations") if isinstance(spec, Mapping) else None


def _names(node: Any, depth: int) -> Iterator[tuple[str, bool]]:
    if depth > DEEPEST:
        return
    if isinstance(node, str):
        yield from ((match[1] or match[2], False) for match in _FIELD.finditer(node))
    elif isinstance(node, list):
        for item in node:
            yield from _names(item, depth + 1)
    elif isinstance(node, dict):
        yield from _named_here(node)
        for value in node.values():
            yield from _names(value, depth + 1)


def _named_here(node: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    if node.get("id") == "byName" and isinstance(node.get("options"), str):
        yield node["options"], False
    for key, value in node.items():
        if key == "excludeByName" and isinstance(value, Mapping):
            yield from ((str(name), True) for name, out in value.items() if out)
        elif key in _COLUMNS and isinstance(value, Mapping):
            yield from ((str(name), False) for name in value)
        elif key == "fields" and isinstance(value, Mapping):
            yield from ((str(name), False) for name, how in value.items() if isinstance(how, Mapping))
        elif key in _ONE and isinstance(value, str):
            yield value, False
        elif key in _MANY and isinstance(value, list):
            yield from ((item, False) for item in value if isinstance(item, str))
