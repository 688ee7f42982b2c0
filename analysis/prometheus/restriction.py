"""One part of a server's series: what is asked carries its labels, what is shown of rules and targets is its own.

A global view (Thanos, Mimir, a VictoriaMetrics above many clusters) holds the series of many, told apart by an
external label such as ``cluster``. A client that is restricted to one of its values sees that cluster alone.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from analysis.errors import InputError
from analysis.prometheus.engine import METRICSQL
from analysis.prometheus.promql import parse, selector, with_matcher

_EXPRESSION = ("query", "query_range")
_SELECTORS = ("series", "labels", "label/")  # pages that take match[]


class Restriction:
    """Labels that every series must have.

    Args:
        matchers: label names with their exact values; none restricts nothing.

    Raises:
        InputError: a name that is no label name.
    """

    def __init__(self, matchers: Mapping[str, str]) -> None:
        """Check the names; values may be anything."""
        self.matchers = dict(matchers)
        self._selector = selector(matchers=self.matchers) if matchers else ""
        self._matcher = self._selector.removeprefix("{").removesuffix("}")

    def __bool__(self) -> bool:
        """Whether anything is restricted."""
        return bool(self.matchers)

    def expr(self, expr: str) -> str:
        """The expression with the labels in every selector, through its syntax tree.

        Raises:
            InputError: it cannot be read, so it cannot be restricted.
        """
        if not self.matchers or expr == METRICSQL:  # which holds no selector
            return expr
        return _restricted(expr, self._matcher)

    def shown(self, expr: str) -> str:
        """Like `expr`, for links and lists: what cannot be read stays as it is."""
        try:
            return self.expr(expr)
        except InputError:
            return expr

    def params(self, path: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters of a request, restricted."""
        asked = dict(params)
        if not self.matchers:
            return asked
        if path in _EXPRESSION:
            asked["query"] = self.expr(str(asked["query"]))
        elif path.startswith(_SELECTORS):
            given = asked.get("match[]") or []
            each = [given] if isinstance(given, str) else list(given)
            asked["match[]"] = [self.expr(text) for text in each] or [self._everything()]
        return asked

    def data(self, path: str, data: Any) -> Any:
        """What a page shows of rules and targets, without those that carry another value.

        A ruler above all clusters shows rules without the label: they are everybody's.
        """
        if not self.matchers or not isinstance(data, dict):
            return data
        if path == "rules":
            groups = [{**g, "rules": [r for r in g.get("rules", ()) if self._fits(r)]} for g in data.get("groups", ())]
            return {**data, "groups": [group for group in groups if group["rules"]]}
        if path == "targets":
            return {**data, "activeTargets": [t for t in data.get("activeTargets") or () if self._fits(t)]}
        return data

    def _everything(self) -> str:
        """All series of this part; a server refuses a selector that the empty text matches."""
        return self._selector if any(self.matchers.values()) else self.expr('{__name__!=""}')

    def _fits(self, item: Mapping[str, Any]) -> bool:
        labels = item.get("labels") or {}
        return all(labels.get(name, value) == value for name, value in self.matchers.items())

    def __str__(self) -> str:
        """As a selector, for the identity of what an archive keeps."""
        return self._selector


@lru_cache(maxsize=512)  # chunks of one query ask the same
def _restricted(expr: str, matcher: str) -> str:
    return with_matcher(parse(expr), matcher)
