"""Expressions that count what is alive, every value from outside quoted."""

from collections.abc import Iterable, Mapping

from analysis.prometheus.promql import quote

# A comment in our own queries, so that a query log does not take them for somebody's use.
OURS = " # promreview"
_SPECIAL = frozenset(r"\.+*?()|[]{}^$")


def regex_literal(text: str) -> str:
    """A regular expression (RE2) that matches exactly `text`."""
    return "".join("\\" + c if c in _SPECIAL else c for c in text)


def one_of(values: Iterable[str]) -> str:
    """A quoted regular expression that matches exactly these values."""
    return quote("|".join(regex_literal(value) for value in values))


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
