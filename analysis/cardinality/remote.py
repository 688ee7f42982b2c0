"""Which metrics leave for consumers that cannot be seen from here."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from analysis.cardinality.queries import Query
from analysis.cardinality.uses import uses
from analysis.errors import PromreviewError
from analysis.prometheus import Prometheus
from analysis.settings.cardinality import CardinalityGrowthSettings
from analysis.window import Window


def consumer(prom: Prometheus, settings: CardinalityGrowthSettings) -> Callable[[str], bool]:
    """Whether a metric is remote-written, or federated as the settings say.

    Raises:
        InputError: a selector of ``remote_match`` is not PromQL.
    """
    writes = [entry for entry in _config(prom).get("remote_write") or [] if isinstance(entry, Mapping)]
    matched = [use for text in settings.remote_match for use in uses(Query(text, "remote_match", "rule"))]

    def goes_away(metric: str) -> bool:
        if any(_written(metric, entry.get("write_relabel_configs") or []) for entry in writes):
            return True
        return any(
            use.metric == metric
            or (not use.metric and all(bool(re.fullmatch(p, metric)) == (op in ("=", "=~")) for op, p in use.pattern))
            for use in matched
        )

    return goes_away


def federations(prom: Prometheus, window: Window) -> float:
    """How often a server that scrapes itself was federated from in a window; its selectors stay unknown."""
    span = f"{round(window.duration.total_seconds())}s"
    try:
        counted = prom.instant(
            f'sum(increase(prometheus_http_requests_total{{handler="/federate"}}[{span}]))', window.end
        )
    except PromreviewError:
        return 0.0
    return float(counted.fillna(0).sum())


def _config(prom: Prometheus) -> Mapping[str, Any]:
    try:
        document = YAML(typ="safe").load(str(prom.status("config").get("yaml", "")))
    except (PromreviewError, YAMLError):
        return {}
    return document if isinstance(document, Mapping) else {}


def _written(metric: str, rules: list[Mapping[str, Any]]) -> bool:
    """Whether a metric passes the rules that look at its name alone; others may let it pass."""
    for rule in rules:
        if list(rule.get("source_labels") or []) != ["__name__"]:
            continue
        matches = bool(re.fullmatch(str(rule.get("regex", "(.*)")), metric))
        if (rule.get("action") == "drop" and matches) or (rule.get("action") == "keep" and not matches):
            return False
    return True
