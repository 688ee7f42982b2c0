"""The functions of templates that give what they give from texts and numbers alone.

Sources: text/template/funcs.go of Go, template/template.go of Prometheus.
"""

import html
import ipaddress
import operator
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from urllib.parse import quote_plus

from analysis.prometheus.patterns import translated
from analysis.thresholds.template_syntax import UndecidedError

_HTML = {"'": "&#39;", '"': "&#34;"}
_VERB = re.compile(r"%([-0]*)(\d*)(?:\.(\d+))?(.?)", re.DOTALL)
_GROUP = re.compile(r"\$(?:(\$)|(\w+)|\{(\w+)\})", re.ASCII)
_UNITS = ("", "k", "M", "G", "T", "P", "E", "Z", "Y")
_SMALL_UNITS = ("", "m", "u", "n", "p", "f", "a", "z", "y")
_BINARY_UNITS = ("", "ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi")


def shown(value: Any) -> str:
    """A value as Go prints it (``%v``)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "map[" + " ".join(f"{key}:{shown(value[key])}" for key in sorted(value)) + "]"
    if isinstance(value, str | int):
        return str(value)
    raise UndecidedError


def is_true(value: Any) -> bool:
    """Whether ``if`` takes it: not where it is empty or zero."""
    return bool(value)


def _print(*values: Any) -> str:
    """Operands with a space between two of which neither is a text."""
    said = ""
    for place, value in enumerate(values):
        gap = place and not isinstance(value, str) and not isinstance(values[place - 1], str)
        said += (" " if gap else "") + shown(value)
    return said


def _printf(form: str, *values: Any) -> str:
    rest = list(values)

    def said(match: re.Match[str]) -> str:
        flags, width, precision, verb = match.groups()
        if verb == "%" and not (flags or width or precision):
            return "%"
        if not rest:
            raise UndecidedError
        return _padded(_formatted(verb, precision, rest.pop(0)), flags, width)

    text = _VERB.sub(said, form)
    if rest:
        raise UndecidedError
    return text


def _formatted(verb: str, precision: str | None, value: Any) -> str:
    kinds: dict[str, type | tuple[type, ...]] = {"s": str, "d": int, "t": bool, "v": (str, int, Mapping)}
    if verb in ("f", "e", "g") and isinstance(value, float):
        return f"%.{precision or 6}{verb}" % value
    if verb == "s" and isinstance(value, str) and precision is not None:
        return value[: int(precision)]
    if verb == "q" and isinstance(value, str) and precision is None:
        return _quoted(value)
    is_fit = precision is None and isinstance(value, kinds.get(verb, ()))
    if not is_fit or (verb == "d" and isinstance(value, bool)):
        raise UndecidedError
    return shown(value)


def _padded(text: str, flags: str, width: str) -> str:
    if "0" in flags and not re.fullmatch(r"\d+", text):
        raise UndecidedError
    if "-" in flags:
        return text.ljust(int(width or 0))
    return text.rjust(int(width or 0), "0" if "0" in flags else " ")


def _quoted(text: str) -> str:
    if not text.isprintable():
        raise UndecidedError
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _title(text: str) -> str:
    """Every letter after something that is neither letter, digit nor underscore."""
    return re.sub(r"(?<!\w)\w", lambda match: _each(str.upper, match[0]), text)


def _each(change: Callable[[str], str], text: str) -> str:
    """Letter by letter, as Go does: one stays one."""
    return "".join(change(letter) if len(change(letter)) == 1 else letter for letter in text)


def _host_port(text: str) -> tuple[str, str] | None:
    """``net.SplitHostPort``; None where it fails."""
    match = re.fullmatch(r"(?:\[([^\[\]]*)\]|([^:\[\]]*)):([^:\[\]]*)", text)
    return (match[1] if match[1] is not None else match[2], match[3]) if match else None


def _strip_port(text: str) -> str:
    found = _host_port(text)
    return found[0] if found else text


def _strip_domain(text: str) -> str:
    host, port = _host_port(text) or (text, "")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        name = host.split(".")[0]
        return (f"[{name}]:{port}" if ":" in name else f"{name}:{port}") if port else name
    return text


def _replace_all(pattern: str, replacement: str, text: str) -> str:
    """``regexp.ReplaceAllString``: an empty match next to the one before it is none."""
    found, position, said = _expression(pattern), 0, ""
    last = -1
    for match in found.finditer(text):
        if match.start() == match.end() == last:
            continue
        said += text[position : match.start()] + _GROUP.sub(partial(_named, match), replacement)
        position = last = match.end()
    return said + text[position:]


def _named(match: re.Match[str], group: re.Match[str]) -> str:
    """What ``$1``, ``$name`` or ``$$`` stand for; the longest name is meant, and one that is not there is empty."""
    if group[1]:
        return "$"
    name = group[2] or group[3]
    try:
        return match[int(name) if name.isdigit() else name] or ""
    except IndexError:
        return ""


def _expression(pattern: str) -> re.Pattern[str]:
    try:
        return translated(pattern)
    except re.error:
        raise UndecidedError from None


def _index(value: Any, *keys: Any) -> Any:
    for key in keys:
        if not isinstance(value, Mapping) or not isinstance(key, str):
            raise UndecidedError
        value = value.get(key, "")
    return value


def _slice(text: Any, first: int = 0, past: int | None = None) -> str:
    past = len(text) if past is None else past
    if not isinstance(text, str) or not text.isascii() or not 0 <= first <= past <= len(text):
        raise UndecidedError
    return text[first:past]


def _len(value: Any) -> int:
    return len(value.encode() if isinstance(value, str) else value)


def _compared(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def compare(left: Any, right: Any) -> bool:
        if type(left) is not type(right) or not isinstance(left, str | int | float):
            raise UndecidedError
        return test(left, right)

    return compare


def _equals(first: Any, *others: Any) -> bool:
    if not others:
        raise UndecidedError
    return any(_compared(operator.eq)(first, other) for other in others)


def _humanized(text: str, base: float, large: tuple[str, ...], small: tuple[str, ...]) -> str:
    value, place = _number(text), 0
    units = large if abs(value) >= 1 else small
    while value and place < len(units) - 1 and (abs(value) >= base if units is large else abs(value) < 1):
        value = value / base if units is large else value * base
        place += 1
    return f"{value:.4g}{units[place]}"


def _number(text: str) -> float:
    if not re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", text):
        raise UndecidedError
    return float(text)


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "and": lambda *values: next((value for value in values if not is_true(value)), values[-1]),
    "or": lambda *values: next((value for value in values if is_true(value)), values[-1]),
    "not": lambda value: not is_true(value),
    "eq": _equals,
    "ne": _compared(operator.ne),
    "lt": _compared(operator.lt),
    "le": _compared(operator.le),
    "gt": _compared(operator.gt),
    "ge": _compared(operator.ge),
    "len": _len,
    "index": _index,
    "slice": _slice,
    "print": _print,
    "println": lambda *values: " ".join(map(shown, values)) + "\n",
    "printf": _printf,
    "html": lambda *values: re.sub("['\"]", lambda m: _HTML[m[0]], html.escape(_print(*values), quote=False)),
    "urlquery": lambda *values: quote_plus(_print(*values), safe="~"),
    "safeHtml": lambda text: text,
    "toUpper": lambda text: _each(str.upper, text),
    "toLower": lambda text: _each(str.lower, text),
    "title": _title,
    "match": lambda pattern, text: _expression(pattern).search(text) is not None,
    "reReplaceAll": _replace_all,
    "stripPort": _strip_port,
    "stripDomain": _strip_domain,
    "args": lambda *values: {f"arg{place}": value for place, value in enumerate(values)},
    "humanize": lambda text: _humanized(text, 1000, _UNITS, _SMALL_UNITS),
    "humanize1024": lambda text: _humanized(text, 1024, _BINARY_UNITS, ("",)),
    "humanizePercentage": lambda text: f"{_number(text) * 100:.4g}%",
}
