"""Which metrics some alert reads, directly or through recording rules."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping

from analysis.errors import InputError
from analysis.prometheus.patterns import is_match, regex_literal
from analysis.prometheus.promql import Selector, parse, selectors
from analysis.prometheus.rules import RuleGroup

MetricJob = tuple[str, str]
MADE_BY_ALERTS = frozenset({"ALERTS", "ALERTS_FOR_STATE"})
_PART_OF_FAMILY = re.compile(r"_(bucket|count|sum|created)$")


def family(metric: str, known: Collection[str]) -> str:
    """The histogram, summary or counter that a series belongs to; any other metric is its own family."""
    base = _PART_OF_FAMILY.sub("", metric)
    if base != metric and f"{base}_sum" in known:
        return base
    return f"{base}_total" if metric == f"{base}_created" and f"{base}_total" in known else metric


def watchers(groups: Iterable[RuleGroup], jobs: Mapping[str, set[str]]) -> dict[MetricJob, set[str]]:
    """The alerts that read each metric of each job.

    An alert that reads one part of a histogram watches all of it. A selector that names no metric at all
    (``{job="a"}``) watches nothing: it says that something is there, not that it is well.

    Args:
        groups: the rules of the server.
        jobs: jobs of each metric that exists; the empty text where a series has none.

    Returns:
        Names of alerts by metric and job; what nobody watches is left out.
    """
    rules = [rule for group in groups for rule in group.rules]
    recorded = _expressions((rule.name, rule.expr) for rule in rules if rule.kind == "recording")
    found: dict[MetricJob, set[str]] = defaultdict(set)
    for rule in rules:
        if rule.kind == "alerting":
            for selector in _read(rule.expr, recorded, frozenset()):
                for pair in _matched(selector, jobs):
                    found[pair].add(rule.name)
    return _spread_over_families(found, jobs)


def _expressions(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for name, expr in pairs:
        found[name].append(expr)
    return found


def _read(expr: str, recorded: Mapping[str, list[str]], above: frozenset[str]) -> Iterator[Selector]:
    """Selectors of an expression, and of the recordings that it reads; each recording once on the way down."""
    try:
        found = selectors(parse(expr))
    except InputError:  # MetricsQL, or newer than the parser: named by threshold_drift
        return
    for selector in found:
        yield selector
        if selector.name in recorded and selector.name not in above:
            for inner in recorded[selector.name]:
                yield from _read(inner, recorded, above | {selector.name})


def _matched(selector: Selector, jobs: Mapping[str, set[str]]) -> Iterator[MetricJob]:
    on_job = [_as_pattern(op, value) for label, op, value in selector.matchers if label == "job"]
    for name in _named(selector, jobs):
        for job in jobs[name]:
            if all(is_match(op, pattern, job) for op, pattern in on_job):
                yield name, job


def _named(selector: Selector, jobs: Mapping[str, set[str]]) -> list[str]:
    if selector.name:
        return [selector.name] if selector.name in jobs else []
    on_name = [_as_pattern(op, value) for label, op, value in selector.matchers if label == "__name__"]
    names = [name for name in jobs if on_name and all(is_match(op, pattern, name) for op, pattern in on_name)]
    return [] if len(names) == len(jobs) else names


def _as_pattern(operator: str, value: str) -> tuple[str, str]:
    return operator, regex_literal(value) if operator in ("=", "!=") else value


def _spread_over_families(
    found: Mapping[MetricJob, set[str]], jobs: Mapping[str, set[str]]
) -> dict[MetricJob, set[str]]:
    known = frozenset(jobs)
    by_family: dict[MetricJob, set[str]] = defaultdict(set)
    for (name, job), alerts in found.items():
        by_family[family(name, known), job] |= alerts
    pairs = ((name, job) for name in jobs for job in jobs[name])
    spread = {(name, job): by_family.get((family(name, known), job), set()) for name, job in pairs}
    return {pair: alerts for pair, alerts in spread.items() if alerts}
