"""What is measured of one rule: its alerts, its headroom, its shift; nothing of its samples is kept."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from analysis.errors import PromreviewError
from analysis.prometheus import Prometheus
from analysis.prometheus.promql import parse, selectors
from analysis.prometheus.rules import Rule, RuleGroup
from analysis.settings.thresholds import ThresholdDriftSettings
from analysis.thresholds.alerts import alerts_of, firings
from analysis.thresholds.answers import Answers
from analysis.thresholds.collect import grid_of
from analysis.thresholds.documents import ChangePoint, DriftMonth
from analysis.thresholds.drift import Shift, shift_of
from analysis.thresholds.excuses import Context
from analysis.thresholds.headroom import daily_headroom
from analysis.thresholds.missing import NOTHING_HELD, missing_metrics, unmatched
from analysis.thresholds.months import changes_of, months_of
from analysis.thresholds.propose import Proposal, Spans, propose
from analysis.thresholds.subjects import subject_of
from analysis.thresholds.verdicts import RuleEvidence
from analysis.thresholds.watched import watched
from analysis.window import Window, parse_duration, parse_time, unix_ms

# Before the history: longer than the durations that are tried, and than the chains that they hold together.
WARM_UP = timedelta(days=1)
NEVER_EVALUATED = "0001-01-01"  # how the API says that a group has not been evaluated yet

GUARDED_SHARE = 20  # one slot in so many must pass the guards of a comparison, or its headroom is that of all slots
FIRST_EVALUATIONS = 3  # intervals after a start within which a group may not have had its turn


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
        threshold: the number that it compares with; where there are several, the one that its headroom is measured to.
        headroom_of: the comparison that its headroom is measured on; empty without any.
        missing: metrics without which it can never fire, and which nobody exposes.
        unmatched: where it saw nothing, which labels no series had; a sentence each.
        problem: why it could not be replayed; empty where it could.
        is_evaluated: whether the server has evaluated its group at all.
        proposal: what other values would do, where it was replayed.
        months: its numbers month by month.
        changes: days on which its headroom took another level.
    """

    group: RuleGroup
    rule: Rule
    firings: pd.DataFrame
    headroom: pd.Series | None = None
    shift: Shift | None = None
    days: float = 0.0
    threshold: float | None = None
    headroom_of: str = ""
    missing: tuple[str, ...] = ()
    unmatched: tuple[str, ...] = ()
    problem: str = ""
    is_evaluated: bool = True
    proposal: Proposal | None = None
    months: tuple[DriftMonth, ...] = ()
    changes: tuple[ChangePoint, ...] = ()

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
    context: Context,
) -> Measured:
    """Measure one rule; what is wrong with it alone is told in `problem`.

    Raises:
        SourceError: the server failed.
    """
    nothing = firings([], window)
    if is_never_evaluated(prom, group, settings):
        return Measured(group, rule, nothing, is_evaluated=False)
    try:
        missing = missing_metrics(parse(rule.expr), existing)
        if missing:
            return Measured(group, rule, nothing, missing=tuple(missing))
        return _replayed(prom, group, rule, settings, window, context)
    except PromreviewError as error:
        if error.exit_code == 3:
            raise
        return Measured(group, rule, nothing, problem=str(error))


def unseen(group: RuleGroup, rule: Rule, window: Window) -> Measured:
    """A rule in a window of which nothing is held: neither dead nor fitting."""
    return Measured(group, rule, firings([], window), problem=NOTHING_HELD)


def is_never_evaluated(prom: Prometheus, group: RuleGroup, settings: ThresholdDriftSettings) -> bool:
    """Whether the server has had the time to evaluate a group, and has not."""
    return group.last_evaluation.startswith(NEVER_EVALUATED) and _has_run(prom, group, settings)


def _has_run(prom: Prometheus, group: RuleGroup, settings: ThresholdDriftSettings) -> bool:
    """Whether the server has run for long enough, with the rules it has, to have evaluated the group."""
    interval = group.interval or parse_duration(settings.default_interval)
    try:
        told = prom.status("runtimeinfo")
        started = max(parse_time(str(told[key])) for key in ("startTime", "lastConfigTime"))
    except (PromreviewError, KeyError):
        return False
    return datetime.now(UTC) - started > FIRST_EVALUATIONS * interval


def asked_for(window: Window, settings: ThresholdDriftSettings) -> Window:
    """Window, history and warm-up: what is asked of the server for one rule."""
    return Window(settings.history(window).start - WARM_UP, window.end)


def _replayed(
    prom: Prometheus,
    group: RuleGroup,
    rule: Rule,
    settings: ThresholdDriftSettings,
    window: Window,
    context: Context,
) -> Measured:
    grid = grid_of(prom, group, window, parse_duration(settings.default_interval), prom.source().version)
    asked, history = asked_for(window, settings), settings.history(window)
    fetch = Answers(prom, group, grid, asked)
    samples = fetch.samples(rule)
    seen_ms = fetch.seen_ms(samples)
    subject = subject_of(group, rule, grid, settings, context)
    proposal = propose(subject, fetch, Spans(asked, history, window), seen_ms, settings)
    slots = samples.decoded.frame.index
    side = watched(subject.tree, fetch, slots, len(slots) // GUARDED_SHARE)
    headroom = daily_headroom(side, settings.timezone) if side else None
    start = pd.Timestamp(window.start).tz_convert(settings.timezone)
    shift = None if headroom is None else shift_of(headroom, start, settings.minimum_days, settings.bootstrap_samples)
    if side and side.is_sparse and shift and shift.p_value is None:
        side = headroom = shift = None  # what the rule itself leaves out is not missing
    alerts = alerts_of(samples, ~fetch.failed)
    seen = seen_ms[seen_ms >= unix_ms(window.start)]
    return Measured(
        group,
        rule,
        firings(alerts, window),
        headroom,
        shift,
        float(len(seen) * (grid.interval / timedelta(days=1))),
        side.threshold if side else samples.compared.threshold if samples.compared else None,
        side.text if side else "",
        unmatched=() if len(seen) else tuple(unmatched(prom, subject.tree, window)),
        proposal=proposal,
        months=tuple(months_of(samples, seen_ms, side, headroom, firings(alerts, history), history, settings.timezone)),
        changes=() if headroom is None or shift is None else tuple(changes_of(headroom, shift.correlation)),
    )


def evidence_of(
    item: Measured, window: Window, settings: ThresholdDriftSettings, *, is_shift_real: bool
) -> RuleEvidence:
    """The numbers that a verdict stands on."""
    gap = parse_duration(settings.flap_gap)
    pauses = item.firings.groupby("alert").apply(lambda f: (f["start"] - f["end"].shift()) < gap, include_groups=False)
    return RuleEvidence(
        alerts=len(item.firings),
        flaps=int(np.asarray(pauses).sum()) if len(item.firings) else 0,
        firing_minutes=item.proposal.firing_minutes if item.proposal else 0.0,
        days=min(item.days, window.duration / timedelta(days=1)),
        shift=item.shift,
        is_shift_real=is_shift_real,
        missing=item.missing,
        unmatched=item.unmatched,
        problem=item.problem,
        is_evaluated=item.is_evaluated,
        pages=item.proposal.noise_pages if item.proposal else None,
        standing_share=item.proposal.standing_share if item.proposal and selectors(parse(item.rule.expr)) else 0.0,
        incidents=item.proposal.missed[1] if item.proposal else 0,
        missed=item.proposal.missed[0] if item.proposal else 0,
    )
