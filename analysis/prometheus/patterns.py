"""Regular expressions of Prometheus (RE2) that match exactly what came from outside."""

import re
from collections.abc import Iterable
from functools import cache

from analysis.prometheus.promql import quote

_SPECIAL = frozenset(r"\.+*?()|[]{}^$")


def regex_literal(text: str) -> str:
    """A regular expression (RE2) that matches exactly `text`."""
    return "".join("\\" + c if c in _SPECIAL else c for c in text)


def one_of(values: Iterable[str]) -> str:
    """A quoted regular expression that matches exactly these values."""
    return quote("|".join(regex_literal(value) for value in values))


def is_match(operator: str, pattern: str, text: str) -> bool:
    """Whether a matcher holds; the pattern is a regular expression for ``=`` and ``!=`` too."""
    return bool(compiled(pattern).fullmatch(text)) == (operator in ("=", "=~"))


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """The pattern as Python's; one that only RE2 knows matches itself."""
    try:
        return re.compile(pattern, re.DOTALL)
    except re.error:
        return re.compile(re.escape(pattern))
