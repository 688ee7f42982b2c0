"""The threshold review: every alerting rule of the server, with a verdict and its evidence."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from analysis.errors import InputError
from analysis.findings import FindingsDocument, ReportResult, TimeSpan, sort_findings
from analysis.prometheus import Prometheus
from analysis.prometheus.rules import RuleGroup, shown_groups
from analysis.settings.thresholds import ThresholdDriftSettings
from analysis.thresholds.blocks import Measuring, measured
from analysis.thresholds.collect import grid_of, reviewed_rules, rule_groups
from analysis.thresholds.decided import judged_from, rule_of, to_be_judged
from analysis.thresholds.documents import RecommendDocument, ScorecardEntry
from analysis.thresholds.drift import discoveries
from analysis.thresholds.history import recorded_alerts
from analysis.thresholds.identity import identities
from analysis.thresholds.measure import Measured, evidence_of, unseen
from analysis.thresholds.missing import existing_metrics, is_void
from analysis.thresholds.present import REPORT, coverage_of, finding_of, no_rule_judged, no_rule_shown, row_of
from analysis.thresholds.recommend import entry_of
from analysis.thresholds.scorecard import scored, table_of
from analysis.thresholds.subjects import shown, values_of
from analysis.thresholds.surroundings import context_of, decisions_of
from analysis.thresholds.verdicts import Judgement, RuleEvidence, judge
from analysis.window import Window, parse_duration


def review(
    prom: Prometheus,
    settings: ThresholdDriftSettings,
    window: Window,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> ReportResult:
    """Review every alerting rule.

    Args:
        prom: the server.
        settings: which rules, how much history, what budget.
        window: the month under review.
        progress: called with the number of rules done and of all.

    Raises:
        SourceError: the server cannot be asked at all; a single broken rule does not raise.

    Example:
        >>> from analysis.settings.thresholds import ThresholdDriftSettings
        >>> settings = ThresholdDriftSettings(month="2026-10")
        >>> print(review(prom, settings, settings.window()))
        threshold_drift: 0 findings, coverage unknown
    """
    served, unseen_because = (None, "") if settings.rule_files else shown_groups(prom)
    judged = [] if unseen_because else judged_rules(prom, settings, window, progress, served)
    reviewed = [item for item, _, _ in judged]
    scorecard = scorecard_of(prom, reviewed, settings, window)
    rows, findings = [], []
    for (item, evidence, judgements), identity in zip(judged, identities(reviewed), strict=True):
        rows.append(row_of(item, evidence, judgements[0]))
        told = [judgement for judgement in judgements if judgement.verdict not in ("fits", "unknown")]
        findings += [finding_of(prom, item, identity, evidence, judgement, window, settings) for judgement in told]
    verdicts = [(item, judgements) for item, _, judgements in judged]
    if judged and {judgements[0].verdict for _, judgements in verdicts} == {"unknown"}:
        findings = [no_rule_judged(verdicts, window)]
    if unseen_because:
        findings = [no_rule_shown(unseen_because, window)]
    document = FindingsDocument(
        report=REPORT,
        window=TimeSpan.of(window),
        source=prom.source(),
        queries=prom.queries,
        coverage=coverage_of(verdicts, window, unseen_because),
        findings=sort_findings(findings),
        recommendations=[
            entry_of(item, judgements[0], window).model_dump(mode="json") for item, _, judgements in judged
        ],
        scorecard=[entry.model_dump(mode="json") for entry in scorecard],
    )
    return ReportResult(document, {"rules": pd.DataFrame(rows), "scorecard": table_of(scorecard)}, _frames(reviewed))


def recommend(
    prom: Prometheus,
    settings: ThresholdDriftSettings,
    window: Window,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> RecommendDocument:
    """Recommend threshold, `for` and `keep_firing_for` for every rule under review.

    The months before the window are fitted on, the window itself is the month that has not been seen.

    Raises:
        SourceError: the server cannot be asked at all; a single broken rule does not raise.
    """
    judged = judged_rules(prom, settings, window, progress)
    return RecommendDocument(
        window=TimeSpan.of(window),
        budget_pages_per_week=settings.alerts_per_week,
        rules=[entry_of(item, judgements[0], window) for item, _, judgements in judged],
    )


def judged_rules(
    prom: Prometheus,
    settings: ThresholdDriftSettings,
    window: Window,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
    served: list[RuleGroup] | None = None,
) -> list[tuple[Measured, RuleEvidence, list[Judgement]]]:
    """Measure and judge every rule under review, one after the other; drift is tested over all of them."""
    rules, context = reviewed_rules(rule_groups(prom, settings, served), settings), context_of(settings)
    if unknown := sorted(set(settings.alerts) - {rule.name for _, rule in rules}):
        raise InputError(f"no alerting rule is named {' or '.join(unknown)}; see `rules replay` for those there are")
    existing = existing_metrics(prom, [rule for _, rule in rules], window)
    if rules and not existing and is_void(prom, window):
        reviewed = [unseen(group, rule, window) for group, rule in rules]
    else:
        reviewed = measured(prom, rules, Measuring(settings, window, existing, context), progress)
    real = iter(discoveries([r.shift for r in reviewed if r.shift], settings.false_discovery_rate))
    judged = []
    for item in reviewed:
        evidence = evidence_of(item, window, settings, is_shift_real=next(real) if item.shift else False)
        judged.append((item, evidence, judge(evidence, window, settings)))
    return judged


def scorecard_of(
    prom: Prometheus, reviewed: Sequence[Measured], settings: ThresholdDriftSettings, window: Window
) -> list[ScorecardEntry]:
    """What became of the decisions that were accepted not long before the window's end."""
    entries = []
    for decision in to_be_judged(decisions_of(settings), window):
        item, since = rule_of(decision, reviewed), judged_from(decision, window)
        recorded = None
        if item and since < window.end:
            span, default = Window(since, window.end), parse_duration(settings.default_interval)
            grid = grid_of(prom, item.group, span, default, prom.source().version)
            recorded = recorded_alerts(prom, item.group, item.rule, grid, span)
        entries.append(scored(decision, item, recorded, window))
    return entries


def _frames(reviewed: Sequence[Measured]) -> dict[str, pd.DataFrame]:
    names = _names(reviewed)
    pairs = list(zip(names, reviewed, strict=True))
    fired = [item.firings.assign(name=name) for name, item in pairs if len(item.firings)]
    curves = [
        item.proposal.curve.assign(name=name) for name, item in pairs if item.proposal and len(item.proposal.curve)
    ]
    alternatives = [
        item.proposal.alternatives.assign(name=name)
        for name, item in pairs
        if item.proposal and len(item.proposal.alternatives)
    ]
    return {
        "alternatives": pd.concat(alternatives, ignore_index=True) if alternatives else _no_alternatives(),
        "data_hours": pd.DataFrame({name: item.proposal.data_hours for name, item in pairs if item.proposal}),
        "whatif": pd.concat(curves, ignore_index=True) if curves else pd.DataFrame(columns=["name", "threshold"]),
        "choices": pd.DataFrame([_choice(name, item) for name, item in pairs if item.proposal]),
        "headroom": pd.DataFrame({name: item.headroom for name, item in pairs if item.headroom is not None}),
        "firings": pd.concat(fired, ignore_index=True) if fired else pd.DataFrame(columns=["name", "start", "end"]),
    }


def _no_alternatives() -> pd.DataFrame:
    return pd.DataFrame(
        {"name": [], "threshold": [], "start": pd.DatetimeIndex([], tz="UTC"), "alert": pd.Series(dtype=object)}
    )


def _choice(name: str, item: Measured) -> dict[str, Any]:
    """Today's threshold and the recommended values, as the figure marks them."""
    proposal = item.proposal
    if proposal is None:
        return {}
    better = proposal.recommended
    return {
        "name": name,
        "today": shown(proposal.current.thresholds),
        "recommended": shown(better.thresholds) if better else None,
        "alerts_today": proposal.per_month["alerts_per_month_current"],
        "alerts_recommended": proposal.per_month["alerts_per_month_recommended"],
        "text": ", ".join(f"{key} {value}" for key, value in values_of(better).items()) if better else "",
    }


def _names(reviewed: Sequence[Measured]) -> list[str]:
    """A name for each rule: that of its alert, with its place where several share it."""
    shared = Counter(item.rule.name for item in reviewed)
    grouped = Counter((item.rule.name, item.group.name, item.rule.index) for item in reviewed)
    names = []
    for item in reviewed:
        name, place = item.rule.name, f"{item.group.name}, rule {item.rule.index}"
        if grouped[name, item.group.name, item.rule.index] > 1:
            place = f"{item.group.file}, {place}"
        names.append(name if shared[name] == 1 else f"{name} ({place})")
    return names
