"""Where expressions come from: rules, query logs. Dashboards have a module of their own."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from analysis.cardinality.selectors import OURS
from analysis.errors import InputError
from analysis.prometheus.rules import RuleGroup

Asker = Literal["rule", "dashboard", "query_log", "indirect"]

MADE_BY_ALERTS = frozenset({"ALERTS", "ALERTS_FOR_STATE"})
"""Metrics that exist only while an alert is pending or firing, so that their absence says nothing."""
_TEMPLATE = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_LABEL = re.compile(r"(?:\$labels|\.Labels)\.([A-Za-z_][A-Za-z0-9_]*)|(?:\$labels|\.Labels)\s+\"([^\"]+)\"")
_QUERY = re.compile(r'\bquery\s+(?:"((?:[^"\\]|\\.)*)"|`([^`]*)`)|"((?:[^"\\]|\\.)*)"\s*\|\s*query\b')


@dataclass(frozen=True)
class Query:
    """One expression that somebody asks.

    Attributes:
        expr: PromQL, perhaps with template variables of Grafana.
        asked_by: file and name of the rule or panel.
        kind: who asks.
        printed: labels that a legend or an annotation shows.
        record: the recording that it makes, else empty.
    """

    expr: str
    asked_by: str
    kind: Asker
    printed: frozenset[str] = frozenset()
    record: str = ""


def rule_queries(groups: Iterable[RuleGroup]) -> Iterator[Query]:
    """The expressions of rules, and those inside the templates of their annotations."""
    for group in groups:
        for rule in group.rules:
            where = f"{group.file}: {group.name} / {rule.name}"
            texts = [*rule.annotations.values(), *rule.labels.values()]
            printed = frozenset(label for text in texts for label in template_labels(text))
            record = rule.name if rule.kind == "recording" else ""
            yield Query(rule.expr, where, "rule", printed, record)
            yield from (Query(expr, where, "rule") for text in texts for expr in _template_queries(text))


def template_labels(text: str) -> set[str]:
    """Labels that a Go template of an alert prints."""
    inside = (match[1] for match in _TEMPLATE.finditer(text))
    return {found[1] or found[2] for part in inside for found in _LABEL.finditer(part)}


def _template_queries(text: str) -> Iterator[str]:
    for part in _TEMPLATE.finditer(text):
        for match in _QUERY.finditer(part[1]):
            yield match[2] or re.sub(r"\\(.)", r"\1", match[1] or match[3] or "")


def log_queries(paths: Iterable[Path]) -> Iterator[Query]:
    """The expressions of Prometheus query logs, each once; a line that is cut off is skipped.

    Raises:
        InputError: a file cannot be read, or holds no query at all.
    """
    for path in paths:
        seen: set[str] = set()
        lines = 0
        try:
            with path.open(encoding="utf-8", errors="replace") as file:
                for line in file:
                    lines += bool(line.strip())
                    query = _log_line(line, path)
                    if query is not None and query.expr not in seen:
                        seen.add(query.expr)
                        yield query
        except OSError as error:
            raise InputError(f"cannot read the query log {path}: {error.strerror}") from None
        if lines and not seen:
            raise InputError(f"{path} is not a query log of Prometheus: no line holds params.query")


def _log_line(line: str, path: Path) -> Query | None:
    try:
        entry = json.loads(line)
        expr = entry["params"]["query"]
    except (ValueError, KeyError, TypeError):
        return None
    if not isinstance(expr, str) or expr.endswith(OURS):
        return None
    group = entry.get("ruleGroup")
    if isinstance(group, dict):  # a rule's evaluation: evidence of the rule, not of a person
        return Query(expr, f"{group.get('file', path)}: {group.get('name', '')}", "rule")
    return Query(expr, path.name, "query_log")
