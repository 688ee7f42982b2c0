"""What the parts of the cardinality review hand to each other."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from typing import Literal, NamedTuple

import pandas as pd

from analysis.findings import Gap

CauseKind = Literal["new_metric", "removed_metric", "targets", "label_values", "churn"]


class Group(NamedTuple):
    """The series of one metric in one job; the unit in which growth is explained."""

    metric: str
    job: str


class Labels(NamedTuple):
    """Identity of a series inside its group: sorted label names and their values, name and job left out."""

    names: tuple[str, ...]
    values: tuple[str, ...]

    def get(self, name: str) -> str:
        """Value of a label; the empty text where the series lacks it."""
        return self.values[self.names.index(name)] if name in self.names else ""


_Plan = tuple[tuple[str, ...], Callable[[Mapping[str, str]], tuple[str, ...]]]


class Reader:
    """Reads label sets, sharing equal ones, so that a million series fit into memory and time."""

    def __init__(self) -> None:
        """Nothing shared yet."""
        self._texts: dict[str, str] = {}
        self._plans: dict[tuple[str, ...], _Plan] = {}
        self._shared: dict[Labels, Labels] = {}

    def read(self, labels: Mapping[str, str]) -> tuple[Group, Labels]:
        """Group and identity of one series."""
        found = tuple(labels)
        plan = self._plans.get(found)
        if plan is None:
            plan = self._plans[found] = _plan(found)
        names, pick = plan
        values = pick(labels)
        if "" in values:  # a label without a value is none
            names = tuple([name for name, value in zip(names, values, strict=True) if value])
            values = tuple([value for value in values if value])
        share = self._texts.setdefault
        metric, job = labels.get("__name__", ""), labels.get("job", "")
        return Group(share(metric, metric), share(job, job)), Labels(names, values)

    def share(self, identity: Labels) -> Labels:
        """An equal identity, of which there is one alone; for those that are kept."""
        known = self._shared.get(identity)
        if known is None:
            share = self._texts.setdefault
            names, values = identity
            known = Labels(names, tuple([share(value, value) for value in values]))
            self._shared[known] = known
        return known


def _plan(found: tuple[str, ...]) -> _Plan:
    """Names that belong to an identity, sorted, and how to read their values."""
    names = tuple(sorted(name for name in found if name not in ("__name__", "job")))
    if len(names) > 1:
        return names, itemgetter(*names)
    return names, lambda labels: tuple([labels[name] for name in names])


@dataclass
class Edges:
    """The series of one group alive at the start and at the end."""

    start: set[Labels] = field(default_factory=set)
    end: set[Labels] = field(default_factory=set)


@dataclass
class Created:
    """Series of one group seen in the window beyond those alive at its edges."""

    count: int = 0
    sample: list[Labels] = field(default_factory=list)


@dataclass(frozen=True)
class Cause:
    """One part of the change; the deltas of all causes sum to end minus start."""

    kind: CauseKind
    metric: str
    label: str
    job: str
    delta: int
    created: int = 0


COUNT_LEVELS = ["metric", "job", "instance"]


def counts_series(rows: Iterable[tuple[tuple[str, str, str], int]]) -> pd.Series:
    """Series counts by metric, job and instance."""
    rows = list(rows)
    index = pd.MultiIndex.from_tuples([key for key, _ in rows] or [("", "", "")], names=COUNT_LEVELS)
    counts = pd.Series([n for _, n in rows] or [0], index=index, dtype="int64")
    return counts.groupby(level=COUNT_LEVELS).sum().loc[lambda s: s > 0]


@dataclass(frozen=True)
class Collected:
    """Everything that was asked of the server.

    Attributes:
        start: instant of the first edge; later than the window's start where no data was there.
        end: instant of the second edge.
        counts_start: series alive at the first edge, by metric, job and instance.
        counts_end: the same at the second edge.
        edges: label sets at both edges, of the groups inside the budget.
        created: series between the edges; a group that is missing was not looked at.
        trend: series by metric over time: index ``time``, one column per metric.
        slow_jobs: jobs counted over a longer stretch than the lookback, and the stretch in seconds.
        coverage: share of the window that had data.
        gaps: what could not be judged, and why.
        bytes_per_series: resident memory of the server by its head's series, where it says so.
        head: head statistics of the server, where it has them.
    """

    start: datetime
    end: datetime
    counts_start: pd.Series
    counts_end: pd.Series
    edges: Mapping[Group, Edges]
    created: Mapping[Group, Created]
    trend: pd.DataFrame
    slow_jobs: Mapping[str, float] = field(default_factory=dict)
    coverage: float = 1.0
    gaps: tuple[Gap, ...] = ()
    bytes_per_series: float | None = None
    head: Mapping[str, float] = field(default_factory=dict)
