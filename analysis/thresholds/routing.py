"""How Alertmanager groups alerts: the route tree of ``alertmanager.yml``."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.errors import InputError
from analysis.settings.base import read_yaml
from analysis.thresholds.alerts import MILLISECOND
from analysis.window import parse_duration

# Alertmanager's own defaults (dispatch/route.go, DefaultRouteOpts)
DEFAULT_WAIT_MS, DEFAULT_INTERVAL_MS = 30_000, 300_000
_MATCHER = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*(?:"((?:[^"\\]|\\.)*)"|([^",}]*?))\s*')


@dataclass(frozen=True)
class Grouping:
    """How one alert is grouped: the key of its group, and the group's times in milliseconds."""

    key: tuple[object, ...]
    wait_ms: int = DEFAULT_WAIT_MS
    interval_ms: int = DEFAULT_INTERVAL_MS


@dataclass(frozen=True)
class Route:
    """One node of the route tree, with what it inherits filled in."""

    place: tuple[int, ...]
    matchers: tuple[tuple[str, str, str], ...]
    group_by: tuple[str, ...]
    wait_ms: int
    interval_ms: int
    routes: tuple["Route", ...]

    def find(self, labels: Mapping[str, str]) -> "Route":
        """The first route, depth first, that takes an alert."""
        for route in self.routes:
            if all(matches(matcher, labels) for matcher in route.matchers):
                return route.find(labels)
        return self

    def grouping(self, labels: Mapping[str, str]) -> Grouping:
        """The group of an alert; `labels` hold ``alertname`` too."""
        route = self.find(labels)
        names = sorted(labels) if "..." in route.group_by else route.group_by
        return Grouping((route.place, *(labels.get(n, "") for n in names)), route.wait_ms, route.interval_ms)


def read_routes(path: Path) -> Route:
    """The route tree of an ``alertmanager.yml``.

    Raises:
        InputError: it cannot be read, or has no route.
    """
    config = read_yaml(path)
    if not isinstance(config.get("route"), Mapping):
        raise InputError(f"{path} has no `route:`; give Alertmanager's own configuration file")
    root = Route((), (), (), DEFAULT_WAIT_MS, DEFAULT_INTERVAL_MS, ())
    try:
        return _route(config["route"], root, ())
    except (AttributeError, TypeError, ValueError) as error:
        raise InputError(f"{path} has a route that is not one: {error}") from None


def _route(item: Mapping[str, Any], parent: Route, place: tuple[int, ...]) -> Route:
    wait, interval = item.get("group_wait"), item.get("group_interval")
    own = Route(
        place=place,
        matchers=_matchers(item),
        group_by=tuple(item["group_by"] or ()) if "group_by" in item else parent.group_by,
        wait_ms=parse_duration(str(wait)) // MILLISECOND if wait is not None else parent.wait_ms,
        interval_ms=parse_duration(str(interval)) // MILLISECOND if interval is not None else parent.interval_ms,
        routes=(),
    )
    children = tuple(_route(child, own, (*place, n)) for n, child in enumerate(item.get("routes") or ()))
    return Route(own.place, own.matchers, own.group_by, own.wait_ms, own.interval_ms, children)


def _matchers(item: Mapping[str, Any]) -> tuple[tuple[str, str, str], ...]:
    found = [(str(k), "=", str(v)) for k, v in (item.get("match") or {}).items()]
    found += [(str(k), "=~", str(v)) for k, v in (item.get("match_re") or {}).items()]
    for text in item.get("matchers") or ():
        found += parse_matchers(str(text))
    return tuple(found)


def parse_matchers(text: str) -> list[tuple[str, str, str]]:
    """Matchers as Alertmanager writes them: ``severity=~"a|b"``, several in braces or after commas."""
    body, found, position = text.strip().removeprefix("{").removesuffix("}"), [], 0
    while position < len(body):
        match = _MATCHER.match(body, position)
        if not match or (match.end() < len(body) and body[match.end()] != ","):
            raise InputError(f'{text!r} is no matcher of Alertmanager; write severity="critical"')
        value = match[4] if match[3] is None else re.sub(r"\\(.)", r"\1", match[3])
        found.append((match[1], match[2], value))
        position = match.end() + 1
    return found


def matches(matcher: Sequence[str], labels: Mapping[str, str]) -> bool:
    """Whether labels satisfy one matcher; a label that is not there is empty."""
    name, op, wanted = matcher
    value = labels.get(name, "")
    same = value == wanted if op in ("=", "!=") else re.fullmatch(wanted, value) is not None
    return same if op in ("=", "=~") else not same
