"""Grafana's template variables, made into something that a PromQL parser accepts.

Inside a string a variable becomes a marker, elsewhere a duration, a number or a marked name,
whichever its place asks for; markers are turned into ``.*`` where a pattern is needed.
"""

import re
from collections.abc import Iterator, Mapping

from analysis.prometheus.promql import quote

MARK = "promreview_variable_"
END = "_promreview_x"  # closes a marker; no variable is called so
ANY = ".*"

_VARIABLE = re.compile(r"\$\{(\w+)(?:\.[\w.]+)?(?::[^}]*)?\}|\[\[(\w+)(?::\w+)?\]\]|\$([A-Za-z_]\w*)")
_MARKED = re.compile(rf"{MARK}(\w+?){END}")
_NUMBERS = re.compile(r"__(interval_ms|range_ms|range_s|from|to)$")
_TAKES_NUMBER = re.compile(r"\b(topk|bottomk|quantile|limitk|limit_ratio)\s*\($")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|`[^`]*`')
_MATCHED = re.compile(rf"(?<![=!<>])(=~?)(\s*)({_STRING.pattern})")
_DURATIONS = ("__interval", "__rate_interval", "__range", "__auto_interval")


def has_variable(text: str) -> bool:
    """Whether there is a template variable."""
    return bool(_VARIABLE.search(text))


def substitutes(expr: str) -> Iterator[str]:
    """The expression with its variables replaced, the likeliest reading first."""
    if not has_variable(expr):
        yield expr
        return
    for place_holder in (None, "1", "5m"):
        yield _substitute(expr, place_holder)


def askable(expr: str) -> Iterator[str]:
    """The expression with every variable set to All, the likeliest reading first; what Grafana would ask, or nearly.

    Intervals and ranges are five minutes; where a variable is excluded (``!=``), it excludes nothing.
    """
    for text in substitutes(expr):
        yield _MATCHED.sub(_opened, text)


def _opened(match: re.Match[str]) -> str:
    operator, gap, literal = match.groups()
    if MARK not in literal:
        return match[0]
    if operator == "=":
        return f"=~{gap}{quote(pattern(literal[1:-1], literal=True))}"
    return f"=~{gap}{literal[0]}{pattern(literal[1:-1], literal=False)}{literal[-1]}"


def mark(text: str) -> str:
    """The text with every variable replaced by a marker that is a name."""
    return _VARIABLE.sub(_marker, text)


def pattern(marked: str, *, literal: bool, known: Mapping[str, str] | None = None) -> str:
    """A regular expression for a marked text.

    Args:
        marked: text with markers.
        literal: the rest is plain text, not a regular expression itself.
        known: regular expressions of what variables can stand for; any text where one is not known.
    """
    parts = _MARKED.split(marked)  # texts and names of variables in turn
    return "".join(
        (known or {}).get(part, ANY) if place % 2 else (re.escape(part) if literal else part)
        for place, part in enumerate(parts)
    )


def variables_in(marked: str) -> list[str]:
    """Names of the variables whose markers stand in a text."""
    return _MARKED.findall(marked)


def _marker(match: re.Match[str]) -> str:
    return f"{MARK}{match[1] or match[2] or match[3]}{END}"


def _substitute(expr: str, elsewhere: str | None) -> str:
    pieces, at = [], 0
    for string in _STRING.finditer(expr):
        pieces += [_outside(expr[at : string.start()], elsewhere), mark(string[0])]
        at = string.end()
    return "".join([*pieces, _outside(expr[at:], elsewhere)])


def _outside(text: str, elsewhere: str | None) -> str:
    pieces, at = [], 0
    for match in _VARIABLE.finditer(text):
        pieces += [text[at : match.start()], _replacement(match, text, elsewhere)]
        at = match.end()
    return "".join([*pieces, text[at:]])


def _replacement(match: re.Match[str], text: str, elsewhere: str | None) -> str:
    name = match[1] or match[2] or match[3]
    before, after = text[: match.start()].rstrip(), text[match.end() :]
    if _NUMBERS.search(name):
        return "300"
    if _TAKES_NUMBER.search(before):
        return "1"
    if name in _DURATIONS:
        return "5m"
    in_brackets = before.endswith(":") and "[" in before.rsplit("]", 1)[-1]
    if before.endswith(("[", "offset")) or in_brackets:
        return "300" if after[:1].isalpha() else "5m"  # [${minutes}m] brings its own unit
    inside_word = (before == text[: match.start()] and before[-1:].isidentifier()) or after[:1].isidentifier()
    return elsewhere if elsewhere and not inside_word else _marker(match)
