"""What ``rules whatif`` prints: every combination of the rules that were named."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Any, NamedTuple

import pandas as pd

from analysis.errors import InputError, PromreviewError
from analysis.findings import TimeSpan, json_value
from analysis.prometheus import Prometheus
from analysis.prometheus.promql import comparisons, parse, text_of
from analysis.prometheus.rules import Rule, RuleGroup
from analysis.prometheus.spread import spread
from analysis.settings.thresholds import ThresholdDriftSettings
from analysis.thresholds.collect import grid_of, reviewed_rules, rule_groups
from analysis.thresholds.documents import WhatIfDocument, WhatIfRule
from analysis.thresholds.excuses import Context
from analysis.thresholds.sides import bare
from analysis.thresholds.subjects import (
    MAXIMUM_COMBINATIONS,
    Choice,
    Subject,
    grid_choices,
    place_of,
    subject_of,
    values_of,
)
from analysis.thresholds.surroundings import context_of
from analysis.thresholds.whatif import WhatIf, whatif
from analysis.window import Window, format_duration, parse_duration

TODAY = "today"


@dataclass(frozen=True)
class Asked:
    """The values to try, as they were typed.

    Attributes:
        thresholds: one text for each number of the expression: ``A:B:STEP``, ``1,2,3``, or ``today``.
        durations: texts with values of `for`, commas between them.
        keeps: the same for `keep_firing_for`.
    """

    thresholds: Sequence[str] = ()
    durations: Sequence[str] = ()
    keeps: Sequence[str] = ()

    def choices(self, subject: Subject) -> list[Choice]:
        """Every combination for one rule.

        Raises:
            InputError: not one text for each number of its expression.
        """
        numbers = subject.today.thresholds
        if self.thresholds and len(self.thresholds) != len(numbers):
            raise InputError(_miscounted(subject, len(self.thresholds)))
        values = [[] if text == TODAY else parse_values(text) for text in self.thresholds]
        return grid_choices(subject.today, values, _durations(self.durations), _durations(self.keeps))


def _miscounted(subject: Subject, given: int) -> str:
    name = subject.rule.name
    texts = [text_of(found.node) for found in comparisons(subject.tree)]
    if not texts:
        return f"{name} compares with no number; leave --threshold out, --for and --keep-firing-for can be tried"
    return f"{name} has {len(texts)} numbers ({'; '.join(texts)}) and --threshold was given {given} times; \
give it once for each, in this order, and `{TODAY}` for one that stays"


def _check_durations(asked: Asked, window: Window) -> None:
    for duration in _durations([*asked.durations, *asked.keeps]):
        if duration > window.duration:
            longer = f"{format_duration(duration)} is longer than the window, {format_duration(window.duration)}"
            raise InputError(f"{longer}; give a longer window, or shorter values of `for` and `keep_firing_for`")


def _durations(texts: Sequence[str]) -> list[timedelta]:
    return [parse_duration(part) for text in texts for part in text.split(",")]


def parse_values(text: str) -> list[float]:
    """Values of a threshold: ``A:B:STEP`` with both ends, or values with commas between them.

    Raises:
        InputError: it is neither.
    """
    wanted = f"{text!r} is no range of thresholds; write A:B:STEP such as 70:95:5, or values such as 70,80,90"
    try:
        parts = [Decimal(part) for part in text.replace(":", ",").split(",")]
    except InvalidOperation:
        raise InputError(wanted) from None
    if ":" not in text:
        return [float(part) for part in parts]
    if len(parts) != 3 or "," in text or not all(isfinite(part) for part in parts) or not parts[2] > 0:
        raise InputError(wanted)
    low, high, step = parts
    count = (high - low) / step
    if not 0 <= count < MAXIMUM_COMBINATIONS:
        raise InputError(wanted if count < 0 else f"{text!r} are too many values; use a larger step")
    return [float(low + step * place) for place in range(int(count) + 1)]


class _Tried(NamedTuple):
    """What comes of one rule: its entry and the table of its combinations, or why there is none."""

    rule: WhatIfRule | None
    table: pd.DataFrame
    skipped: dict[str, Any]


@dataclass(frozen=True)
class _Trying:
    """What is the same for all rules."""

    settings: ThresholdDriftSettings
    window: Window
    asked: Asked
    context: Context
    alone: bool

    def __call__(self, prom: Prometheus, item: tuple[RuleGroup, Rule]) -> _Tried:
        group, rule = item
        try:
            default = parse_duration(self.settings.default_interval)
            grid = grid_of(prom, group, self.window, default, prom.source().version)
            subject = subject_of(group, rule, grid, self.settings, self.context)
            made = whatif(prom, subject, self.asked.choices(subject), self.window)
        except PromreviewError as error:
            if error.exit_code == 3 or self.alone:
                raise
            return _Tried(None, pd.DataFrame(), {**place_of(group, rule), "reason": str(error)})
        table = made.table()
        return _Tried(_entry(made, table), table, {})


def whatif_document(
    prom: Prometheus, settings: ThresholdDriftSettings, window: Window, asked: Asked
) -> tuple[WhatIfDocument, list[pd.DataFrame]]:
    """Evaluate the combinations of every rule under review, one rule a block, wherever work runs.

    Returns:
        The document of ``rules whatif``, and the table of each of its rules.

    Raises:
        InputError: no rule has such a name.
    """
    rules = reviewed_rules(rule_groups(prom, settings), settings)
    if not rules:
        raise InputError(f"no alerting rule is named {' or '.join(settings.alerts) or 'at all'}; see `rules replay`")
    _check_durations(asked, window)
    trying = _Trying(settings, window, asked, context_of(settings), len(rules) == 1)
    tried = spread(prom, trying, rules)
    document = WhatIfDocument(
        window=TimeSpan.of(window),
        rules=[one.rule for one in tried if one.rule],
        skipped=[one.skipped for one in tried if one.skipped],
    )
    return document, [one.table for one in tried if one.rule]


def _entry(made: WhatIf, table: pd.DataFrame) -> WhatIfRule:
    subject = made.subject
    entry = {
        **place_of(subject.group, subject.rule),
        "expr": subject.rule.expr,
        "numbers": [text_of(found.node) for found in comparisons(bare(parse(subject.rule.expr)))],
        "current": values_of(subject.today),
        "days_of_data": made.days(),
        "approximate": {
            "removed": list(made.approximate),
            "reason": "a rule label that is a template over more than $labels is left out",
        }
        if made.approximate
        else None,
        "recall": "measured on labelled incidents" if subject.incidents else "unknown: no incident names this alert",
        "combinations": table.to_dict(orient="records"),
    }
    return WhatIfRule.model_validate(json_value(entry))
