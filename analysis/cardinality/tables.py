"""The tables of the report: one row per metric, cause, proposal. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from analysis.cardinality.model import Cause, Collected, Edges, Group
from analysis.cardinality.proposals import Proposal
from analysis.cardinality.usage import Usage


def label_names(collected: Collected) -> dict[str, set[str]]:
    """Labels of each metric, at the edges and between; ``job`` included where it has one."""
    found: dict[str, set[str]] = defaultdict(set)
    for group, sides in collected.edges.items():
        names = {names for side in (sides.start, sides.end) for names, _ in side}
        found[group.metric].update(*names, {"job"} if group.job else set())
    for group, made in collected.created.items():
        found[group.metric].update(*{labels.names for labels in made.sample}, {"job"} if group.job else set())
    return dict(found)


def jobs_of(collected: Collected) -> dict[str, set[str]]:
    """Jobs of each metric, at the edges and between."""
    found: dict[str, set[str]] = defaultdict(set)
    for part in (collected.counts_start, collected.counts_end):
        for metric, job in part.index.droplevel("instance").unique():
            found[metric].add(job)
    for group in collected.created:
        found[group.metric].add(group.job)
    return dict(found)


def metric_rows(collected: Collected, usage: Usage, owner_labels: Iterable[str]) -> list[dict[str, Any]]:
    """What the document says of every metric, the largest growth first."""
    start, end = (c.groupby("metric").sum() for c in (collected.counts_start, collected.counts_end))
    jobs, labels = jobs_of(collected), _label_rows(collected, usage)
    owners = _owners(collected.edges, tuple(owner_labels))
    churn: dict[str, int] = defaultdict(int)
    for group, made in collected.created.items():
        churn[group.metric] += made.count
    rows = [
        {
            "name": name,
            "jobs": sorted(jobs[name]),
            "team": owners.get(name),
            "owner": owners.get(name) or ", ".join(sorted(filter(None, jobs[name]))) or None,
            "series_start": int(start.get(name, 0)),
            "series_end": int(end.get(name, 0)),
            "growth": int(end.get(name, 0)) - int(start.get(name, 0)),
            "churn": churn.get(name, 0),
            "usage": usage.of_metric(name),
            "labels": labels.get(name, []),
        }
        for name in sorted(jobs)
    ]
    return sorted(rows, key=lambda row: (-row["growth"], -row["series_end"], row["name"]))


def _label_rows(collected: Collected, usage: Usage) -> dict[str, list[dict[str, Any]]]:
    values: dict[str, dict[str, tuple[set[str], set[str]]]] = {
        metric: {name: (set(), set()) for name in names} for metric, names in label_names(collected).items()
    }
    for group, sides in collected.edges.items():
        for place, side in enumerate((sides.start, sides.end)):
            for labels in side:
                for name, value in zip(*labels, strict=True):
                    values[group.metric][name][place].add(value)
            if group.job and side:
                values[group.metric]["job"][place].add(group.job)
    return {
        metric: [
            {
                "name": name,
                "values_start": len(both[0]),
                "values_end": len(both[1]),
                "usage": usage.of_label(metric, name),
            }
            for name, both in sorted(found.items())
        ]
        for metric, found in values.items()
    }


def _owners(edges: Mapping[Group, Edges], owner_labels: tuple[str, ...]) -> dict[str, str]:
    """The team label of each metric where its series have one."""
    found: dict[str, set[str]] = defaultdict(set)
    for group, sides in edges.items():
        for labels in sides.end or sides.start:
            value = next((labels.get(name) for name in owner_labels if labels.get(name)), "")
            if value:
                found[group.metric].add(value)
    return {metric: ", ".join(sorted(names)) for metric, names in found.items()}


def cause_rows(causes: Iterable[Cause]) -> list[dict[str, Any]]:
    """Causes as the document has them."""
    return [
        {"kind": c.kind, "metric": c.metric, "label": c.label, "job": c.job, "delta": c.delta, "created": c.created}
        for c in causes
    ]


def proposal_rows(proposals: Iterable[Proposal]) -> list[dict[str, Any]]:
    """Proposals as the document has them."""
    return [
        {
            "metric": p.metric,
            "action": p.action,
            "label": p.label,
            "config": p.config,
            "series_before": p.series_before,
            "series_after": p.series_after,
            "collisions": p.collisions,
            "breaks": list(p.breaks),
            "readers": list(p.readers),
            "jobs": list(p.jobs),
        }
        for p in proposals
    ]
