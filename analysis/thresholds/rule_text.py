"""Changes to the text of a rule file: only the changed values differ, every other byte stays.

The YAML is read for the places of its values, never written again: comments, order, quoting,
indentation and line ends are the team's.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from yaml.nodes import MappingNode, ScalarNode, SequenceNode

from analysis.errors import InputError
from analysis.prometheus.promql import comparisons, format_number, parse, text_of, with_thresholds
from analysis.prometheus.rule_files import groups_of_text, nodes_of_text
from analysis.prometheus.rules import Rule, RuleGroup
from analysis.window import format_duration

BYTE_ORDER_MARK = "\ufeff"
_DIGITS = r"(?<![\w.:\[])(?:0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?![\w.:\]])"
_NUMBER = re.compile(_DIGITS)
_SIGNED = re.compile(rf"[-+]\s*{_DIGITS}")
_WORKED = re.compile(_CHAIN := rf"(?:[-+]\s*)?{_DIGITS}(?:\s*[-+*/%^]\s*{_DIGITS})+")
_ENCLOSED = re.compile(rf"\(\s*{_CHAIN}\s*\)")


@dataclass(frozen=True)
class Change:
    """What becomes of one rule; what is None stays.

    Attributes:
        alert: name of the rule.
        group: name of its group; any when empty.
        thresholds: new constants by the comparison's place in the text.
        for_duration: new ``for``.
        keep_firing_for: new ``keep_firing_for``.
        why: what is said of it above the diff.
        rule: its place in the group, where several have this name; any when None.
        file: the file it was read from, where several have such a rule; any when empty.
    """

    alert: str
    group: str = ""
    thresholds: Mapping[int, float] = field(default_factory=dict)
    for_duration: timedelta | None = None
    keep_firing_for: timedelta | None = None
    why: str = ""
    rule: int | None = None
    file: str = ""

    def among(self, files: Sequence[Path]) -> list[Path]:
        """The files that it may be in: the one that was named, else those called the same, else all of them."""
        named = Path(self.file)
        exact = [path for path in files if self.file and path.resolve() == named.resolve()]
        return exact or [path for path in files if self.file and path.name == named.name] or list(files)

    def means(self, group: str, rule: int, alert: str) -> bool:
        """Whether this is the rule that changes."""
        return (alert, self.group or group, rule if self.rule is None else self.rule) == (self.alert, group, rule)


@dataclass(frozen=True)
class _Edit:
    start: int
    end: int
    text: str


def changed_text(text: str, file: str, change: Change) -> str | None:
    """The text of a rule file with one rule changed; None where the rule is not in it.

    Raises:
        InputError: several rules are meant, or the value cannot be changed where it stands; says which and where.
    """
    if text.startswith(BYTE_ORDER_MARK):
        new = changed_text(text.removeprefix(BYTE_ORDER_MARK), file, change)
        return None if new is None else BYTE_ORDER_MARK + new
    found = _meant(text, file, change)
    if not found:
        return None
    if len(found) > 1:
        groups = ", ".join(sorted({group for group, _ in found}))
        raise InputError(
            f"{file} has {len(found)} rules called {change.alert!r} (groups: {groups}); add --group or --rule"
        )
    node = found[0][1]
    edits = [*_expression_edits(text, node, change, file), *_duration_edits(text, node, change)]
    new = text
    for _, edit in sorted(enumerate(edits), key=lambda e: (e[1].start, e[0]), reverse=True):  # places before it stay
        new = new[: edit.start] + edit.text + new[edit.end :]
    _check(text, new, file, change)
    return new


def _rule_nodes(text: str, file: str) -> Iterator[tuple[str, int, MappingNode]]:
    """Group name, place in the group and node of every rule, wherever ``groups:`` stands in the file."""
    for document in nodes_of_text(text, file):
        for groups in _values(document, "groups"):
            for group in groups.value if isinstance(groups, SequenceNode) else ():
                name = next((n.value for n in _own(group, "name")), "")
                for rules in _own(group, "rules"):
                    yield from ((name, n, rule) for n, rule in enumerate(rules.value) if isinstance(rule, MappingNode))


def _values(node: Any, key: str) -> Iterator[Any]:
    """Values of a key anywhere inside a node."""
    if isinstance(node, MappingNode):
        for name, value in node.value:
            if isinstance(name, ScalarNode) and name.value == key:
                yield value
            else:
                yield from _values(value, key)
    elif isinstance(node, SequenceNode):
        for item in node.value:
            yield from _values(item, key)


def _own(node: Any, key: str) -> Iterator[Any]:
    if isinstance(node, MappingNode):
        yield from (value for name, value in node.value if getattr(name, "value", None) == key)


def _meant(text: str, file: str, change: Change) -> list[tuple[str, MappingNode]]:
    return [
        (group, rule)
        for group, place, rule in _rule_nodes(text, file)
        if any(change.means(group, place, node.value) for node in _own(rule, "alert"))
    ]


def _span(node: Any) -> tuple[int, int]:
    return node.start_mark.index, node.end_mark.index


def _expression_edits(text: str, rule: MappingNode, change: Change, file: str) -> Iterator[_Edit]:
    if not change.thresholds:
        return
    node = next(_own(rule, "expr"))
    start, end = _span(node)
    tree = parse(str(node.value))
    if max(change.thresholds) >= (numbers := len(comparisons(tree))):
        raise InputError(
            f"{file}, {change.alert}: it takes {numbers} thresholds, one for each comparison with a number"
        )
    for place, value in change.thresholds.items():
        wanted = text_of(parse(with_thresholds(tree, {place: value})))
        number = format_number(value)
        for low, high in _places(str(node.value), text[start:end], number, wanted):
            whole = text[: start + low] + number + text[start + high :]
            if _expression_at(whole, file, rule, change) == wanted:
                yield _Edit(start + low, start + high, number)
                break
        else:
            if text_of(tree) != wanted:
                reason = "it is not written in numbers there; change it by hand"
                raise InputError(f"{file}, {change.alert}: cannot set threshold {place + 1} to {number}: {reason}")


def _places(value: str, source: str, number: str, wanted: str) -> list[tuple[int, int]]:
    """Where in the text of an expression the number may stand that is to change.

    Args:
        value: the expression.
        source: how the file writes it: quoted, or in a block.
        number: the new one.
        wanted: what the expression is to become, normalised.
    """
    inside, found = _constants(value), _constants(source)
    if len(inside) != len(found):
        return found
    fits = (_normalised(value[:low] + number + value[high:]) == wanted for low, high in inside)
    return [place for place, fit in zip(found, fits, strict=True) if fit]


def _constants(text: str) -> list[tuple[int, int]]:
    """Numbers, each alone first, then with its sign; and what is worked out of several (``24 * 60 * 60``)."""
    kinds = (_NUMBER, _SIGNED, _WORKED, _ENCLOSED)
    return [match.span() for kind in kinds for match in kind.finditer(text)]


def _normalised(expr: str) -> str:
    try:
        return text_of(parse(expr))
    except InputError:
        return ""


def _expression_at(whole: str, file: str, rule: MappingNode, change: Change) -> str:
    """The expression of a rule, normalised, in a changed text; empty where that is not PromQL or YAML."""
    line = rule.start_mark.line
    try:
        mine = next(node for _, node in _meant(whole, file, change) if node.start_mark.line == line)
        return _normalised(str(next(_own(mine, "expr")).value))
    except (InputError, StopIteration):
        return ""


def _duration_edits(text: str, rule: MappingNode, change: Change) -> Iterator[_Edit]:
    after, new = next(_own(rule, "expr")), {}
    for key, value in (("for", change.for_duration), ("keep_firing_for", change.keep_firing_for)):
        node = next(_own(rule, key), None)
        after = node or after
        if value is None:
            continue
        if node is None:
            new[key] = format_duration(value)
            continue
        start, end = _span(node)
        yield _Edit(start, end, _requoted(text[start:end], format_duration(value)))
    if new:
        yield _inserted(text, rule, after, new)


def _requoted(old: str, new: str) -> str:
    if not old:  # `for:` with nothing
        return f" {new}"
    return f"{old[0]}{new}{old[0]}" if old[:1] in ("'", '"') else new


def _inserted(text: str, rule: MappingNode, after: Any, entries: Mapping[str, str]) -> _Edit:
    """New entries behind an existing one, written as the mapping around it is."""
    end = after.end_mark.index
    newline = "\r\n" if "\r\n" in text else "\n"
    first = rule.value[0][0].start_mark
    indent = " " * first.column
    if rule.flow_style:
        mark = '"' if text[first.index] == '"' else ""  # JSON
        stands_alone = after.start_mark.line > first.line
        gap = newline + indent if stands_alone else " "
        return _Edit(end, end, "".join(f",{gap}{mark}{key}{mark}: {mark}{entries[key]}{mark}" for key in entries))
    lines = newline.join(f"{indent}{key}: {value}" for key, value in entries.items()) + newline
    if after.style in ("|", ">"):  # ends where the next line begins
        at = text.rfind("\n", 0, end) + 1 if text[:end].rstrip(" ").endswith("\n") else end
        return _Edit(at, at, lines if text[:at].endswith("\n") else newline + lines)
    line_end = text.find("\n", end)
    at = len(text) if line_end < 0 else line_end + 1
    return _Edit(at, at, newline + lines if line_end < 0 else lines)


def _check(old: str, new: str, file: str, change: Change) -> None:
    """The new text says what was meant, and everything else says what it said before."""
    before = groups_of_text(old, file)
    try:
        after = groups_of_text(new, file)
    except InputError:
        after = []
    expected = [_mapped(group, partial(_as_changed, group=group.name, change=change)) for group in before]
    if [_mapped(group, _normal) for group in after] != [_mapped(group, _normal) for group in expected]:
        raise InputError(f"{file}, {change.alert}: the change would alter more than it should; change it by hand")


def _mapped(group: RuleGroup, what: Callable[[Rule], Rule]) -> RuleGroup:
    return replace(group, rules=tuple(what(rule) for rule in group.rules))


def _as_changed(rule: Rule, group: str, change: Change) -> Rule:
    if rule.kind != "alerting" or not change.means(group, rule.index, rule.name):
        return rule
    expr = with_thresholds(parse(rule.expr), change.thresholds) if change.thresholds else rule.expr
    held = rule.keep_firing_for if change.keep_firing_for is None else change.keep_firing_for
    waits = rule.for_duration if change.for_duration is None else change.for_duration
    return replace(rule, expr=expr, for_duration=waits, keep_firing_for=held)


def _normal(rule: Rule) -> Rule:
    try:
        return replace(rule, expr=text_of(parse(rule.expr)))
    except InputError:
        return rule
