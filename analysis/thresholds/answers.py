"""What the rules of one group see at their slots: every expression asked for once, as the rule itself read it."""

import numpy as np

from analysis.prometheus import Prometheus
from analysis.prometheus.decode import Decoded
from analysis.prometheus.promql import comparison, parse, text_of
from analysis.prometheus.rules import ZERO, Rule, RuleGroup
from analysis.thresholds.asking import ask
from analysis.thresholds.collect import MILLISECOND, Grid, RuleSamples
from analysis.thresholds.lives import Flags, Milliseconds
from analysis.thresholds.missing import presence_query
from analysis.thresholds.reading import as_read, at_slots
from analysis.thresholds.watched import is_filtered
from analysis.window import Window


class Answers:
    """Asks for expressions over the slots of a group in one window.

    Args:
        prom: the server.
        group: the group; its offset shifts what is asked, and not the slots.
        grid: its slots.
        window: which of them.
    """

    def __init__(self, prom: Prometheus, group: RuleGroup, grid: Grid, window: Window) -> None:
        """Begin with nothing asked."""
        self.prom, self.group, self.grid, self.window = prom, group, grid, window
        self._answers: dict[str, Decoded] = {}
        self._failed: list[Flags] = []  # of each answer; a rehearsal's has fewer rows than there are slots

    @property
    def failed(self) -> Flags:
        """Slots at which the server refused any of the expressions; shape (slots,)."""
        first_ms, past_ms = self.window.stamp_bounds_ms(self.grid.interval, self.grid.phase)
        slots = len(range(first_ms, past_ms, self.grid.interval // MILLISECOND))
        return np.logical_or.reduce([np.zeros(slots, dtype=np.bool_), *self._failed])

    def __call__(self, expr: str) -> Decoded:
        """The answer for an expression, its index the slots.

        Raises:
            QueryError: the server calls it wrong.
        """
        if expr not in self._answers:
            offset, interval = self.group.query_offset or ZERO, self.grid.interval
            shifted = Window(self.window.start - offset, self.window.end - offset)
            decoded, failed = ask(self.prom, at_slots(expr), shifted, interval, (self.grid.phase - offset) % interval)
            self._failed.append(failed)
            frame = decoded.frame.set_axis(decoded.frame.index + offset) if offset else decoded.frame
            self._answers[expr] = Decoded(frame, decoded.present, decoded.histograms)
        return self._answers[expr]

    def samples(self, rule: Rule) -> RuleSamples:
        """What a rule saw: its compared side once, from which replay, headroom and what-if all follow."""
        tree = parse(as_read(self.group, rule).expr)
        compared = comparison(tree)
        if compared is not None and compared.is_bool:
            compared = None
        decoded = self(text_of(compared.compared if compared else tree))
        return RuleSamples(self.group, rule, self.grid, compared, decoded)

    def seen_ms(self, samples: RuleSamples) -> Milliseconds:
        """Slots (Unix milliseconds) at which the compared side, or else anything the rule looks at, had a sample."""
        decoded = samples.decoded
        if samples.compared is None or is_filtered(samples.compared.compared):
            decoded = self(presence_query(samples.rule.expr))
        slots: Milliseconds = decoded.frame.index.as_unit("ms").asi8
        return slots[decoded.present.any(axis=1)]
