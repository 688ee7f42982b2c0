"""What may go: proposals with exact savings, collisions, and what each would break. Pure."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal

from analysis.cardinality import relabel
from analysis.cardinality.model import Edges, Group, Labels
from analysis.cardinality.queries import MADE_BY_ALERTS
from analysis.cardinality.templating import ANY, MARK
from analysis.cardinality.usage import UNUSED, Usage
from analysis.settings.cardinality import CardinalityGrowthSettings

Action = Literal["drop_metric", "drop_label", "keep_values", "aggregate"]
Members = list[tuple[str, Labels]]
UNSEEN = "remote consumers that cannot be seen from here"
_COUNTERS = ("_total", "_count", "_sum", "_bucket")
# Prometheus makes these itself with every scrape, after relabelling: no configuration drops them.
_MADE_BY_SCRAPES = frozenset(
    {
        "up",
        "scrape_body_size_bytes",
        "scrape_duration_seconds",
        "scrape_sample_limit",
        "scrape_samples_post_metric_relabeling",
        "scrape_samples_scraped",
        "scrape_series_added",
        "scrape_timeout_seconds",
    }
)


@dataclass(frozen=True)
class Proposal:
    """One change of the configuration, and exactly what it does."""

    metric: str
    action: Action
    label: str
    config: str
    series_before: int
    series_after: int
    collisions: int
    breaks: tuple[str, ...]
    readers: tuple[str, ...] = ()  # whose numbers change: series collide, or what is recorded takes their place
    jobs: tuple[str, ...] = ()
    values: tuple[str, ...] = ()

    @property
    def saved(self) -> int:
        """Series that go."""
        return self.series_before - self.series_after


def proposals(
    edges: Mapping[Group, Edges],
    usage: Usage,
    recorded: Iterable[str],
    settings: CardinalityGrowthSettings,
    slow_jobs: Mapping[str, float] | None = None,
) -> list[Proposal]:
    """Proposals, the largest savings first, at most one per metric and action.

    Args:
        edges: label sets by group.
        usage: who uses what.
        recorded: names that recording rules make: no scrape configuration touches them.
        settings: bounds.
        slow_jobs: jobs whose scrapes lie further apart than a server looks back, and the seconds that one has to.
    """
    by_metric: dict[str, Members] = defaultdict(list)
    for group, sides in edges.items():
        by_metric[group.metric] += [(group.job, labels) for labels in sides.end]
    made = set(recorded)
    found = [
        proposal
        for metric, series in by_metric.items()
        if len(series) > settings.min_proposal_series and _scraped(metric, made)
        for proposal in _of_metric(metric, series, usage, settings)
        if proposal.saved >= settings.min_proposal_series
    ]
    found = sorted(found, key=lambda p: (_harm(p), -p.saved, p.metric, p.action))[: settings.max_proposals]
    return [replace(proposal, config=_config(proposal, slow_jobs or {})) for proposal in found]


def _harm(proposal: Proposal) -> int:
    """Nobody is hurt, numbers are that somebody reads, or what somebody asks for goes."""
    return 2 if proposal.breaks else int(bool(proposal.collisions and proposal.readers))


def _config(proposal: Proposal, slow_jobs: Mapping[str, float]) -> str:
    """The YAML to paste; made for those that are shown alone, since there may be thousands."""
    metric, label = proposal.metric, proposal.label
    if proposal.action == "drop_metric":
        return relabel.drop_metric(metric)
    if proposal.action == "drop_label":
        return relabel.drop_label(metric, label)
    if proposal.action == "keep_values":
        return relabel.keep_values(metric, label, proposal.values)
    lookback = timedelta(seconds=max(slow_jobs.get(job, 0.0) for job in proposal.jobs))
    return relabel.aggregate(metric, label, counter=metric.endswith(_COUNTERS), lookback=lookback)


def _scraped(metric: str, made: set[str]) -> bool:
    # a colon marks what a rule recorded, here or where it was evaluated before it was sent here
    return metric not in made | _MADE_BY_SCRAPES | MADE_BY_ALERTS and ":" not in metric


def _of_metric(metric: str, series: Members, usage: Usage, settings: CardinalityGrowthSettings) -> Iterator[Proposal]:
    jobs = tuple(sorted({job for job, _ in series}))
    readers = tuple(sorted({use.asked_by for use in usage.uses.get(metric, [])}))
    if usage.of_metric(metric) == list(UNUSED):
        yield Proposal(metric, "drop_metric", "", "", len(series), 0, 0, (), jobs=jobs)
    for place, label in enumerate(_costly_labels(series, settings)):
        effect = relabel.without_label(series, label)
        breaks = _breaks(metric, label, usage)
        if not breaks or place == 0:  # the costliest one is worth knowing even where it breaks something
            sizes = (effect.before, effect.after, effect.collisions)
            merged = readers if effect.collisions else ()
            yield Proposal(metric, "drop_label", label, "", *sizes, breaks, merged, jobs)
        if not breaks:
            if effect.collisions:
                yield Proposal(metric, "aggregate", label, "", effect.before, effect.after, 0, (), readers, jobs)
            return
        values = _values_asked(metric, label, usage)
        if values is not None and 0 < len(values) <= settings.max_values_kept:
            kept = relabel.with_values(series, label, values)
            listed = tuple(sorted(values))
            yield Proposal(metric, "keep_values", label, "", kept.before, kept.after, 0, (), (), jobs, listed)
            return


def _costly_labels(series: Members, settings: CardinalityGrowthSettings) -> list[str]:
    """Labels by the number of their values, most first."""
    values: dict[str, set[str]] = defaultdict(set)
    for _, labels in series:
        for name, value in zip(*labels, strict=True):
            values[name].add(value)
    free = [name for name in values if name not in settings.protected_labels and len(values[name]) > 1]
    return sorted(free, key=lambda name: (-len(values[name]), name))[:3]


def _breaks(metric: str, label: str, usage: Usage) -> tuple[str, ...]:
    """Rules, panels and consumers that use this label of this metric, or may do so through a variable."""
    asking = {
        use.asked_by
        for use in usage.uses.get(metric, [])
        if label in use.labels
        or any(part.has(label) for part in use.matched)
        or any(p != ANY and re.fullmatch(p, label) for p in use.indirect_labels)
    }
    unseen = {UNSEEN} if "remote" in usage.of_metric(metric) else set()
    return tuple(sorted(asking | unseen))


def _values_asked(metric: str, label: str, usage: Usage) -> set[str] | None:
    """The values that every use asks for; None where one of them asks for others too."""
    asked: set[str] = set()
    for use in usage.uses.get(metric, []):
        exact = [v for name, op, v in use.matchers if name == label and op == "=" and v and MARK not in v]
        if not exact:
            return None
        asked.update(exact)
    return asked or None
