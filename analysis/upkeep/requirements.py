"""What the monitoring should look at and does not: requirements that a month has shown."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from analysis.findings import Finding, Severity
from analysis.prometheus import Prometheus
from analysis.prometheus.rules import RuleGroup
from analysis.settings.upkeep import MonitoringGapsSettings
from analysis.upkeep.inventory import Inventory, rises
from analysis.upkeep.standing import MONTHLY, listed, standing
from analysis.upkeep.watching import MADE_BY_ALERTS, MetricJob, family, watchers
from analysis.window import Window

COLUMNS = ["metric", "job", "series", "alerts", "is_failure", "rise", "is_new", "is_ignored"]
NOTE = "Write an alert, or name it in `ignored` with the reason beside it; promreview decide keeps the decision."


def metrics_table(
    prom: Prometheus, settings: MonitoringGapsSettings, window: Window, groups: Sequence[RuleGroup], there: Inventory
) -> tuple[pd.DataFrame, list[str]]:
    """Every metric of every job, except what rules make.

    Returns:
        A table with ``COLUMNS``: ``alerts`` are the names of those that read it, joined by commas; ``rise`` is
        by how much a counter of failures that no alert watches rose, NaN for every other metric; ``is_new`` is
        missing where nobody can tell. And the counters that the budget left out.
    """
    recorded = {rule.name for group in groups for rule in group.rules if rule.kind == "recording"} | MADE_BY_ALERTS
    rows = [row for row in _rows(settings, watchers(groups, there.jobs), there) if row["metric"] not in recorded]
    table = pd.DataFrame(rows, columns=COLUMNS)
    wanted = table[table["is_failure"].astype(bool) & ~_is_settled(table)]
    risen, left_out = rises(prom, there.series, wanted["metric"], window, settings.series_budget)
    pairs = list(zip(wanted["metric"], wanted["job"], strict=True))
    table["rise"] = pd.Series([risen.get(pair, math.nan) for pair in pairs], index=wanted.index, dtype="float64")
    return table, left_out


def _rows(
    settings: MonitoringGapsSettings, watched: Mapping[MetricJob, set[str]], there: Inventory
) -> Iterator[dict[str, Any]]:
    known, failure = frozenset(there.jobs), re.compile(settings.failures)
    ignored = [re.compile(pattern) for pattern in settings.ignored]
    for (name, job), count in sorted(there.series.items()):
        yield {
            "metric": name,
            "job": job,
            "series": count,
            "alerts": ", ".join(sorted(watched.get((name, job), ()))),
            "is_failure": bool(failure.search(name)) and name.endswith("_total"),
            "is_new": None if there.started is None else name in there.started,
            "is_ignored": any(p.fullmatch(name) or p.fullmatch(family(name, known)) for p in ignored),
        }


def _is_settled(table: pd.DataFrame) -> pd.Series:
    """Whether an alert reads the metric, or a person has said that none needs to."""
    return table["alerts"].ne("") | table["is_ignored"].astype(bool)


def unwatched(metrics: pd.DataFrame, window: Window) -> Iterator[Finding]:
    """Findings by job: nothing of it is watched, failures rose unseen, metrics are new."""
    known = frozenset(metrics["metric"])
    for job, rows in metrics.groupby("job"):
        unseen = rows[~_is_settled(rows)]
        if job and rows["alerts"].eq("").all() and len(unseen):
            yield _job(str(job), rows, window)
        failures = unseen[unseen["rise"].notna()].sort_values("rise", ascending=False)
        if len(failures):
            yield _failures(str(job), failures, window)
        fresh = unseen[unseen["is_new"].eq(True)]
        if len(fresh):
            names = sorted({family(name, known) for name in fresh["metric"]})
            yield _new(str(job), names, window, is_new_job=bool(rows["is_new"].eq(True).all()))


def _of(job: str) -> str:
    return f"of {job}" if job else "without a job"


def _job(job: str, rows: pd.DataFrame, window: Window) -> Finding:
    title = f"No alert watches {job}, not even whether it is up"
    evidence = {"metrics": rows["metric"].nunique(), "series": int(rows["series"].sum())}
    return standing(MONTHLY, "unwatched_job", "medium", title, NOTE, window, {"job": job}, evidence)


def _failures(job: str, rows: pd.DataFrame, window: Window) -> Finding:
    risen = [f"{row.metric} by {row.rise:,.0f}" for row in rows.itertuples() if row.rise > 0]
    severity: Severity = "medium" if risen else "info"
    said = f"that no alert watches rose: {listed(risen)}" if risen else "that no alert watches; none of them rose"
    count = len(risen) or len(rows)
    what = "A counter" if count == 1 else f"{count} counters"
    title = f"{what} of failures {_of(job)} {said}"
    evidence = {"counters": len(rows), "counters_risen": len(risen)}
    return standing(MONTHLY, "unwatched_failures", severity, title, NOTE, window, {"job": job}, evidence)


def _new(job: str, names: list[str], window: Window, *, is_new_job: bool) -> Finding:
    which = (
        f"{job} is new: {len(names)} of its metrics" if job and is_new_job else f"{len(names)} new metrics {_of(job)}"
    )
    title = f"{which} are read by no alert: {listed(names)}"
    action = "Evaluate what they are for: an alert, a panel, or nothing (then promreview cardinality shows their cost)."
    return standing(MONTHLY, "new_metrics", "low", title, action, window, {"job": job}, {"metrics": len(names)})
