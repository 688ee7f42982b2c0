"""What rule groups that say nothing get from the server's own configuration."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from analysis.errors import InputError, PromreviewError, UnreachableError
from analysis.prometheus import Prometheus
from analysis.prometheus.rules import ZERO, RuleGroup
from analysis.window import parse_duration

DEFAULT_INTERVAL = timedelta(minutes=1)  # Prometheus's own ``evaluation_interval``


@dataclass(frozen=True)
class ServerDefaults:
    """The ``global`` part of a configuration, as far as rules take it over.

    Attributes:
        interval: ``evaluation_interval``.
        query_offset: ``rule_query_offset`` (Prometheus 2.53 and later).
    """

    interval: timedelta = DEFAULT_INTERVAL
    query_offset: timedelta = ZERO

    def applied(self, group: RuleGroup) -> RuleGroup:
        """The group with what it leaves open; its own interval and offset win."""
        return replace(
            group,
            interval=group.interval or self.interval,
            query_offset=self.query_offset if group.query_offset is None else group.query_offset,
        )


def server_defaults(prom: Prometheus) -> ServerDefaults:
    """Read the configuration of a server; Prometheus's own defaults where it does not show one.

    Raises:
        UnreachableError: the server does not answer.
    """
    try:
        return defaults_of(str(prom.status("config").get("yaml", "")))
    except UnreachableError:
        raise
    except PromreviewError:  # Thanos, Mimir and VictoriaMetrics have no such page
        return ServerDefaults()


def defaults_of(text: str) -> ServerDefaults:
    """The defaults that the text of a ``prometheus.yml`` gives."""
    try:
        document = YAML(typ="safe", pure=True).load(text)
    except YAMLError:
        return ServerDefaults()
    given = document.get("global") if isinstance(document, Mapping) else None
    given = given if isinstance(given, Mapping) else {}
    return ServerDefaults(
        _duration(given.get("evaluation_interval"), DEFAULT_INTERVAL), _duration(given.get("rule_query_offset"), ZERO)
    )


def _duration(value: Any, default: timedelta) -> timedelta:
    try:
        return parse_duration(str(value)) if value else default
    except InputError:
        return default
