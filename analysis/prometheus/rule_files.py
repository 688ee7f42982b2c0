"""Rule groups from rule files and PrometheusRule resources: whatever ``promtool check rules`` accepts.

Read with libyaml, of which Prometheus's own YAML reader is a translation: both take the same texts (tabs
between tokens, for instance). Every scalar stays as it is written, as Go decodes it where it wants a text.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import SafeConstructor
from yaml.cyaml import CParser
from yaml.resolver import BaseResolver

from analysis.errors import InputError
from analysis.prometheus.rules import ZERO, Rule, RuleGroup
from analysis.window import parse_duration

LISTS = ("List", "PrometheusRuleList")  # resources of Kubernetes that hold others


class _AsWritten(CParser, SafeConstructor, BaseResolver):  # type: ignore[misc]
    """``1.50``, ``0x10``, ``yes`` and ``2026-01-01`` are texts; only null and ``<<`` mean something."""

    def __init__(self, text: str) -> None:
        CParser.__init__(self, text)
        SafeConstructor.__init__(self)
        BaseResolver.__init__(self)


_AsWritten.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"(~|null|Null|NULL|)$"), [*"~nN", ""])
_AsWritten.add_implicit_resolver("tag:yaml.org,2002:merge", re.compile(r"<<$"), ["<"])


def groups_of_files(paths: Iterable[str | Path]) -> list[RuleGroup]:
    """Rule groups from rule files or PrometheusRule resources, several documents allowed.

    Raises:
        InputError: a file cannot be read or holds no rules; names the file and the place.
    """
    return [group for path in paths for group in groups_of_text(_read(Path(path)), str(path))]


def groups_of_text(text: str, file: str) -> list[RuleGroup]:
    """Rule groups from the text of one file; `file` is what messages and phases call it.

    Documents of other kinds beside those that hold rules are left out.
    """
    documents = [document for document in _read_as_yaml(text, file, _documents) if document is not None]
    found = [_groups(document) for document in documents]
    if documents and all(groups is None for groups in found):
        raise InputError(f"{file} holds no rule groups; expected `groups:` or a PrometheusRule resource")
    return [_group(group, file) for groups in found for group in groups or () if group is not None]


def nodes_of_text(text: str, file: str) -> list[yaml.Node]:
    """The YAML nodes of the documents of one file, with the places where they stand in the text.

    Raises:
        InputError: it is not YAML.
    """
    return [node for node in _read_as_yaml(text, file, _nodes) if node is not None]


def _read_as_yaml(text: str, file: str, how: Callable[[str], Iterator[Any]]) -> list[Any]:
    try:
        return list(how(text))
    except yaml.YAMLError as error:
        raise InputError(f"{file} is not YAML: {' '.join(str(error).split())[:300]}") from None


def _nodes(text: str) -> Iterator[yaml.Node]:
    loader = _AsWritten(text)
    try:
        while loader.check_node():
            yield loader.get_node()
    finally:
        loader.dispose()


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the rule file {path}: {error}") from None


def _documents(text: str) -> Iterator[Any]:
    loader = _AsWritten(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            _check_keys(node, set())
            yield loader.construct_document(node)
    finally:
        loader.dispose()


def _check_keys(node: yaml.Node, seen: set[int]) -> None:
    """A key that is given twice is an error, as it is for Prometheus."""
    if id(node) in seen:  # an alias
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        keys: set[str] = set()
        for key, value in node.value:
            if key.value in keys:
                raise yaml.MarkedYAMLError(problem=f"{key.value!r} is given twice", problem_mark=key.start_mark)
            keys.add(key.value if isinstance(key, yaml.ScalarNode) else "")
            _check_keys(value, seen)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _check_keys(item, seen)


def _groups(document: Any) -> list[Any] | None:
    """The groups of a document, still as they were read; None where it is something else than rules."""
    if not isinstance(document, Mapping):
        return None
    if document.get("kind") in LISTS:
        found = [_groups(item) for item in document.get("items") or ()]
        return [group for groups in found for group in groups or ()] if any(g is not None for g in found) else None
    if "groups" not in document and document:
        document = document.get("spec") or {"spec": None}
    groups = document.get("groups") if isinstance(document, Mapping) else None
    if groups is None:  # `groups:` with nothing, and a file with nothing, are rule files without rules
        return [] if not document or "groups" in document else None
    return groups if isinstance(groups, list) else None


def _group(group: Any, file: str) -> RuleGroup:
    try:
        where = f"{file}, group {group['name']!r}"
        rules = [rule for rule in group.get("rules") or [] if rule is not None]
        return RuleGroup(
            file=file,
            name=str(group["name"]),
            interval=_duration(group, "interval", where),
            limit=_integer(group.get("limit")),
            query_offset=_duration(group, "query_offset", where),
            rules=tuple(_rule(rule, index, where, group.get("labels")) for index, rule in enumerate(rules)),
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(f"{file} has a group that is not one: {type(error).__name__} {error}") from None


def _integer(value: str | None) -> int:
    """A whole number in any notation of YAML's: ``5``, ``5.0``, ``0x10``, ``1_000``, ``0o17``."""
    text = (value or "0").replace("_", "")
    if re.fullmatch(r"0\d+", text):
        return int(text, 8)
    return int(float(text)) if re.fullmatch(r"[-+]?\d+\.0*|[-+]?\d.*e.*", text) else int(text, 0)


def _rule(rule: Mapping[str, Any], index: int, where: str, group_labels: Any) -> Rule:
    name = rule.get("alert") or rule.get("record")
    if not name or "expr" not in rule:
        raise InputError(f"{where}, rule {index}: needs `alert` or `record`, and `expr`")
    return Rule(
        kind="alerting" if rule.get("alert") else "recording",
        name=_text(name),
        expr=_text(rule["expr"]),
        index=index,
        for_duration=_duration(rule, "for", f"{where}, rule {index}") or ZERO,
        keep_firing_for=_duration(rule, "keep_firing_for", f"{where}, rule {index}") or ZERO,
        labels=_texts(group_labels) | _texts(rule.get("labels")),
        annotations=_texts(rule.get("annotations")),
    )


def _texts(mapping: Any) -> dict[str, str]:
    return {str(key): _text(value) for key, value in (mapping or {}).items()}


def _text(value: Any) -> str:
    if isinstance(value, bytes):  # ``!!binary``
        return value.decode()
    return "" if value is None else str(value)


def _duration(mapping: Mapping[str, Any], key: str, where: str) -> Any:
    value = mapping.get(key)
    if value is None or value == "":
        return None
    try:
        return parse_duration(str(value))
    except InputError as error:
        raise InputError(f"{where}: {key}: {error}") from None
