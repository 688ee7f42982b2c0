"""Which jobs are scraped so seldom that an instant query would miss them between two scrapes.

Measured on the samples at each edge, since today's configuration says nothing about last month.
"""

from datetime import datetime, timedelta
from typing import Any

import numpy as np

from analysis.cardinality.selectors import OURS
from analysis.errors import LACKING, PromreviewError
from analysis.prometheus import Prometheus
from analysis.prometheus.patterns import one_of
from analysis.prometheus.promql import quote
from analysis.window import Window, parse_duration

LOOKBACK = timedelta(minutes=5)  # Prometheus's default
INTERVALS_BACK = 2.5  # so that one missed scrape does not lose a series
# Stretches in which at least three samples are looked for, shortest first: raw samples cost memory.
STRETCHES = (timedelta(hours=1), timedelta(hours=8), timedelta(days=3))
MOST_SERIES = 50  # series whose raw samples are read to measure one job
MOST_NAMES = 10  # metrics of a job without `up` among which the smallest is taken: their label sets are read


def lookback(prom: Prometheus) -> timedelta:
    """The server's lookback; the default where it does not say."""
    try:
        return parse_duration(str(prom.status("flags").get("query.lookback-delta", "5m")))
    except PromreviewError:
        return LOOKBACK


def slow_jobs(prom: Prometheus, at: datetime, back: timedelta) -> dict[str, float]:
    """Jobs scraped slower than half the lookback, with the seconds to look back for them.

    Args:
        prom: the server.
        at: the edge.
        back: the server's lookback.
    """
    hour = timedelta(hours=1)
    day = Window(at - timedelta(days=1), at + timedelta(milliseconds=1))
    # an empty job is allowed in the index, but cannot be told from "no job"
    jobs = _jobs(prom, day)
    counted = prom.instant("max by (job) (count_over_time(up[1h]))", at)
    often = {str(job) for (job,), n in counted.items() if n * back / 2 > hour}
    measured = {job: _interval(prom, job, at) for job in jobs if job not in often}
    configured = _configured(prom)
    found = {}
    for job, interval in measured.items():
        seconds = interval if interval is not None else configured.get(job)
        if seconds is not None and seconds > back.total_seconds() / 2:
            found[job] = seconds * INTERVALS_BACK
    return found


def _jobs(prom: Prometheus, day: Window) -> list[str]:
    """Every job that wrote in a day; those of its end where the server lists no values."""
    try:
        values = prom.label_values("job", window=day)
    except LACKING:
        values = [str(job) for (job,) in prom.instant('group by (job) ({job!=""})', day.end).index]
    return [job for job in values if job]


def _interval(prom: Prometheus, job: str, at: datetime) -> float | None:
    """Median time between two samples of one metric of the job, in seconds; None if it cannot be seen."""
    for stretch in STRETCHES:
        metric = _small_metric(prom, job, Window(at - stretch, at + timedelta(milliseconds=1)))
        if metric is None:
            continue
        expr = f"{{__name__={quote(metric)},job={quote(job)}}}[{stretch // timedelta(seconds=1)}s]{OURS}"
        gaps = [gap for gaps in _gaps(prom, expr, at) for gap in gaps]
        if len(gaps) >= 2:
            return round(float(np.median(gaps)), 3)
    return None


def _small_metric(prom: Prometheus, job: str, window: Window) -> str | None:
    """A metric of the job with few series: ``up`` where there is one."""
    selector = f"{{job={quote(job)}}}"
    try:
        names = prom.label_values("__name__", [selector], window)
    except LACKING:
        return "up"
    if not names or "up" in names:
        return "up" if names else None
    some = names[:: max(1, len(names) // MOST_NAMES)]
    sizes: dict[str, int] = {}
    try:
        rows = prom.series([f"{{__name__=~{one_of(some)},job={quote(job)}}}"], window)
    except LACKING:
        return names[0]
    for labels in rows:
        sizes[labels["__name__"]] = sizes.get(labels["__name__"], 0) + 1
    return min(sizes, key=lambda name: (sizes[name], name)) if sizes else None


def _gaps(prom: Prometheus, expr: str, at: datetime) -> list[list[float]]:
    data: dict[str, Any] = prom.get("query", {"query": expr, "time": at.timestamp()})
    stamps = [np.array([float(t) for t, _ in item["values"]]) for item in data["result"][:MOST_SERIES]]
    return [np.diff(times).tolist() for times in stamps]


def _configured(prom: Prometheus) -> dict[str, float]:
    """The longest scrape interval of each job, from the targets of now."""
    try:
        targets = prom.targets().get("activeTargets", [])
    except PromreviewError:
        return {}
    found: dict[str, float] = {}
    for target in targets:
        job, text = target.get("labels", {}).get("job", ""), target.get("scrapeInterval", "")
        seconds = parse_duration(text).total_seconds() if text else 0.0
        found[job] = max(found.get(job, 0.0), seconds)
    return found
