"""Who uses which metric and which label, with grades of evidence; and what is asked for but missing."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from analysis.cardinality import templating
from analysis.cardinality.queries import MADE_BY_ALERTS, Query
from analysis.cardinality.uses import Use, uses
from analysis.errors import InputError
from analysis.prometheus.patterns import compiled, is_match

GRADES = ("rule", "dashboard", "query_log", "indirect", "remote")
UNUSED = ("unused",)


@dataclass
class Usage:
    """Usage of the metrics that exist.

    Attributes:
        metrics: grades by metric.
        labels: grades by metric and label.
        uses: every use by metric, for what would break.
        missing: who asks for metrics that are nowhere.
        unread: queries that are not PromQL: where, and why.
        everything: who asks for all metrics at once, which is use of none.
    """

    metrics: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    labels: dict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    uses: dict[str, list[Use]] = field(default_factory=lambda: defaultdict(list))
    missing: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    unread: list[tuple[str, str]] = field(default_factory=list)
    everything: set[str] = field(default_factory=set)

    def of_metric(self, metric: str) -> list[str]:
        """Grades of a metric, strongest first; ``["unused"]`` where there is none."""
        return _ordered(self.metrics.get(metric, set()))

    def of_label(self, metric: str, label: str) -> list[str]:
        """Grades of a label of a metric."""
        return _ordered(self.labels.get((metric, label), set()))


def _ordered(grades: set[str]) -> list[str]:
    return [grade for grade in GRADES if grade in grades] or list(UNUSED)


def usage(
    queries: Iterable[Query],
    jobs: Mapping[str, set[str]],
    label_names: Mapping[str, set[str]],
    remote: Callable[[str], bool] = lambda _: False,
) -> Usage:
    """Grade the use of every metric and label.

    Args:
        queries: everything that is asked.
        jobs: jobs of each metric that exists.
        label_names: labels of each metric that exists.
        remote: whether a metric is sent to consumers that cannot be seen here.
    """
    found = Usage()
    for query in queries:
        try:
            parts = uses(query)
        except InputError as error:
            found.unread.append((query.asked_by, str(error)))
            continue
        for use in parts:
            _count(found, use, jobs, label_names)
    for metric in filter(remote, jobs):
        found.metrics[metric].add("remote")
        for label in label_names.get(metric, ()):
            found.labels[metric, label].add("remote")
    return found


def _count(found: Usage, use: Use, jobs: Mapping[str, set[str]], label_names: Mapping[str, set[str]]) -> None:
    if use.metric:
        if (
            use.metric not in jobs
            and use.metric not in MADE_BY_ALERTS
            and use.kind in ("rule", "dashboard", "indirect")
        ):
            found.missing[use.metric].add(use.asked_by)
        names, kind = ([use.metric] if use.metric in jobs else []), str(use.kind)
    else:
        names, kind = matching(use, jobs, label_names), "indirect"
        if not (use.pattern or use.matchers or use.labels) and use.indirect_labels:
            _count_label(found, use, label_names)
            return
        if len(names) == len(jobs) > 1:
            found.everything.add(use.asked_by)
            names = []
    for name in names:
        found.metrics[name].add(kind)
        found.uses[name].append(use)
        # a label that is written out is used by whoever wrote it, even where the metric is a pattern
        for label in use.labels & label_names.get(name, set()):
            found.labels[name, label].add(str(use.kind) if use.metric else "indirect")
        for label in label_names.get(name, set()):
            if any(compiled(p).fullmatch(label) for p in use.indirect_labels if p != ".*"):
                found.labels[name, label].add("indirect")


def _count_label(found: Usage, use: Use, label_names: Mapping[str, set[str]]) -> None:
    """``label_values(label)`` lists a label of whatever metric has it: a use of the label, and of no metric."""
    for name, labels in label_names.items():
        for label in labels & use.indirect_labels:
            found.labels[name, label].add("indirect")
            found.uses[name].append(use)


def matching(use: Use, jobs: Mapping[str, set[str]], label_names: Mapping[str, set[str]]) -> list[str]:
    """The metrics that a selector without a plain name matches: by name, by job, and by the labels they have."""
    names = [name for name in jobs if all(is_match(op, pattern, name) for op, pattern in use.pattern)]
    clear = [(label, op, value) for label, op, value in use.matchers if templating.MARK not in value]
    wanted = [(op, _pattern(op, value)) for label, op, value in clear if label == "job"]
    asked = {label for label, op, value in clear if label != "job" and not is_match(op, _pattern(op, value), "")}
    return [
        name
        for name in names
        if any(all(is_match(op, pattern, job) for op, pattern in wanted) for job in jobs[name])
        and (not label_names.get(name) or asked <= label_names[name])  # none known: beyond the budget
    ]


def _pattern(op: str, value: str) -> str:
    return re.escape(value) if op in ("=", "!=") else value
