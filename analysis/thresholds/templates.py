"""Templates in rule labels, as far as the labels of the result decide what they become.

Source: ``AlertingRule.Eval`` and ``template.Expander`` of Prometheus; functions are those of Go's
text/template and of Prometheus that give a text or a truth from texts.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

Labels = Mapping[str, str]
_ACTION = re.compile(r"\{\{(-\s)?\s*(.*?)\s*(\s-)?\}\}", re.DOTALL)
_TOKEN = re.compile(r"\"(?:[^\"\\]|\\.)*\"|`[^`]*`|[^\s|()]+|[|()]")
_LABEL = re.compile(r"(?:\$labels|\.Labels)\.([a-zA-Z_][a-zA-Z0-9_]*)")
_TEXT_FUNCTIONS: dict[str, Callable[[str], str]] = {
    "toUpper": str.upper,
    "toLower": str.lower,
    "title": lambda text: re.sub(r"(^|\s)(\S)", lambda m: m[1] + m[2].upper(), text),
    "stripPort": lambda text: re.sub(r"^(\[?)([^\[\]]*)\]?:\d+$", r"\2", text),
    "print": str,
}
_TESTS = ("eq", "ne", "not", "match")
_TRUE = "true"  # a truth; an untruth is the empty text, as ``if`` takes it


class _UndecidedError(Exception):
    """The text depends on more than the labels."""


@dataclass
class _Node:
    """A piece of a template: plain text, an action, or an ``if`` with its branches.

    Attributes:
        text: what stands there, or the pipeline of an action or of a condition.
        kind: ``text``, ``action`` or ``if``.
        then: what an ``if`` holds where its condition is true.
        otherwise: what it holds where it is not.
    """

    text: str
    kind: str
    then: "list[_Node]" = field(default_factory=list)
    otherwise: "list[_Node]" = field(default_factory=list)


def is_template(text: str) -> bool:
    """Whether Prometheus would expand it."""
    return "{{" in text


def expanded(text: str, labels: Labels) -> str | None:
    """What a template becomes; None where that depends on more than the labels (a value, a query, the clock).

    Example:
        >>> expanded("{{ if eq $labels.tier `db` }}page{{ else }}ticket{{ end }}", {"tier": "web"})
        'ticket'
    """
    try:
        nodes = _nodes(text)
        for pipeline in _pipelines(nodes):  # a branch that is not taken may depend on more, too
            _pipeline(pipeline, labels)
        return _said(nodes, labels)
    except _UndecidedError:
        return None


def is_decided(text: str) -> bool:
    """Whether a template depends on labels alone."""
    return expanded(text, {}) is not None


def _nodes(text: str) -> list[_Node]:
    pieces = list(_pieces(text))
    nodes, rest = _block(pieces)
    if rest:
        raise _UndecidedError  # an `end` or `else` too many
    return nodes


def _pieces(text: str) -> Iterator[_Node]:
    """Text and actions in turn, the white space that ``{{-`` and ``-}}`` take away gone."""
    position, strips = 0, False
    for match in _ACTION.finditer(text):
        before = text[position : match.start()]
        before = before.lstrip() if strips else before
        yield _Node(before.rstrip() if match[1] else before, "text")
        if match[2].split(None, 1)[:1] in [[word] for word in _TESTS]:
            raise _UndecidedError  # printed, where Go says `false`
        if not match[2].startswith("/*"):
            yield _Node(match[2], "action")
        position, strips = match.end(), bool(match[3])
    rest = text[position:].lstrip() if strips else text[position:]
    if "{{" in rest:
        raise _UndecidedError
    yield _Node(rest, "text")


def _block(pieces: Sequence[_Node]) -> tuple[list[_Node], list[_Node]]:
    """The nodes up to the ``end`` or ``else`` of the block that they stand in, and what is left from there on."""
    nodes, rest = [], list(pieces)
    while rest:
        node = rest[0]
        word = node.text.split(None, 1)[0] if node.kind == "action" and node.text else ""
        if word in ("end", "else"):
            break
        rest = rest[1:]
        if word == "if":
            node, rest = _condition(node.text[2:], rest)
        nodes.append(node)
    return nodes, rest


def _condition(pipeline: str, pieces: Sequence[_Node]) -> tuple[_Node, list[_Node]]:
    then, rest = _block(pieces)
    otherwise: list[_Node] = []
    if rest and rest[0].text.startswith("else"):
        branch = rest[0].text[4:].strip()
        if branch.startswith("if"):
            node, rest = _condition(branch[2:], rest[1:])
            return _Node(pipeline, "if", then, [node]), rest
        otherwise, rest = _block(rest[1:])
    if not rest or rest[0].text != "end":
        raise _UndecidedError
    return _Node(pipeline, "if", then, otherwise), rest[1:]


def _pipelines(nodes: Sequence[_Node]) -> Iterator[str]:
    for node in nodes:
        if node.kind != "text":
            yield node.text
        yield from _pipelines(node.then)
        yield from _pipelines(node.otherwise)


def _said(nodes: Sequence[_Node], labels: Labels) -> str:
    said = ""
    for node in nodes:
        if node.kind == "if":
            said += _said(node.then if _pipeline(node.text, labels) else node.otherwise, labels)
        else:
            said += node.text if node.kind == "text" else _pipeline(node.text, labels)
    return said


def _pipeline(action: str, labels: Labels) -> str:
    """One action: commands separated by pipes, each given the result of the one before as its last argument."""
    value, rest = _piped(_TOKEN.findall(action), labels)
    if rest:
        raise _UndecidedError
    return value


def _piped(words: list[str], labels: Labels) -> tuple[str, list[str]]:
    given: list[str] = []
    while True:
        arguments: list[str] = []
        head = ""
        while words and words[0] not in ("|", ")"):
            word, words = words[0], words[1:]
            if word == "(":
                word, words = _piped(words, labels)
                words = words[1:]
                arguments.append(word)
            elif not head and not arguments:
                head = word
            else:
                arguments.append(_value(word, labels))
        given = [_call(head, arguments + given, labels)]
        if not words or words[0] == ")":
            return given[0], words
        words = words[1:]


def _call(head: str, arguments: list[str], labels: Labels) -> str:
    if not head and len(arguments) == 1:  # what stands in parentheses
        return arguments[0]
    if head in _TEXT_FUNCTIONS and len(arguments) == 1:
        return _TEXT_FUNCTIONS[head](arguments[0])
    if head in (*_TESTS, "and", "or") and arguments:
        return _truth(head, arguments)
    if head == "printf" and arguments:
        return _printf(arguments[0], arguments[1:])
    if head == "reReplaceAll" and len(arguments) == 3:
        return _replace_all(*arguments)
    if arguments:
        raise _UndecidedError
    return _value(head, labels)


def _truth(head: str, arguments: list[str]) -> str:
    """``and`` and ``or`` give one of their arguments; the others are true or empty."""
    if head == "and":
        return next((argument for argument in arguments if not argument), arguments[-1])
    if head == "or":
        return next((argument for argument in arguments if argument), arguments[-1])
    if len(arguments) != (1 if head == "not" else 2) and not (head == "eq" and len(arguments) > 2):
        raise _UndecidedError
    if head == "match":
        return _TRUE if _searched(*arguments) else ""
    first, others = arguments[0], arguments[1:]
    holds = {"eq": first in others, "ne": first not in others, "not": not first}[head]
    return _TRUE if holds else ""


def _printf(form: str, arguments: list[str]) -> str:
    verbs = re.findall(r"%.", form)
    if len(verbs) != len(arguments) or any(verb not in ("%s", "%v") for verb in verbs):
        raise _UndecidedError
    rest = iter(arguments)
    return re.sub(r"%.", lambda _: next(rest), form)


def _searched(pattern: str, text: str) -> bool:
    try:
        return re.search(pattern, text) is not None
    except re.error:
        raise _UndecidedError from None


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
