"""Every rule under review measured, one rule a block, wherever work runs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple

from analysis.errors import PromreviewError
from analysis.prometheus import Prometheus
from analysis.prometheus.rules import Rule, RuleGroup
from analysis.prometheus.spread import spread
from analysis.settings.thresholds import ThresholdDriftSettings
from analysis.thresholds.collect import stamps_of, tell_stamps
from analysis.thresholds.excuses import Context
from analysis.thresholds.measure import Measured, measure
from analysis.window import Window


class _Item(NamedTuple):
    """One rule, and when its group is known to have been evaluated (Unix milliseconds)."""

    group: RuleGroup
    rule: Rule
    stamps_ms: list[int] | None


@dataclass(frozen=True)
class Measuring:
    """What is the same for all rules.

    Attributes:
        settings: of the review.
        window: the month under review.
        existing: metrics that somebody exposes.
        context: maintenance, incidents and routes.
    """

    settings: ThresholdDriftSettings
    window: Window
    existing: set[str]
    context: Context

    def __call__(self, prom: Prometheus, item: _Item) -> Measured:
        """Measure one rule."""
        if item.stamps_ms is not None:
            tell_stamps(prom, item.group, self.window, item.stamps_ms)
        return measure(prom, item.group, item.rule, self.settings, self.window, self.existing, self.context)


def measured(
    prom: Prometheus,
    rules: Sequence[tuple[RuleGroup, Rule]],
    work: Measuring,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> list[Measured]:
    """Measure every rule.

    Args:
        prom: the server.
        rules: groups and their rules.
        work: how.
        progress: called with the number of rules done and of all.

    Raises:
        SourceError: the server failed.
    """
    items = [_Item(group, rule, _stamps(prom, group, work.window)) for group, rule in rules]
    numbers = count(1)
    return spread(prom, work, items, told=lambda _: progress(next(numbers), len(items)))


def _stamps(prom: Prometheus, group: RuleGroup, window: Window) -> list[int] | None:
    """Asked once for a group, by this client, whoever measures its rules; None where a rule's labels are wrong."""
    try:
        return stamps_of(prom, group, window)
    except PromreviewError as error:
        if error.exit_code == 3:
            raise
        return None
