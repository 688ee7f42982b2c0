"""Alerting and recording rules, from the rules API, rule files, and PrometheusRule resources."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import YAMLError

from analysis.errors import InputError
from analysis.window import parse_duration

ZERO = timedelta()


@dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes:
        kind: ``alerting`` or ``recording``.
        name: value of ``alert:`` or ``record:``.
        expr: its PromQL.
        index: its place in the group, from 0.
        for_duration: how long it is pending before it fires.
        keep_firing_for: how long it fires on after its condition has gone.
        labels: what it adds to the labels of its result, templates unexpanded.
        annotations: templates unexpanded.
    """

    kind: str
    name: str
    expr: str
    index: int
    for_duration: timedelta = ZERO
    keep_firing_for: timedelta = ZERO
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RuleGroup:
    """One group of rules, which are evaluated in order at the same slots.

    Attributes:
        file: path as the server (or the caller) names it.
        name: name of the group, unique in its file.
        interval: time between evaluations; None for the server's default.
        limit: how many alerts a rule may have; 0 for any number.
        query_offset: how far queries are shifted back; None for the server's default.
        last_evaluation: Unix seconds of the last evaluation, where the server says it.
    """

    file: str
    name: str
    rules: tuple[Rule, ...]
    interval: timedelta | None = None
    limit: int = 0
    query_offset: timedelta | None = None
    last_evaluation: str = ""

    @property
    def alerts(self) -> tuple[Rule, ...]:
        """Its alerting rules."""
        return tuple(rule for rule in self.rules if rule.kind == "alerting")


def groups_of_api(groups: Iterable[Mapping[str, Any]]) -> list[RuleGroup]:
    """Rule groups from what ``/api/v1/rules`` gives."""
    return [
        RuleGroup(
            file=group.get("file", ""),
            name=group["name"],
            interval=timedelta(seconds=group["interval"]) if group.get("interval") else None,
            limit=int(group.get("limit") or 0),
            query_offset=timedelta(seconds=group["queryOffset"]) if "queryOffset" in group else None,
            last_evaluation=group.get("lastEvaluation", ""),
            rules=tuple(_api_rule(rule, index) for index, rule in enumerate(group.get("rules", ()))),
        )
        for group in groups
    ]


def _api_rule(rule: Mapping[str, Any], index: int) -> Rule:
    return Rule(
        kind="alerting" if rule.get("type", "alerting") == "alerting" else "recording",
        name=rule["name"],
        expr=rule["query"],
        index=index,
        for_duration=timedelta(seconds=float(rule.get("duration") or 0)),
        keep_firing_for=timedelta(seconds=float(rule.get("keepFiringFor") or 0)),
        labels=dict(rule.get("labels") or {}),
        annotations=dict(rule.get("annotations") or {}),
    )


def groups_of_files(paths: Iterable[str | Path]) -> list[RuleGroup]:
    """Rule groups from rule files or PrometheusRule resources, several documents allowed.

    Raises:
        InputError: a file cannot be read or holds no rules; names the file and the place.
    """
    return [group for path in paths for group in groups_of_text(_read(Path(path)), str(path))]


def groups_of_text(text: str, file: str) -> list[RuleGroup]:
    """Rule groups from the text of one file; `file` is what messages and phases call it."""
    try:
        documents = [d for d in _reader().load_all(text) if d is not None]
    except YAMLError as error:
        raise InputError(f"{file} is not YAML: {' '.join(str(error).split())[:300]}") from None
    found = [group for document in documents for group in _groups(document, file)]
    return [_file_group(group, file) for group in found]


def _reader() -> YAML:
    """YAML in which ``1.50``, ``0x10`` and ``2026-01-01`` stay as they are written: a label is a text."""

    class AsWritten(SafeConstructor):
        pass

    for kind in ("int", "float", "timestamp"):
        AsWritten.add_constructor(f"tag:yaml.org,2002:{kind}", SafeConstructor.construct_yaml_str)
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = AsWritten
    return yaml


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the rule file {path}: {error}") from None


def _groups(document: Any, file: str) -> list[Any]:
    if isinstance(document, Mapping) and document.get("kind") in ("List", "PrometheusRuleList"):
        return [group for item in document.get("items") or [] for group in _groups(item, file)]
    spec = document.get("spec") if isinstance(document, Mapping) and "groups" not in document else document
    groups = spec.get("groups") if isinstance(spec, Mapping) else None
    if not isinstance(groups, list):
        raise InputError(f"{file} holds no rule groups; expected `groups:` or a PrometheusRule resource")
    return groups


def _file_group(group: Any, file: str) -> RuleGroup:
    try:
        where = f"{file}, group {group['name']!r}"
        return RuleGroup(
            file=file,
            name=str(group["name"]),
            interval=_duration(group, "interval", where),
            limit=int(group.get("limit") or 0),
            query_offset=_duration(group, "query_offset", where),
            rules=tuple(
                _file_rule(rule, index, where, group.get("labels"))
                for index, rule in enumerate(group.get("rules") or [])
            ),
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(f"{file} has a group that is not one: {type(error).__name__} {error}") from None


def _file_rule(rule: Mapping[str, Any], index: int, where: str, group_labels: Any) -> Rule:
    kind = "alerting" if "alert" in rule else "recording"
    name = rule.get("alert", rule.get("record"))
    if name is None or "expr" not in rule:
        raise InputError(f"{where}, rule {index}: needs `alert` or `record`, and `expr`")
    return Rule(
        kind=kind,
        name=str(name),
        expr=str(rule["expr"]),
        index=index,
        for_duration=_duration(rule, "for", f"{where}, rule {index}") or ZERO,
        keep_firing_for=_duration(rule, "keep_firing_for", f"{where}, rule {index}") or ZERO,
        labels=_texts(group_labels) | _texts(rule.get("labels")),
        annotations=_texts(rule.get("annotations")),
    )


def _texts(mapping: Any) -> dict[str, str]:
    return {str(key): _text(value) for key, value in (mapping or {}).items()}


def _text(value: Any) -> str:
    if value is None:
        return ""
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _duration(mapping: Mapping[str, Any], key: str, where: str) -> timedelta | None:
    value = mapping.get(key)
    if value is None or value == "":
        return None
    try:
        return parse_duration(str(value))
    except InputError as error:
        raise InputError(f"{where}: {key}: {error}") from None
