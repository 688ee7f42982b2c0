"""Growth split into causes whose deltas sum exactly to the change. Pure.

First the targets: (job, instance) pairs that are absent at one edge. Then, among the pairs that
stayed, metrics absent at one edge; then, per metric and job, the labels that explain the rest.
"""

from collections.abc import Iterator, Mapping

import pandas as pd

from analysis.cardinality.explain import explain, explain_created
from analysis.cardinality.model import Cause, Created, Edges, Group

UNEXPLAINED = ""  # the label of a group beyond the budget: its delta is exact, its label unknown


def causes(
    start: pd.Series, end: pd.Series, edges: Mapping[Group, Edges], created: Mapping[Group, Created]
) -> list[Cause]:
    """The causes of a change in the number of series, largest first.

    Args:
        start: counts by metric, job and instance at the first edge.
        end: the same at the second edge.
        edges: label sets by group; a group that is missing keeps an unexplained label.
        created: series beyond the edges, by group.

    Returns:
        Causes; their deltas sum to ``end.sum() - start.sum()``.
    """
    table = pd.DataFrame({"start": start, "end": end}).fillna(0).astype("int64").reset_index()
    table["targets"] = _is_target_change(table)
    found = [*_targets(table[table["targets"]]), *_metrics(table, edges)]
    found += _churn(edges, created)
    return sorted(found, key=lambda c: (-abs(c.delta), -c.created, c.kind, c.metric, c.job, c.label))


def _is_target_change(table: pd.DataFrame) -> pd.Series:
    """Rows whose (job, instance) pair, or whose whole job, is absent at one edge."""
    pair = table.groupby(["job", "instance"])[["start", "end"]].transform("sum")
    job = table.groupby("job")[["start", "end"]].transform("sum")
    pair_changed = (pair.min(axis=1) == 0) & (table["instance"] != "")
    return pair_changed | ((job.min(axis=1) == 0) & (table["job"] != ""))


def _targets(table: pd.DataFrame) -> Iterator[Cause]:
    sums = table.groupby("job")[["start", "end"]].sum()
    for job, row in sums.iterrows():
        yield Cause("targets", "", "instance", str(job), int(row["end"] - row["start"]))


def _metrics(table: pd.DataFrame, edges: Mapping[Group, Edges]) -> Iterator[Cause]:
    whole = table.groupby(["metric", "job"])[["start", "end"]].sum()
    stayed = table[~table["targets"]]
    lost = {(job, instance) for job, instance in table[table["targets"]][["job", "instance"]].itertuples(index=False)}
    for key, row in stayed.groupby(["metric", "job"])[["start", "end"]].sum().iterrows():
        group, delta = Group(*key), int(row["end"] - row["start"])
        if whole.loc[key, "start"] == 0:
            yield Cause("new_metric", group.metric, "", group.job, delta)
        elif whole.loc[key, "end"] == 0:
            yield Cause("removed_metric", group.metric, "", group.job, delta)
        elif delta:
            yield Cause("label_values", group.metric, _label(edges.get(group), group.job, lost), group.job, delta)


def _label(edges: Edges | None, job: str, lost: set[tuple[str, str]]) -> str:
    if edges is None:
        return UNEXPLAINED
    start, end = (
        {labels for labels in side if (job, labels.get("instance")) not in lost} for side in (edges.start, edges.end)
    )
    return ",".join(explain(start, end))


def _churn(edges: Mapping[Group, Edges], created: Mapping[Group, Created]) -> Iterator[Cause]:
    for group, made in created.items():
        if made.count:
            sides = edges.get(group, Edges())
            label = ",".join(explain_created(sides.start | sides.end, made.sample))
            yield Cause("churn", group.metric, label, group.job, 0, made.count)
