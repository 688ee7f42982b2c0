"""A team's own report: one query against a limit, in the shape of every other report."""

from datetime import datetime, timedelta

import pandas as pd

from analysis.findings import Coverage, Finding, FindingsDocument, Gap, ReportResult, TimeSpan, finding_id
from analysis.prometheus import Prometheus
from analysis.settings.own import OwnReportSettings
from analysis.stack.links import prometheus_graph
from analysis.window import Window, parse_duration

KIND = "above_limit"


def review(prom: Prometheus, settings: OwnReportSettings, window: Window) -> ReportResult:
    """Find the stretches in which a series stays above the limit.

    Raises:
        QueryError: the server calls the query wrong.
        SourceError: the server failed.
    """
    frame = prom.range(settings.expr, window.start, window.end, settings.step)
    table = stretches(frame, settings.limit, parse_duration(settings.step), parse_duration(settings.hold))
    document = FindingsDocument(
        report=settings.report,
        window=TimeSpan.of(window),
        source=prom.source(),
        queries=prom.queries,
        coverage=_coverage(frame, settings, window),
        findings=[_finding(prom, settings, window, row) for row in table.to_dict("records")],
    )
    return ReportResult(document, {"stretches": table.drop(columns="labels")}, {"values": frame})


def stretches(frame: pd.DataFrame, limit: float, step: timedelta, hold: timedelta) -> pd.DataFrame:
    """One row per stretch above the limit that lasts at least `hold`; a missing sample ends a stretch."""
    rows = []
    for key in frame.columns:
        above = frame[key] > limit
        runs = frame[key][above].groupby((~above).cumsum()[above])
        for _, run in runs:
            start, end = run.index[0], run.index[-1] + step
            if end - start >= hold:
                values = key if isinstance(key, tuple) else (key,)
                labels = {str(n): v for n, v in zip(frame.columns.names, values, strict=True) if v}
                rows.append({"start": start, "end": end, "highest": run.max(), "at": run.idxmax(), "labels": labels})
    return pd.DataFrame(rows, columns=["start", "end", "highest", "at", "labels"])


def _coverage(frame: pd.DataFrame, settings: OwnReportSettings, window: Window) -> Coverage:
    if frame.empty:
        nothing = Gap(start=window.start, end=window.end, scope=settings.expr, reason="the query gives no series")
        return Coverage(share=0.0, gaps=[nothing])
    return Coverage(share=float(frame.notna().any(axis=1).mean()))


def _finding(prom: Prometheus, settings: OwnReportSettings, window: Window, row: dict[str, object]) -> Finding:
    start, end, at = (pd.Timestamp(row[name]).to_pydatetime() for name in ("start", "end", "at"))
    labels, highest = dict(row["labels"]), float(row["highest"])  # type: ignore[call-overload,arg-type]
    named = ", ".join(f"{name} {value}" for name, value in labels.items() if name != "__name__") or settings.expr
    return Finding(
        id=finding_id(settings.report, KIND, labels, start),
        report=settings.report,
        kind=KIND,
        severity=settings.severity,
        title=f"{named}: up to {highest:,.4g} {settings.unit}".rstrip() + f", above the limit of {settings.limit:g}",
        start=start,
        end=None if end >= window.end else end,
        detected_at=_detected(start, settings, window),
        peak_at=at,
        labels=labels,
        score=highest / settings.limit if settings.limit else None,
        evidence={"highest": highest, "limit": settings.limit, "minutes": (end - start).total_seconds() / 60},
        action=settings.action,
        links={"prometheus": prometheus_graph(prom.api.shown_url, prom.restricted(settings.expr), window)},
    )


def _detected(start: datetime, settings: OwnReportSettings, window: Window) -> datetime:
    return min(start + parse_duration(settings.hold), window.end)
