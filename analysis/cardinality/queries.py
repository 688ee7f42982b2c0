"""What somebody asks, and what rules ask. Dashboards and query logs have modules of their own."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

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
        filters: labels that a dashboard's ad hoc filters match beside those in the expression.
        variables: what template variables can stand for, as regular expressions, where that is known.
    """

    expr: str
    asked_by: str
    kind: Asker
    printed: frozenset[str] = frozenset()
    record: str = ""
    filters: frozenset[str] = frozenset()
    variables: Mapping[str, str] = field(default_factory=dict, compare=False)


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
