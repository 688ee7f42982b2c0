"""The syntax of Go's text/template, as far as rule labels use it: a text becomes a tree.

Source: text/template/parse. What is left out (``define``, ``template``, ``block``, ``break``, ``continue``, and
fields of what stands in parentheses) makes a template undecided.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

_STRING = r"\"(?:[^\"\\]|\\.)*\"|`[^`]*`|'(?:[^'\\]|\\.)*'"
_ACTION = re.compile(rf"\{{\{{(-\s)?\s*(/\*.*?\*/|(?:{_STRING}|[^\"'`}}]|\}}(?!\}}))*?)\s*(\s-)?\}}\}}", re.DOTALL)
_TOKEN = re.compile(rf"\s*({_STRING}|:=|[=|(),]|[^\s|(),=:\"'`]+)")
_SPACE = " \t\r\n"
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)", re.DOTALL)


class UndecidedError(Exception):
    """The text depends on more than the labels, or is written in a way that is not read here."""


@dataclass(frozen=True)
class Constant:
    """A text, a number, or a truth as it is written."""

    value: str | int | float | bool


@dataclass(frozen=True)
class Variable:
    """``$name.field…``; the name is empty for the data itself, and None where a field is asked of the dot."""

    name: str | None
    fields: tuple[str, ...]


@dataclass(frozen=True)
class Function:
    """A function by its name."""

    name: str


@dataclass(frozen=True)
class Pipeline:
    """Commands separated by pipes, and the variables that are given their result.

    Attributes:
        commands: each a function, or an operand, with its arguments.
        variables: names that are set.
        is_new: ``:=`` rather than ``=``.
    """

    commands: "tuple[tuple[Operand, ...], ...]"
    variables: tuple[str, ...] = ()
    is_new: bool = True


Operand = Constant | Variable | Function | Pipeline


@dataclass
class Node:
    """A piece of a template.

    Attributes:
        kind: what it is.
        text: of plain text.
        pipeline: of an action, or what a branch decides on.
        then: what a branch holds where its pipeline is true.
        otherwise: what it holds where it is not.
    """

    kind: Literal["text", "action", "if", "with", "range"]
    text: str = ""
    pipeline: Pipeline = field(default=Pipeline(()))
    then: "list[Node]" = field(default_factory=list)
    otherwise: "list[Node]" = field(default_factory=list)


def parsed(text: str) -> list[Node]:
    """The tree of a template.

    Raises:
        UndecidedError: it is not one, or not of those that are read here.
    """
    pieces = list(_pieces(text))
    nodes, place = _block(pieces, 0)
    if place < len(pieces):
        raise UndecidedError  # an `end` or `else` too many
    return nodes


def _pieces(text: str) -> Iterator[tuple[str, str]]:
    """Text and actions in turn, the white space that ``{{-`` and ``-}}`` take away gone."""
    position, strips = 0, False
    for match in _ACTION.finditer(text):
        before = text[position : match.start()]
        before = before.lstrip(_SPACE) if strips else before
        yield "text", _plain(before.rstrip(_SPACE) if match[1] else before)
        if not match[2].startswith("/*"):
            yield "action", match[2].strip(_SPACE)
        position, strips = match.end(), bool(match[3])
    rest = text[position:]
    yield "text", _plain(rest.lstrip(_SPACE) if strips else rest)


def _plain(text: str) -> str:
    if "{{" in text:  # an action that does not end
        raise UndecidedError
    return text


def _block(pieces: list[tuple[str, str]], place: int) -> tuple[list[Node], int]:
    """The nodes up to the ``end`` or ``else`` of the block that they stand in, and its place."""
    nodes = []
    while place < len(pieces):
        kind, text = pieces[place]
        word = text.split(None, 1)[0] if kind == "action" and text else ""
        if word in ("end", "else"):
            break
        place += 1
        if word in ("if", "with", "range"):
            node, place = _branch(word, text[len(word) :], pieces, place)
        else:
            node = Node("text", text) if kind == "text" else Node("action", pipeline=_pipeline(text))
        nodes.append(node)
    return nodes, place


def _branch(kind: str, pipeline: str, pieces: list[tuple[str, str]], place: int) -> tuple[Node, int]:
    node = Node(kind, pipeline=_pipeline(pipeline))  # type: ignore[arg-type]
    node.then, place = _block(pieces, place)
    words = pieces[place][1].split(None, 2) if place < len(pieces) else []
    if words[:2] == ["else", "if"]:  # what ends it ends this one, too
        inner, place = _branch("if", words[2] if len(words) > 2 else "", pieces, place + 1)
        node.otherwise = [inner]
        return node, place
    if words == ["else"]:
        node.otherwise, place = _block(pieces, place + 1)
        words = pieces[place][1].split() if place < len(pieces) else []
    if words != ["end"]:
        raise UndecidedError
    return node, place + 1


def _pipeline(text: str) -> Pipeline:
    tokens = _tokens(text)
    found, place = _piped(tokens, 0, *_declared(tokens))
    if place < len(tokens):
        raise UndecidedError
    return found


def _tokens(text: str) -> list[str]:
    tokens, position = [], 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if not match:
            raise UndecidedError
        tokens.append(match[1])
        position = match.end()
    return tokens


def _declared(tokens: list[str]) -> tuple[tuple[str, ...], bool]:
    """The variables at the beginning of a pipeline; their tokens are taken away."""
    for sign in (":=", "="):
        if sign in tokens[:4]:
            names = [word[1:] for word in tokens[: tokens.index(sign)] if word != ","]
            del tokens[: tokens.index(sign) + 1]
            return tuple(names), sign == ":="
    return (), True


def _piped(tokens: list[str], place: int, variables: tuple[str, ...], is_new: bool) -> tuple[Pipeline, int]:
    commands: list[tuple[Operand, ...]] = []
    command: list[Operand] = []
    while place < len(tokens) and tokens[place] != ")":
        word = tokens[place]
        place += 1
        if word == "|":
            commands.append(tuple(command))
            command = []
        elif word == "(":
            inner, place = _piped(tokens, place, (), True)
            if place == len(tokens):
                raise UndecidedError
            command.append(inner)
            place += 1
        else:
            command.append(_operand(word))
    commands.append(tuple(command))
    if not all(commands):
        raise UndecidedError
    return Pipeline(tuple(commands), variables, is_new), place


def _operand(word: str) -> Operand:
    if word[0] in '`"' or word in ("true", "false") or re.fullmatch(r"[-+]?\d+(\.\d*)?", word):
        return Constant(_constant(word))
    if word == ".":
        return Variable(None, ())
    if re.fullmatch(r"\$?\w*(?:\.\w+)+|\$\w*", word):
        name, *fields = word.split(".")
        if not name or name[0] == "$":
            return Variable(name[1:] if name else None, tuple(fields))
    if re.fullmatch(r"[a-zA-Z_]\w*", word):
        return Function(word)
    raise UndecidedError


def _constant(word: str) -> str | int | float | bool:
    if word[0] == "`":
        return word[1:-1]
    if word[0] == '"':
        return _ESCAPE.sub(_unescaped, word[1:-1])
    if word in ("true", "false"):
        return word == "true"
    return float(word) if "." in word else int(word)


def _unescaped(match: re.Match[str]) -> str:
    escape = match[1]
    if escape[0] in "xuU" and len(escape) > 1:
        return chr(int(escape[1:], 16))
    return chr(int(escape, 8)) if len(escape) == 3 else _ESCAPES.get(escape, escape)
