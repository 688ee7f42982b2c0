"""What is measured of one rule: its alerts, its headroom, its shift; nothing of its samples is kept."""

from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np
import pandas as pd

from analysis.errors import PromreviewError
from analysis.prometheus import Prometheus
from analysis.prometheus.promql import parse
from analysis.prometheus.rules import Rule, RuleGroup
from analysis.settings.thresholds import ThresholdDriftSettings
from analysis.thresholds.alerts import alerts_of, firings
from analysis.thresholds.collect import RuleSamples, grid_of, samples_of
from analysis.thresholds.drift import Shift, shift_of
from analysis.thresholds.headroom import daily_headroom
from analysis.thresholds.missing import missing_metrics, presence_query
from analysis.thresholds.verdicts import RuleEvidence
from analysis.window import Window, parse_duration

PRESENCE_STEP = timedelta(minutes=5)  # Prometheus's lookback: what exists is seen in every step
NEVER_EVALUATED = "0001-01-01"  # how the API says that a group has not been evaluated yet


@dataclass(frozen=True)
class Measured:
    """One rule with what was measured of it.

    Attributes:
        group: the group it stands in.
        rule: the rule.
        firings: its alerts in the window, as `firings` gives them.
        headroom: daily headroom over window and history, where it has a threshold.
        shift: comparison of the window with the months before.
        days: days of the window that had data.
        threshold: the number that it compares with at the top.
        missing: metrics without which it can never fire, and which nobody exposes.
        problem: why it could not be replayed; empty where it could.
        is_evaluated: whether the server has evaluated its group at all.
    """

    group: RuleGroup
    rule: Rule
    firings: pd.DataFrame
    headroom: pd.Series | None = None
    shift: Shift | None = None
    days: float = 0.0
    threshold: float | None = None
    missing: tuple[str, ...] = ()
    problem: str = ""
    is_evaluated: bool = field(default=True)

    @property
    def is_judged(self) -> bool:
        """Whether it was replayed."""
        return not (self.problem or self.missing) and self.is_evaluated


def measure(
    prom: Prometheus,
    group: RuleGroup,
    rule: Rule,
    settings: ThresholdDriftSettings,
    window: Window,
    existing: set[str],
) -> Measured:
    """Measure one rule; what is wrong with it alone is told in `problem`.

    Raises:
        SourceError: the server failed.
    """
    nothing = firings([], window)
    if group.last_evaluation.startswith(NEVER_EVALUATED):
        return Measured(group, rule, nothing, is_evaluated=False)
    try:
        missing = missing_metrics(parse(rule.expr), existing)
        if missing:
            return Measured(group, rule, nothing, missing=tuple(missing))
        return _replayed(prom, group, rule, settings, window)
    except PromreviewError as error:
        if error.exit_code == 3:
            raise
        return Measured(group, rule, nothing, problem=str(error))


def _replayed(
    prom: Prometheus, group: RuleGroup, rule: Rule, settings: ThresholdDriftSettings, window: Window
) -> Measured:
    grid = grid_of(prom, group, window, parse_duration(settings.default_interval), prom.source().version)
    history = Window(window.start - timedelta(days=31 * settings.history_months), window.end)
    samples = samples_of(prom, group, rule, grid, history)
    headroom = daily_headroom(samples, settings.timezone)
    start = pd.Timestamp(window.start).tz_convert(settings.timezone)
    return Measured(
        group,
        rule,
        firings(alerts_of(samples), window),
        headroom,
        None if headroom is None else shift_of(headroom, start, settings.minimum_days, settings.bootstrap_samples),
        _days_with_data(prom, samples, window),
        samples.compared.threshold if samples.compared else None,
    )


def _days_with_data(prom: Prometheus, samples: RuleSamples, window: Window) -> float:
    """Days of the window in which the compared side, or else anything that the rule looks at, had a sample."""
    if samples.compared is None:
        asked = prom.decoded(presence_query(samples.rule.expr), window.start, window.end, PRESENCE_STEP)
        return float(asked.present.any(axis=1).sum() * (PRESENCE_STEP / timedelta(days=1)))
    present = samples.decoded.present.any(axis=1)
    inside = np.asarray(samples.decoded.frame.index >= window.start)
    return float((present & inside).sum() * (samples.grid.interval / timedelta(days=1)))


def evidence_of(
    item: Measured, window: Window, settings: ThresholdDriftSettings, *, is_shift_real: bool
) -> RuleEvidence:
    """The numbers that a verdict stands on."""
    gap = parse_duration(settings.flap_gap)
    pauses = item.firings.groupby("alert").apply(lambda f: (f["start"] - f["end"].shift()) < gap, include_groups=False)
    minutes = (item.firings["end"] - item.firings["start"]).sum() / pd.Timedelta(minutes=1)
    return RuleEvidence(
        alerts=len(item.firings),
        flaps=int(np.asarray(pauses).sum()) if len(item.firings) else 0,
        firing_minutes=float(minutes),
        days=min(item.days, window.duration / timedelta(days=1)),
        shift=item.shift,
        is_shift_real=is_shift_real,
        missing=item.missing,
        problem=item.problem,
        is_evaluated=item.is_evaluated,
    )
