"""The face of the cardinality analysis: collect, explain, grade, forecast, propose, say."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from analysis.cardinality import outcome, remote
from analysis.cardinality.causes import causes as split_causes
from analysis.cardinality.collect import collect
from analysis.cardinality.dashboards import folder_queries
from analysis.cardinality.describe import REPORT, Describer
from analysis.cardinality.grafana import api_queries
from analysis.cardinality.history import totals
from analysis.cardinality.model import Collected
from analysis.cardinality.proposals import proposals as make_proposals
from analysis.cardinality.queries import Query, rule_queries
from analysis.cardinality.query_log import log_queries
from analysis.cardinality.tables import cause_rows, jobs_of, label_names, metric_rows, proposal_rows
from analysis.cardinality.usage import Usage, usage
from analysis.errors import PromreviewError, SourceError
from analysis.findings import (
    Coverage,
    Finding,
    FindingsDocument,
    Gap,
    ReportResult,
    TimeSpan,
    finding_id,
    sort_findings,
)
from analysis.prometheus import Prometheus
from analysis.prometheus.patterns import one_of
from analysis.prometheus.rule_files import groups_of_files
from analysis.prometheus.rules import groups_of_api
from analysis.series.forecast import Forecast, forecast
from analysis.settings.cardinality import CardinalityGrowthSettings
from analysis.window import Window

UNKNOWN_MEMORY = (
    "the server does not scrape itself: bytes per series are unknown, so the limit of memory was not looked at"
)
FEDERATED = "federated {} times; name the selectors in remote_match: what leaves here cannot be seen to be used"
GIVE = "where others evaluate them (vmalert, a ruler), name their files as rules"


def review(prom: Prometheus, settings: CardinalityGrowthSettings, window: Window) -> ReportResult:
    """Review the growth of one window.

    Returns:
        The document with the keys of ``promreview cardinality``; tables ``metrics``, ``causes``,
        ``proposals``, ``missing``, ``last_month``; frames ``trend`` (series by metric over time)
        and ``total``.

    Example:
        >>> from analysis.settings.cardinality import CardinalityGrowthSettings
        >>> settings = CardinalityGrowthSettings(month="2026-10")
        >>> print(review(prom, settings, settings.window()))
        cardinality_growth: 1 finding, 0.0% of the window had data
         unknown  No series at all in this window: nothing can be said about growth
    """
    collected = collect(prom, settings, window)
    if collected is None:
        return _without_data(prom, window)
    queries, gaps = _queries(prom, settings, window)
    jobs, names = jobs_of(collected), label_names(collected)
    used = usage(queries, jobs, names, remote.consumer(prom, settings))
    gaps += [_gap(window, where, f"not read: {why}"[:300]) for where, why in used.unread]
    if not settings.remote_match and (asked := remote.federations(prom, window)) >= 1:
        gaps.append(_gap(window, "usage by federation", FEDERATED.format(round(asked))))
    missing = _missing(prom, used, window)
    rows = metric_rows(collected, used, settings.owner_labels)
    recorded = {query.record for query in queries if query.record}
    proposed = make_proposals(collected.edges, used, recorded, settings)
    limit = _limit(collected, settings)
    if settings.limit_memory_bytes and not collected.bytes_per_series:
        gaps.append(_gap(window, "the memory limit", UNKNOWN_MEMORY))
    total = totals(collected.trend)
    ahead = (
        forecast(total, limit, settings.forecast_level)
        if limit
        else Forecast(settings.forecast_level, reason="no_limit")
    )
    found = split_causes(collected.counts_start, collected.counts_end, collected.edges, collected.created)
    past = _last_month(prom, settings, window, rows)
    alive = int(collected.counts_end.sum())
    describe = Describer(window, (collected.start, collected.end), prom.source().url, settings, prom.restricted)
    findings = [
        *describe.growth(found, {row["name"]: row for row in rows}, proposed),
        *([describe.limit(ahead, limit, alive)] if limit else []),
        *describe.churn(found, alive),
        *describe.missing(missing),
        *describe.outcome(past),
    ]
    extra = {
        "series": {"start": int(collected.counts_start.sum()), "end": alive},
        "edges": {"start": collected.start, "end": collected.end},
        "slow_jobs": dict(collected.slow_jobs),
        "causes": cause_rows(found),
        "metrics": rows,
        "missing": [{"metric": name, "asked_by": sorted(who)} for name, who in sorted(missing.items())],
        "forecast": forecast_row(ahead, limit),
        "proposals": proposal_rows(proposed),
        "usage_sources": _sources(queries),
        "asked_for_everything": sorted(used.everything),
        "last_month": past,
        "head": dict(collected.head),
        "bytes_per_series": collected.bytes_per_series,
    }
    document = _document(prom, window, collected.coverage, [*collected.gaps, *gaps], findings, extra)
    return ReportResult(document, _tables(extra), {"trend": collected.trend, "total": total.to_frame("series")})


def forecast_row(found: Forecast, limit: float | None) -> dict[str, Any]:
    """The forecast as the document has it."""
    return {
        "limit": limit,
        "level": found.level,
        "reached_at": found.reached_at,
        "interval": [found.early, found.late],
        "trend": found.trend,
        "reason": found.reason,
        "trend_since": found.stretch_start,
    }


def _document(
    prom: Prometheus, window: Window, share: float, gaps: list[Gap], findings: list[Finding], extra: dict[str, Any]
) -> FindingsDocument:
    values = {
        "report": REPORT,
        "window": TimeSpan.of(window),
        "source": prom.source(),
        "queries": prom.queries,
        "coverage": Coverage(share=share, gaps=gaps),
        "findings": sort_findings(findings),
    }
    return FindingsDocument.model_validate({**values, **extra})


def _without_data(prom: Prometheus, window: Window) -> ReportResult:
    finding = Finding(
        id=finding_id(REPORT, "no_data"),
        report=REPORT,
        kind="no_data",
        severity="unknown",
        title="No series at all in this window: nothing can be said about growth",
        start=window.start,
        end=window.end,
        detected_at=window.end,
        action="Check the window against the retention with: promreview doctor",
    )
    extra: dict[str, Any] = {
        "series": {"start": None, "end": None},
        "causes": [],
        "metrics": [],
        "missing": [],
        "proposals": [],
        "last_month": [],
        "forecast": forecast_row(Forecast(0.8, reason="too_little_data"), None),
    }
    gap = _gap(window, "all series", "no data in the window")
    document = _document(prom, window, 0.0, [gap], [finding], extra)
    empty = pd.DataFrame(index=pd.DatetimeIndex([], tz="UTC", name="time"))
    return ReportResult(document, _tables(extra), {"trend": empty, "total": empty.assign(series=[])})


def _tables(extra: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
    names = ("metrics", "causes", "proposals", "missing", "last_month")
    return {name: pd.DataFrame(extra[name]) for name in names}


def _gap(window: Window, scope: str, reason: str) -> Gap:
    return Gap(start=window.start, end=window.end, scope=scope, reason=reason)


def _queries(prom: Prometheus, settings: CardinalityGrowthSettings, window: Window) -> tuple[list[Query], list[Gap]]:
    """Everything that is asked, and the sources that could not be read."""
    gaps: list[Gap] = []
    try:
        groups = groups_of_files(settings.rules) if settings.rules else groups_of_api(prom.rules())
    except PromreviewError as error:
        if settings.rules:
            raise
        groups, gaps = [], [_gap(window, "usage by rules", f"the server does not show its rules: {error}; {GIVE}")]
    if not groups and not gaps:
        gaps.append(_gap(window, "usage by rules", f"the server shows no rule at all; {GIVE}"))
    found = list(rule_queries(groups))
    if settings.dashboards:
        skipped: list[tuple[str, str]] = []
        found += folder_queries(settings.dashboards, skipped)
        gaps += [_gap(window, f"usage by dashboards: {file}", f"skipped: {why}"[:300]) for file, why in skipped]
    if settings.grafana_url:
        try:
            found += api_queries(settings.grafana_url)
        except SourceError as error:
            gaps.append(_gap(window, "usage by dashboards", str(error)))
    elif not settings.dashboards:
        gaps.append(_gap(window, "usage by dashboards", "no dashboards given; unused means: by no rule"))
    return [*found, *log_queries(settings.query_log)], gaps


def _sources(queries: Iterable[Query]) -> dict[str, int]:
    kinds = [query.kind for query in queries]
    return {kind: kinds.count(kind) for kind in ("rule", "dashboard", "indirect", "query_log")}


def _missing(prom: Prometheus, used: Usage, window: Window) -> dict[str, set[str]]:
    """Of what is absent at both edges, that which was not there in between either."""
    if not used.missing:
        return {}
    names, seen = sorted(used.missing), set()
    for at in range(0, len(names), 200):
        for labels in prom.series([f"{{__name__=~{one_of(names[at : at + 200])}}}"], window):
            seen.add(labels["__name__"])
    return {name: used.missing[name] for name in names if name not in seen}


def _limit(collected: Collected, settings: CardinalityGrowthSettings) -> float | None:
    """The smaller of both limits, in series."""
    limits = [float(settings.limit_series)] if settings.limit_series else []
    if settings.limit_memory_bytes and collected.bytes_per_series:
        limits.append(float(round(settings.limit_memory_bytes / collected.bytes_per_series)))
    return min(limits, default=None)


def _last_month(
    prom: Prometheus, settings: CardinalityGrowthSettings, window: Window, rows: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    if settings.previous_results is None:
        return []
    whose = prom.settings.environment
    document = outcome.previous_document(settings.previous_results, window.start, settings.timezone, whose)
    return outcome.outcomes((document.model_extra or {}).get("proposals", []), rows) if document else []
