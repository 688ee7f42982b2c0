"""Templates in rule labels, as far as the labels of the result decide what they become.

Source: ``AlertingRule.Eval`` and ``template.Expander`` of Prometheus; functions are those of Go's
text/template and of Prometheus that give a text from texts.
"""

import re
from collections.abc import Callable, Mapping

Labels = Mapping[str, str]
_ACTION = re.compile(r"\{\{(-\s)?\s*(.*?)\s*(\s-)?\}\}", re.DOTALL)
_TOKEN = re.compile(r"\"(?:[^\"\\]|\\.)*\"|`[^`]*`|[^\s|]+|\|")
_LABEL = re.compile(r"(?:\$labels|\.Labels)\.([a-zA-Z_][a-zA-Z0-9_]*)")
_FUNCTIONS: dict[str, Callable[[str], str]] = {
    "toUpper": str.upper,
    "toLower": str.lower,
    "title": lambda text: re.sub(r"(^|\s)(\S)", lambda m: m[1] + m[2].upper(), text),
    "stripPort": lambda text: re.sub(r"^(\[?)([^\[\]]*)\]?:\d+$", r"\2", text),
    "print": str,
}


class _UndecidedError(Exception):
    """The text depends on more than the labels."""


def is_template(text: str) -> bool:
    """Whether Prometheus would expand it."""
    return "{{" in text


def expanded(text: str, labels: Labels) -> str | None:
    """What a template becomes; None where that depends on more than the labels (a value, a query, the clock)."""
    try:
        return _trimmed(text, labels)
    except _UndecidedError:
        return None


def is_decided(text: str) -> bool:
    """Whether a template depends on labels alone."""
    return expanded(text, {}) is not None


def _trimmed(text: str, labels: Labels) -> str:
    done, position = "", 0
    for match in _ACTION.finditer(text):
        before = text[position : match.start()]
        done += before.rstrip() if match[1] else before
        done += _pipeline(match[2], labels)
        position = match.end()
        if match[3]:
            position += len(text[position:]) - len(text[position:].lstrip())
    rest = text[position:]
    if "{{" in rest:
        raise _UndecidedError
    return done + rest


def _pipeline(action: str, labels: Labels) -> str:
    """One action: commands separated by pipes, each given the result of the one before as its last argument."""
    if action.startswith("/*"):
        return ""
    commands: list[list[str]] = [[]]
    for word in _TOKEN.findall(action):
        commands.append([]) if word == "|" else commands[-1].append(word)
    given: list[str] = []
    for command in commands:
        if not command:
            raise _UndecidedError
        given = [_call(command[0], [_value(word, labels) for word in command[1:]] + given, labels)]
    return given[0]


def _call(head: str, arguments: list[str], labels: Labels) -> str:
    if head in _FUNCTIONS and len(arguments) == 1:
        return _FUNCTIONS[head](arguments[0])
    if head == "printf" and arguments:
        return _printf(arguments[0], arguments[1:])
    if head == "reReplaceAll" and len(arguments) == 3:
        return _replace_all(*arguments)
    if arguments:
        raise _UndecidedError
    return _value(head, labels)


def _printf(form: str, arguments: list[str]) -> str:
    verbs = re.findall(r"%.", form)
    if len(verbs) != len(arguments) or any(verb not in ("%s", "%v") for verb in verbs):
        raise _UndecidedError
    rest = iter(arguments)
    return re.sub(r"%.", lambda _: next(rest), form)


def _replace_all(pattern: str, replacement: str, text: str) -> str:
    try:
        return re.sub(pattern, re.sub(r"\$\{?(\w+)\}?", r"\\g<\1>", replacement), text)
    except re.error:
        raise _UndecidedError from None


def _value(word: str, labels: Labels) -> str:
    if word.startswith("`"):
        return word[1:-1]
    if word.startswith('"'):
        return re.sub(r"\\(.)", r"\1", word[1:-1])
    match = _LABEL.fullmatch(word)
    if not match:
        raise _UndecidedError
    return labels.get(match[1], "")
