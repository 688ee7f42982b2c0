"""Thresholds of panels, read from the shipped alert rules, so that a panel and its alert cannot disagree."""

from functools import cache
from pathlib import Path
from typing import NamedTuple

from analysis.prometheus.promql import comparison, comparisons, number, parse
from analysis.prometheus.rule_files import groups_of_files

RULES = Path(__file__).parents[2] / "prometheus"


class Limit(NamedTuple):
    """Where an alert begins: its operator, with the compared side on the left, and its threshold."""

    op: str
    threshold: float

    @property
    def is_below(self) -> bool:
        """Whether it is low values that alert."""
        return self.op.startswith("<")


ANY = Limit(">=", 1.0)
"""One is too many: for counts of what should not be there."""


@cache
def _expressions() -> dict[str, str]:
    files = [path for path in RULES.glob("*.yml") if path.name != "prometheus.yml"]
    return {rule.name: rule.expr for group in groups_of_files(files) for rule in group.alerts}


def limit(alert: str) -> Limit:
    """What a shipped alert compares with at the end; the first comparison of the text where several are joined."""
    tree = parse(_expressions()[alert])
    first = comparison(tree) or comparisons(tree)[0]
    return Limit(first.op, first.threshold)


def opposite(alert: str) -> Limit:
    """The alert's limit for the complement of what it watches: misses above 30 % are hits below 70 %."""
    op, threshold = limit(alert)
    return Limit("<" if op.startswith(">") else ">", round(1 - threshold, 9))


def factor(alert: str) -> Limit:
    """The limit of an alert that compares with a multiple of another expression: ``x > 3 * y``."""
    tree = parse(_expressions()[alert])
    threshold = number(tree.rhs.lhs)
    if threshold is None:
        raise ValueError(f"{alert} does not compare with a multiple")
    return Limit(str(tree.op), threshold)
