"""Names, values and numbers as PromQL writes them: the one place where text is quoted."""

import math
import re
from collections.abc import Mapping

from analysis.errors import InputError

_LEGACY_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


def quote(value: str) -> str:
    r"""A PromQL string literal that holds exactly `value`, whatever is in it.

    Example:
        >>> print(quote('a "b"'))
        "a \"b\""
    """
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else _escape(c) for c in escaped) + '"'


def _escape(character: str) -> str:
    # always by code point: a Go \\x escape is a byte, not a character
    return {"\n": "\\n", "\t": "\\t"}.get(character) or f"\\U{ord(character):08x}"


def selector(name: str = "", matchers: Mapping[str, str] | None = None) -> str:
    """A selector for a metric and exact label values, each quoted.

    Raises:
        InputError: a label without a name.

    Example:
        >>> print(selector("up", {"job": "auth"}))
        up{job="auth"}
    """
    pairs = dict(matchers or {})
    if name and not _LEGACY_NAME.fullmatch(name):
        pairs, name = {"__name__": name, **pairs}, ""
    if "" in pairs:
        raise InputError("a label needs a name")
    inside = ",".join(f"{label_name(label)}={quote(value)}" for label, value in pairs.items())
    return f"{name}{{{inside}}}" if inside or not name else name


def label_name(name: str) -> str:
    """A label's name as PromQL writes it: in quotes where it is not of the old letters (Prometheus 3)."""
    return name if _LEGACY_NAME.fullmatch(name) and ":" not in name else quote(name)


def format_number(value: float) -> str:
    """A number as a person writes it, and as PromQL reads back to exactly this value."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))
