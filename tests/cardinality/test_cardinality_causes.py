"""Causes: known changes come back by kind, label and number, and always add up."""

from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.cardinality.causes import causes
from analysis.cardinality.explain import explain
from analysis.cardinality.model import Created, Edges, Group, Reader, counts_series

READER = Reader()


def split(start, end, created=None):
    """Causes of going from one list of label sets to another."""
    edges, counts = {}, []
    for side, series in (("start", start), ("end", end)):
        rows = {}
        for labels in series:
            group, identity = READER.read(labels)
            getattr(edges.setdefault(group, Edges()), side).add(identity)
            key = (labels["__name__"], labels.get("job", ""), labels.get("instance", ""))
            rows[key] = rows.get(key, 0) + 1
        counts.append(counts_series(rows.items()))
    return causes(counts[0], counts[1], edges, created or {})


def series(name, job="api", instance="a:1", **labels):
    return {"__name__": name, "job": job, "instance": instance, **labels}


UP = series("up")
BASE = [UP, *(series("requests_total", code=code) for code in ("200", "500"))]


def only(found):
    assert len(found) == 1, found
    cause = found[0]
    return cause.kind, cause.metric, cause.label, cause.job, cause.delta


def test_a_leaking_user_id_is_named():
    leaked = [*BASE, *(series("requests_total", code=c, user=f"u{n}") for n in range(50) for c in ("200", "500"))]
    assert only(split(BASE, leaked)) == ("label_values", "requests_total", "user", "api", 100)
    assert only(split(leaked, BASE)) == ("label_values", "requests_total", "user", "api", -100)


def test_labels_that_move_together_are_named_together():
    moved = [*BASE, *(series("requests_total", code="200", user=f"u{n}", session=f"s{n}") for n in range(9))]
    assert only(split(BASE, moved)) == ("label_values", "requests_total", "session,user", "api", 9)


def test_pods_replaced_by_as_many_are_not_blamed_for_what_users_did():
    before = [UP, *(series("work_total", pod=f"old-{n}") for n in range(3))]
    after = [UP, *(series("work_total", pod=f"new-{n}", user=f"u{u}") for n in range(3) for u in range(4))]
    assert only(split(before, after)) == ("label_values", "work_total", "user", "api", 9)
    more = [UP, *(series("work_total", pod=f"new-{n}", version="2") for n in range(5))]
    assert only(split(before, more)) == ("label_values", "work_total", "pod", "api", 2)


def test_new_and_removed_metrics_of_known_jobs():
    more = [*BASE, series("cache_hits_total"), series("cache_hits_total", shard="2")]
    assert only(split(BASE, more)) == ("new_metric", "cache_hits_total", "", "api", 2)
    assert only(split(more, BASE)) == ("removed_metric", "cache_hits_total", "", "api", -2)


def test_a_new_exporter_is_one_row_of_targets():
    exporter = [series(name, "redis", "r:9121") for name in ("up", "scrape_duration_seconds", "redis_up")]
    assert only(split(BASE, [*BASE, *exporter])) == ("targets", "", "instance", "redis", 3)


def test_a_new_instance_is_targets_and_its_leak_is_not_counted_twice():
    second = [{**labels, "instance": "b:1"} for labels in BASE]
    assert only(split(BASE, BASE + second)) == ("targets", "", "instance", "api", 3)


def test_a_recording_without_instance_is_a_metric_not_a_target():
    recorded = {"__name__": "job:requests:rate5m", "job": "api"}
    assert only(split(BASE, [*BASE, recorded])) == ("new_metric", "job:requests:rate5m", "", "api", 1)


def test_replaced_pods_leave_churn_alone():
    before = [UP, series("work_total", pod="p1"), series("work_total", pod="p2")]
    after = [UP, series("work_total", pod="p8"), series("work_total", pod="p9")]
    seen = READER.read(series("work_total", pod="p5"))[1]
    found = split(before, after, {Group("work_total", "api"): Created(5, [seen])})
    assert [(c.kind, c.label, c.delta, c.created) for c in found] == [("churn", "pod", 0, 5)]


VALUES = st.sampled_from(["", "a", "b", "c"])
SERIES = st.fixed_dictionaries(
    {
        "__name__": st.sampled_from(["m1", "m2", 'evil"\n{}']),
        "job": VALUES,
        "instance": VALUES,
        "x": VALUES,
        "y": VALUES,
    }
).map(lambda labels: tuple(sorted(labels.items())))


@given(st.sets(SERIES, max_size=25), st.sets(SERIES, max_size=25))
@settings(max_examples=150, deadline=None)
def test_the_deltas_always_add_up(start, end):
    found = split([dict(labels) for labels in start], [dict(labels) for labels in end])
    assert sum(cause.delta for cause in found) == len(end) - len(start)
    assert all(cause.delta or cause.kind == "targets" for cause in found)


@given(st.sets(SERIES, min_size=1, max_size=15), st.sets(SERIES, min_size=1, max_size=15))
@settings(max_examples=100, deadline=None)
def test_without_the_named_labels_both_edges_have_as_many_series(start, end):
    sides = [{READER.read(dict(labels))[1] for labels in side} for side in (start, end)]
    named = explain(*sides)

    def rest(left_out):
        return [
            {tuple((n, v) for n, v in zip(*labels, strict=True) if n not in left_out) for labels in side}
            for side in sides
        ]

    before, after = rest(named)
    assert len(before) == len(after)
    if len(sides[0]) == len(sides[1]):
        assert before == after  # as many, but others: every label that moved is named
    for left_in in named if len(named) <= 3 else ():
        fewer_before, fewer_after = rest([n for n in named if n != left_in])
        assert len(named) == 1 or fewer_before != fewer_after  # none of them could be left out
