"""Expressions that count what is alive, every value from outside quoted."""

from collections.abc import Iterable, Mapping

from analysis.prometheus.patterns import one_of
from analysis.prometheus.promql import quote

# A comment in our own queries, so that a query log does not take them for somebody's use.
OURS = " # promreview"


def alive(slow_jobs: Mapping[str, float], metrics: Iterable[str] = ()) -> list[str]:
    """Expressions that together give every series alive at an instant, each once.

    Args:
        slow_jobs: jobs whose scrapes lie too far apart for the lookback, with seconds to look back.
        metrics: only these; all when empty.
    """
    names = list(metrics)
    name = f"__name__=~{one_of(names)}" if names else '__name__!=""'
    quick = f"{{{name},job!~{one_of(slow_jobs)}}}" if slow_jobs else f"{{{name}}}"
    slow = (f"last_over_time({{{name},job={quote(job)}}}[{round(s * 1000)}ms])" for job, s in slow_jobs.items())
    return [quick, *slow]


def count_by(labels: str, expr: str) -> str:
    """The number of series of an expression by labels."""
    return f"count by ({labels}) ({expr})"
