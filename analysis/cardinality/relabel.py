"""Relabel configurations for one metric, and exactly what they leave. Pure.

A scrape that yields two samples with the same labels keeps one of them; so what remains after
a label goes is the number of different label sets, and those that share one collide.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from io import StringIO
from typing import Any

from ruamel.yaml import YAML

from analysis.cardinality.model import Group, Labels
from analysis.prometheus.patterns import regex_literal
from analysis.prometheus.promql import quote
from analysis.window import format_duration

RATED_OVER = timedelta(minutes=5)  # what rates are taken over, where scrapes are not slow
MARKER = "__tmp_promreview_keep"  # removed again: a relabelled metric keeps labels with two underscores


@dataclass(frozen=True)
class Effect:
    """What a change leaves of one metric's series, and how many would share an identity with another."""

    before: int
    after: int
    collisions: int


def without_label(series: Collection[tuple[str, Labels]], label: str) -> Effect:
    """The effect of removing a label.

    Args:
        series: job and identity of every series of the metric.
        label: the label to remove.
    """
    left = Counter((job, *_without(labels, label)) for job, labels in series)
    return Effect(len(series), len(left), sum(n for n in left.values() if n > 1))


def _without(labels: Labels, label: str) -> tuple[tuple[str, str], ...]:
    return tuple(pair for pair in zip(labels.names, labels.values, strict=True) if pair[0] != label)


def with_values(series: Collection[tuple[str, Labels]], label: str, values: Collection[str]) -> Effect:
    """The effect of dropping every series whose label has none of these values."""
    return Effect(len(series), sum(labels.get(label) in values for _, labels in series), 0)


def drop_metric(metric: str) -> str:
    """YAML that drops a metric."""
    return _yaml([{"source_labels": ["__name__"], "regex": _regex(metric), "action": "drop"}])


def drop_label(metric: str, label: str) -> str:
    """YAML that removes a label from one metric alone; ``labeldrop`` would hit every metric."""
    rule = {"source_labels": ["__name__"], "regex": _regex(metric), "target_label": label, "replacement": ""}
    return _yaml([{**rule, "action": "replace"}])


def keep_values(metric: str, label: str, values: Sequence[str]) -> str:
    """YAML that drops the series of a metric whose label has none of these values."""
    listed = "|".join(_regex(value) for value in sorted(values))
    return _yaml(
        [
            {
                "source_labels": ["__name__", label],
                "separator": "\n",
                "regex": f"{_regex(metric)}\n(?:{listed})",
                "target_label": MARKER,
                "replacement": "1",
                "action": "replace",
            },
            {
                "source_labels": ["__name__", MARKER],
                "separator": "\n",
                "regex": f"{_regex(metric)}\n",
                "action": "drop",
            },
            {"regex": MARKER, "action": "labeldrop"},
        ]
    )


def aggregate(metric: str, label: str, *, counter: bool, lookback: timedelta = timedelta()) -> str:
    """YAML of a recording rule that keeps a metric without one label.

    Args:
        metric: name of the metric.
        label: the label to sum over.
        counter: record a rate, since a sum of counters cannot be told from a reset.
        lookback: how far back its last sample may lie, where that is more than a server looks by itself.
    """
    selector, over = f"{{__name__={quote(metric)}}}", format_duration(_rated_over(lookback))
    current = f"last_over_time({selector}[{format_duration(lookback)}])" if lookback else selector
    inner = f"rate({selector}[{over}])" if counter else current
    name = recording(metric, label, over if counter else "")
    rules = [{"record": name, "expr": f"sum without ({label}) ({inner})"}]
    return _dump({"groups": [{"name": f"promreview_{_name(metric)}", "rules": rules}]})


def _rated_over(lookback: timedelta) -> timedelta:
    """A range that holds two samples at least, however slow the scrapes: a lookback holds two and a half."""
    return max(RATED_OVER, 2 * lookback)


def recording(metric: str, label: str, rated_over: str = "") -> str:
    """Name of what `aggregate` records; of a rate where there is a range."""
    return f"{_name(metric)}:sum_without_{_name(label)}{f':rate{rated_over}' if rated_over else ''}"


def is_recorded(metric: str, label: str, names: Iterable[str]) -> bool:
    """Whether one of these is what `aggregate` records."""
    plain = recording(metric, label)
    return any(name == plain or name.startswith(f"{plain}:rate") for name in names)


def _name(text: str) -> str:
    return re.sub(r"[^a-zA-Z0-9_]", "_", text)  # what newer servers allow in a name, a rule may not record


def members(groups: dict[Group, Any], metric: str) -> list[tuple[str, Labels]]:
    """Job and identity of the series of a metric at the end of the window."""
    return [(group.job, labels) for group, edges in groups.items() if group.metric == metric for labels in edges.end]


def _regex(text: str) -> str:
    # Prometheus expands no ${VAR} here, but `$` opens a reference in a replacement only: a regex is safe
    return regex_literal(text)


def _yaml(rules: list[dict[str, Any]]) -> str:
    return _dump({"metric_relabel_configs": rules})


def _dump(document: dict[str, Any]) -> str:
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.width = 10_000
    out = StringIO()
    yaml.dump(document, out)
    return out.getvalue()
