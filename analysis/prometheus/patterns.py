"""Regular expressions of Prometheus (RE2) that match exactly what came from outside."""

import re
from collections.abc import Iterable
from functools import cache

from analysis.prometheus.promql import quote

_POSIX = re.compile(r"\[:(\w+):\]")
_PIECE = re.compile(r"\[\^?\]?(?:\[:\w+:\]|\\.|[^\]\\])*\]|\\.|.", re.DOTALL)
# lookarounds, back references, possessive repetition; Unicode classes, `\Q…\E`, `\C` and ungreedy matching
_ONLY_ELSEWHERE = re.compile(r"\(\?(?:[=!#(>]|<[=!]|P=|[a-z]*U)|[+*?}]\+|\\[1-9pPQCZG]")
_CLASSES = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "blank": r"\t ",
    "digit": "0-9",
    "lower": "a-z",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\t\n\v\f\r ",
    "upper": "A-Z",
    "word": "0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}
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
        return translated(pattern)
    except re.error:
        return re.compile(re.escape(pattern), re.DOTALL)


@cache
def translated(pattern: str) -> re.Pattern[str]:
    r"""A regular expression of Go's as Python's.

    Raises:
        re.error: it is none of Go's, or has no like in Python (``\pL``, ``(?U)``).
    """
    if _ONLY_ELSEWHERE.search(pattern):
        raise re.error("not to be said in both languages", pattern)
    is_multiline = re.match(r"\(\?[a-z]*m", pattern) is not None
    pieces = [_python(piece, is_multiline=is_multiline) for piece in _PIECE.findall(pattern)]
    return re.compile("".join(pieces), re.ASCII)


def _python(piece: str, *, is_multiline: bool) -> str:
    if piece.startswith("["):  # a class; an opening bracket inside it is a letter
        inner = _POSIX.sub(lambda match: _CLASSES[match[1]], piece[1:-1])
        return "[" + re.sub(r"(?<!\\)\[", r"\[", inner) + "]"
    if piece == "$" and not is_multiline:  # Python's stands before a last line break, too
        return r"\Z"
    return {r"\z": r"\Z"}.get(piece, piece)
