"""Templates in rule labels, as far as the labels of the result decide what they become.

Source: ``AlertingRule.Eval`` and ``template.Expander`` of Prometheus, text/template/exec.go of Go.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from analysis.thresholds.template_functions import FUNCTIONS, is_true, shown
from analysis.thresholds.template_syntax import Constant, Function, Node, Operand, Pipeline, UndecidedError, Variable
from analysis.thresholds.template_syntax import parsed as _parsed_anew

Labels = Mapping[str, str]
_parsed = lru_cache(maxsize=256)(_parsed_anew)


def is_template(text: str) -> bool:
    """Whether Prometheus would expand it."""
    return "{{" in text


def expanded(text: str, labels: Labels) -> str | None:
    """What a template becomes; None where that depends on more than the labels (a value, a query, the clock).

    Example:
        >>> expanded("{{ if eq $labels.tier `db` }}page{{ else }}ticket{{ end }}", {"tier": "web"})
        'ticket'
    """
    if not is_decided(text):  # a branch that is not taken may depend on more, too
        return None
    try:
        return _Expansion(labels).said(_parsed(text), _DATA)
    except (UndecidedError, TypeError):  # it fails on these labels: Prometheus writes the error into the label
        return None


def undecided(labels: Labels) -> list[str]:
    """The names of a rule's labels that depend on more than the labels of its result."""
    return sorted(name for name, value in labels.items() if is_template(value) and not is_decided(value))


@lru_cache(maxsize=256)
def is_decided(text: str) -> bool:
    """Whether a template depends on labels alone."""
    try:
        return all(_is_node_decided(node) for node in _parsed(text))
    except UndecidedError:
        return False


class _Data:
    """What a template is given: of ``.Labels``, ``.Value`` and the rest only the labels are known."""


_DATA = _Data()


def _is_node_decided(node: Node, *, has_dot: bool = False) -> bool:
    """`has_dot` where a block around it has set the dot: elsewhere it is all that the template is given."""
    inner = has_dot or node.kind in ("with", "range")
    return (
        _is_decided(node.pipeline, has_dot)
        and all(_is_node_decided(held, has_dot=inner) for held in node.then)
        and all(_is_node_decided(held, has_dot=has_dot) for held in node.otherwise)
    )


def _is_decided(operand: Operand, has_dot: bool) -> bool:
    if isinstance(operand, Pipeline):
        return all(_is_decided(part, has_dot) for command in operand.commands for part in command)
    if isinstance(operand, Variable):
        if operand.name == "" or (operand.name is None and not has_dot):
            return operand.fields[:1] == ("Labels",)
        return operand.name not in ("value", "externalLabels", "externalURL")
    return isinstance(operand, Constant) or operand.name in FUNCTIONS


class _Expansion:
    """One run of a template over the labels of one alert; its variables, those of inner blocks last."""

    def __init__(self, labels: Labels) -> None:
        self.labels = dict(labels)
        self.scopes: list[dict[str, Any]] = [{"": _DATA, "labels": self.labels}]

    def said(self, nodes: Sequence[Node], dot: Any) -> str:
        return "".join(self._node(node, dot) for node in nodes)

    def _node(self, node: Node, dot: Any) -> str:
        if node.kind == "text":
            return node.text
        if node.kind == "action":
            value = self._piped(node.pipeline, dot)
            return "" if node.pipeline.variables else shown(value)
        self.scopes.append({})
        try:
            return self._branch(node, dot)
        finally:
            self.scopes.pop()

    def _branch(self, node: Node, dot: Any) -> str:
        if node.kind == "range":
            return self._range(node, dot)
        value = self._piped(node.pipeline, dot)
        if not is_true(value):
            return self.said(node.otherwise, dot)
        return self.said(node.then, value if node.kind == "with" else dot)

    def _range(self, node: Node, dot: Any) -> str:
        names = node.pipeline.variables
        items = self._piped(Pipeline(node.pipeline.commands), dot)
        if not isinstance(items, dict) or len(names) > 2 or not node.pipeline.is_new:
            raise UndecidedError
        rounds = []
        for key in sorted(items):
            self.scopes[-1] = dict(zip(names, (key, items[key])[-len(names) :], strict=True)) if names else {}
            rounds.append(self.said(node.then, items[key]))
        return "".join(rounds) if items else self.said(node.otherwise, dot)

    def _piped(self, pipeline: Pipeline, dot: Any) -> Any:
        given: list[Any] = []
        for command in pipeline.commands:
            given = [self._command(command, given, dot)]
        for name in pipeline.variables:
            self._set(name, given[0], is_new=pipeline.is_new)
        return given[0]

    def _command(self, command: Sequence[Operand], given: list[Any], dot: Any) -> Any:
        head, arguments = command[0], [self._value(operand, dot) for operand in command[1:]] + given
        if isinstance(head, Function):
            return FUNCTIONS[head.name](*arguments)
        if arguments:  # only functions take some
            raise UndecidedError
        return self._value(head, dot)

    def _value(self, operand: Operand, dot: Any) -> Any:
        if isinstance(operand, Pipeline):
            return self._piped(operand, dot)
        if isinstance(operand, Function):
            return FUNCTIONS[operand.name]()
        if isinstance(operand, Constant):
            return operand.value
        value = dot if operand.name is None else self._variable(operand.name)
        for field in operand.fields:
            value = self._field(value, field)
        if value is _DATA:
            raise UndecidedError
        return value

    def _field(self, value: Any, name: str) -> Any:
        if value is _DATA and name == "Labels":
            return self.labels
        if not isinstance(value, dict):
            raise UndecidedError
        return value.get(name, "")

    def _variable(self, name: str) -> Any:
        for scope in reversed(self.scopes):
            if name in scope:
                return scope[name]
        raise UndecidedError

    def _set(self, name: str, value: Any, *, is_new: bool) -> None:
        owner = self.scopes[-1] if is_new else next((s for s in reversed(self.scopes) if name in s), None)
        if owner is None:
            raise UndecidedError
        owner[name] = value
