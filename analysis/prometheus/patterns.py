"""Regular expressions of Prometheus (RE2) that match exactly what came from outside."""

from collections.abc import Iterable

from analysis.prometheus.promql import quote

_SPECIAL = frozenset(r"\.+*?()|[]{}^$")


def regex_literal(text: str) -> str:
    """A regular expression (RE2) that matches exactly `text`."""
    return "".join("\\" + c if c in _SPECIAL else c for c in text)


def one_of(values: Iterable[str]) -> str:
    """A quoted regular expression that matches exactly these values."""
    return quote("|".join(regex_literal(value) for value in values))
