"""What ``rules drift`` prints: month by month, how each rule stands to its threshold, and whether that moves."""

import math
from collections.abc import Callable

from analysis.findings import TimeSpan
from analysis.prometheus import Prometheus
from analysis.settings.thresholds import ThresholdDriftSettings
from analysis.thresholds.documents import DriftDocument, DriftMonth, DriftRule, DriftTest, DriftVerdict
from analysis.thresholds.drift import Shift
from analysis.thresholds.measure import Measured
from analysis.thresholds.review import judged_rules
from analysis.thresholds.subjects import place_of
from analysis.thresholds.verdicts import Judgement, RuleEvidence, days_needed
from analysis.window import Window


def drift(
    prom: Prometheus,
    settings: ThresholdDriftSettings,
    window: Window,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> DriftDocument:
    """Judge every rule under review.

    Args:
        prom: the server.
        settings: which rules, how much history, what budget.
        window: the month under review.
        progress: called with the number of rules done and of all.

    Raises:
        SourceError: the server cannot be asked at all; a single broken rule does not raise.
    """
    judged = judged_rules(prom, settings, window, progress)
    return DriftDocument(
        window=TimeSpan.of(window),
        history=TimeSpan.of(Window(settings.history(window).start, window.start)) if settings.history_months else None,
        timezone=settings.timezone,
        false_discovery_rate=settings.false_discovery_rate,
        rules=[_entry(item, evidence, judgements, settings) for item, evidence, judgements in judged],
    )


def _entry(
    item: Measured, evidence: RuleEvidence, judgements: list[Judgement], settings: ThresholdDriftSettings
) -> DriftRule:
    return DriftRule(
        **place_of(item.group, item.rule),
        expr=item.rule.expr,
        verdict=judgements[0].verdict,
        verdicts=[DriftVerdict(**vars(judgement)) for judgement in judgements],
        threshold=item.threshold,
        headroom_of=item.headroom_of,
        missing_metrics=list(item.missing),
        days_of_data=evidence.days,
        days_needed=_needed(item.shift, settings),
        alerts=evidence.alerts,
        pages=evidence.pages,
        flaps=evidence.flaps,
        firing_minutes=evidence.firing_minutes,
        months=list(item.months),
        change_points=list(item.changes),
        test=_test(item.shift, item.months, is_shift=evidence.is_shift_real) if item.shift else None,
    )


def _needed(shift: Shift | None, settings: ThresholdDriftSettings) -> float:
    """Days of data that a verdict takes: more than the fewest where so few could show nothing."""
    if shift is None or shift.p_value is None or not shift.before:
        return float(settings.minimum_days)
    return max(float(settings.minimum_days), days_needed(shift))


def _test(shift: Shift, months: tuple[DriftMonth, ...], *, is_shift: bool) -> DriftTest:
    smallest = _known(shift.smallest_detectable)
    spreads = [month.spread for month in months if month.spread]
    return DriftTest(
        p_value=shift.p_value,
        is_shift=is_shift,
        before=_known(shift.before),
        now=_known(shift.now),
        change=_known(shift.change),
        smallest_detectable=smallest,
        smallest_detectable_in_spreads=smallest / spreads[0] if spreads and smallest is not None else None,
        slope_per_day=shift.trend.slope_per_day if shift.trend else None,
        slope_since=shift.trend.since if shift.trend else None,
        daily_correlation=_known(shift.correlation),
        days_before=shift.days_before,
        days_now=shift.days_now,
    )


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
