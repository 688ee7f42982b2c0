"""The face of the cardinality analysis: collect, explain, grade, forecast, propose, say."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd

from analysis.cardinality import outcome
from analysis.cardinality.asked import Asked, asked_for, gap_of
from analysis.cardinality.causes import causes as split_causes
from analysis.cardinality.collect import collect
from analysis.cardinality.describe import REPORT, Describer
from analysis.cardinality.history import totals
from analysis.cardinality.model import Cause, Collected
from analysis.cardinality.proposals import Proposal
from analysis.cardinality.proposals import proposals as make_proposals
from analysis.cardinality.tables import cause_rows, metric_rows, proposal_rows
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
from analysis.series.forecast import Forecast, forecast
from analysis.settings.cardinality import CardinalityGrowthSettings
from analysis.window import Window

UNKNOWN_MEMORY = (
    "the server does not scrape itself: bytes per series are unknown, so the limit of memory was not looked at"
)


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
    asked = asked_for(prom, settings, window, collected)
    rows = metric_rows(collected, asked.used, settings.owner_labels)
    limit, total = _limit(collected, settings), totals(collected.trend)
    reviewed = Reviewed(
        collected,
        asked,
        rows,
        make_proposals(collected.edges, asked.used, asked.recorded, settings, collected.slow_jobs),
        split_causes(collected.counts_start, collected.counts_end, collected.edges, collected.created),
        limit,
        _ahead(total, limit, settings),
        _last_month(prom, settings, window, rows),
    )
    gaps, extra = [*collected.gaps, *asked.gaps], _extra(reviewed)
    if settings.limit_memory_bytes and not collected.bytes_per_series:
        gaps.append(gap_of(window, "the memory limit", UNKNOWN_MEMORY))
    findings = _findings(prom, settings, window, reviewed)
    document = _document(prom, window, collected.coverage, gaps, findings, extra)
    return ReportResult(document, _tables(extra), {"trend": collected.trend, "total": total.to_frame("series")})


class Reviewed(NamedTuple):
    """What the parts of the analysis say of one window; `metrics` and `last_month` are rows of the document."""

    collected: Collected
    asked: Asked
    metrics: list[dict[str, Any]]
    proposals: list[Proposal]
    causes: list[Cause]
    limit: float | None
    ahead: Forecast
    last_month: list[dict[str, Any]]

    @property
    def alive(self) -> int:
        """Series at the window's end."""
        return int(self.collected.counts_end.sum())


def _findings(
    prom: Prometheus, settings: CardinalityGrowthSettings, window: Window, reviewed: Reviewed
) -> list[Finding]:
    edges = reviewed.collected.start, reviewed.collected.end
    describe = Describer(window, edges, prom.source().url, settings, prom.restricted)
    by_name = {row["name"]: row for row in reviewed.metrics}
    limit = reviewed.limit
    return [
        *describe.growth(reviewed.causes, by_name, reviewed.proposals),
        *([describe.limit(reviewed.ahead, limit, reviewed.alive)] if limit else []),
        *describe.churn(reviewed.causes, reviewed.alive),
        *describe.missing(reviewed.asked.missing),
        *describe.outcome(reviewed.last_month),
    ]


def _extra(reviewed: Reviewed) -> dict[str, Any]:
    """What the document has beside its findings."""
    collected, asked = reviewed.collected, reviewed.asked
    return {
        "series": {"start": int(collected.counts_start.sum()), "end": reviewed.alive},
        "edges": {"start": collected.start, "end": collected.end},
        "slow_jobs": dict(collected.slow_jobs),
        "causes": cause_rows(reviewed.causes),
        "metrics": reviewed.metrics,
        "missing": [{"metric": name, "asked_by": sorted(who)} for name, who in sorted(asked.missing.items())],
        "forecast": forecast_row(reviewed.ahead, reviewed.limit),
        "proposals": proposal_rows(reviewed.proposals),
        "usage_sources": asked.sources,
        "asked_for_everything": sorted(asked.used.everything),
        "last_month": reviewed.last_month,
        "head": dict(collected.head),
        "bytes_per_series": collected.bytes_per_series,
    }


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
    gap = gap_of(window, "all series", "no data in the window")
    document = _document(prom, window, 0.0, [gap], [finding], extra)
    empty = pd.DataFrame(index=pd.DatetimeIndex([], tz="UTC", name="time"))
    return ReportResult(document, _tables(extra), {"trend": empty, "total": empty.assign(series=[])})


def _tables(extra: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
    names = ("metrics", "causes", "proposals", "missing", "last_month")
    return {name: pd.DataFrame(extra[name]) for name in names}


def _limit(collected: Collected, settings: CardinalityGrowthSettings) -> float | None:
    """The smaller of both limits, in series."""
    limits = [float(settings.limit_series)] if settings.limit_series else []
    if settings.limit_memory_bytes and collected.bytes_per_series:
        limits.append(float(round(settings.limit_memory_bytes / collected.bytes_per_series)))
    return min(limits, default=None)


def _ahead(total: pd.Series, limit: float | None, settings: CardinalityGrowthSettings) -> Forecast:
    """When the limit is reached, where there is one."""
    level = settings.forecast_level
    return forecast(total, limit, level) if limit else Forecast(level, reason="no_limit")


def _last_month(
    prom: Prometheus, settings: CardinalityGrowthSettings, window: Window, rows: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    if settings.previous_results is None:
        return []
    whose = prom.settings.environment
    document = outcome.previous_document(settings.previous_results, window.start, settings.timezone, whose)
    return outcome.outcomes((document.model_extra or {}).get("proposals", []), rows) if document else []
