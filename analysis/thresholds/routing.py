"""How Alertmanager groups alerts: the route tree of ``alertmanager.yml``."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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
    """One node of the route tree, with what it inherits filled in.

    Attributes:
        place: which child of which child it is.
        matchers: name, operator and value of each.
        group_by: labels that make a group.
        wait_ms: ``group_wait``.
        interval_ms: ``group_interval``.
        receiver: name of who is told.
        goes_on: ``continue``: the routes after it are tried, too.
        routes: its children.
    """

    place: tuple[int, ...]
    matchers: tuple[tuple[str, str, str], ...]
    group_by: tuple[str, ...]
    wait_ms: int
    interval_ms: int
    receiver: str
    goes_on: bool
    routes: tuple["Route", ...]

    def find(self, labels: Mapping[str, str]) -> list["Route"]:
        """The routes that take an alert, depth first; several where one says ``continue`` (dispatch/route.go)."""
        found: list[Route] = []
        for route in self.routes:
            if all(matches(matcher, labels) for matcher in route.matchers):
                found += route.find(labels)
                if not route.goes_on:
                    break
        return found or [self]

    def grouping(self, labels: Mapping[str, str]) -> Grouping:
        """The group that an alert is in at this route; `labels` hold ``alertname`` too."""
        names = sorted(labels) if "..." in self.group_by else self.group_by
        return Grouping((self.place, *(labels.get(n, "") for n in names)), self.wait_ms, self.interval_ms)


@dataclass(frozen=True)
class Routing:
    """The route tree, and whose notifications are pages.

    Attributes:
        root: the tree.
        paging: receivers that send anything, and are asked for.
    """

    root: Route
    paging: frozenset[str]

    def groupings(self, labels: Mapping[str, str]) -> list[Grouping]:
        """The groups that an alert pages with: one for each route that takes it; none where nobody is told."""
        return [route.grouping(labels) for route in self.root.find(labels) if route.receiver in self.paging]


def read_routes(path: Path, receivers: Sequence[str] = ()) -> Routing:
    """The route tree of an ``alertmanager.yml``.

    Args:
        path: the file.
        receivers: whose notifications are pages; everybody's when empty.

    Raises:
        InputError: it cannot be read, has no route, or none of its receivers has a name that is asked for.
    """
    config = read_yaml(path)
    if not isinstance(config.get("route"), Mapping):
        raise InputError(f"{path} has no `route:`; give Alertmanager's own configuration file")
    try:
        root = _route(config["route"], Route((), (), (), DEFAULT_WAIT_MS, DEFAULT_INTERVAL_MS, "", False, ()), ())
        named = {str(item["name"]): item for item in config.get("receivers") or ()}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} has a route or receiver that is not one: {error}") from None
    unknown = sorted(set(receivers) - named.keys())
    if unknown:
        raise InputError(f"{path} has no receiver {unknown[0]!r}; it has {', '.join(named)}")
    sending = {name for name, item in named.items() if any(k.endswith("_configs") and v for k, v in item.items())}
    return Routing(root, frozenset(set(receivers) & sending if receivers else sending))


def _route(item: Mapping[str, Any], parent: Route, place: tuple[int, ...]) -> Route:
    wait, interval = item.get("group_wait"), item.get("group_interval")
    own = Route(
        place=place,
        matchers=_matchers(item),
        group_by=tuple(item["group_by"] or ()) if "group_by" in item else parent.group_by,
        wait_ms=parse_duration(str(wait)) // MILLISECOND if wait is not None else parent.wait_ms,
        interval_ms=parse_duration(str(interval)) // MILLISECOND if interval is not None else parent.interval_ms,
        receiver=str(item.get("receiver") or parent.receiver),
        goes_on=bool(item.get("continue", False)),
        routes=(),
    )
    return replace(own, routes=tuple(_route(c, own, (*place, n)) for n, c in enumerate(item.get("routes") or ())))


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
