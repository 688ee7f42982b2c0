"""Combinations worked out in memory, against a replay of the rewritten rule on a real Prometheus."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from analysis.errors import InputError
from analysis.prometheus.promql import comparisons, parse, with_thresholds
from analysis.prometheus.rules import Rule, RuleGroup
from analysis.settings.thresholds import ThresholdDriftSettings
from analysis.thresholds.collect import Grid
from analysis.thresholds.excuses import Context, Incident, Pardon
from analysis.thresholds.replay_document import replay_document
from analysis.thresholds.subjects import grid_choices, subject_of
from analysis.thresholds.whatif import whatif
from analysis.window import Window, unix_ms

INTERVAL = timedelta(seconds=30)
SHAPES = [
    "load > 50",
    "load{} <= 45",
    "52 < load",
    "(load - 10) != 40",
    "load > 48 and load < 55",
    "load > 52 or queue > 55",
    "load > 50 unless on(instance) queue > 50",
    "load > 50 and on() queue < 45",
    "(load > bool 50) == 1",
    "(load > 50) < 58",
    "sum by (job) (load) / count by (job) (load) > 52",
    "count by (job) (load > 52) >= 2",
    "max_over_time((queue > 52)[5m:1m]) > 55",
    "58 > (45 < load)",
    "avg_over_time(load[5m:]) > 51",
    "absent(load{instance='i0'}) == 1",
    "((load @ start() + 1) >= bool 50.1) == 1",
    "sum by (job) (load @ end()) - 150 > 50",
]


def rule_of(expr, **more):
    return Rule(kind="alerting", name="Restless", expr=expr, index=0, **more)


def group_of(rule, offset=None):
    return RuleGroup(file="f.yml", name="g", rules=(rule,), interval=INTERVAL, query_offset=offset)


def asked(server, expr, *, settings=None, context=None, offset=None, **more):
    rule = rule_of(expr, **more)
    settings = settings or ThresholdDriftSettings(default_interval="30s")
    group = group_of(rule, offset)
    document = replay_document(server.prom, [(group, rule)], server.window, INTERVAL)
    phase = timedelta(seconds=document["groups"][0]["phase"])
    return subject_of(group, rule, Grid(INTERVAL, phase, "computed"), settings, context)


def replayed(server, subject, choice):
    """Alerts and firing minutes of the rewritten rule."""
    expr = with_thresholds(parse(subject.rule.expr), dict(enumerate(choice.thresholds)))
    rule = replace(subject.rule, expr=expr, for_duration=choice.for_duration, keep_firing_for=choice.keep_firing_for)
    longer = Window(server.window.start - timedelta(minutes=40), server.window.end)
    group = group_of(rule, subject.group.query_offset)
    document = replay_document(server.prom, [(group, rule)], longer, INTERVAL)
    assert document["skipped"] == []
    low = unix_ms(server.window.start) / 1000
    firing = [i for alert in document["alerts"] for i in alert["intervals"] if i["state"] == "firing"]
    began = [i for i in firing if i["start"] >= low]
    slots = sum(int((np.arange(i["start"], i["end"] + 15, 30) >= low).sum()) for i in firing)
    return len(began), slots / 2


@pytest.mark.parametrize("expr", SHAPES)
def test_every_combination_is_what_a_replay_of_the_rewritten_rule_gives(restless_server, expr):
    rng = np.random.default_rng(sum(expr.encode()))
    subject = asked(restless_server, expr)
    numbers = [found.threshold for found in comparisons(subject.tree)]
    values = [sorted(n + rng.normal(0, 3, 2).round(1) if n > 5 else [n, n + 1]) for n in numbers]
    fors, keeps = [timedelta(), timedelta(seconds=75)], [timedelta(), timedelta(minutes=2)]
    choices = grid_choices(subject.today, values, fors, keeps)
    made = whatif(restless_server.prom, subject, choices, restless_server.window)
    table = made.table()
    for place in rng.choice(len(choices), 5, replace=False):
        alerts, minutes = replayed(restless_server, subject, made.choices[place])
        assert table["firing_minutes"][place] == pytest.approx(minutes), made.choices[place]
        assert table["alerts"][place] == alerts, made.choices[place]


def test_an_offset_and_what_templates_make_of_labels_are_those_of_a_replay(restless_server):
    labels = {"instance": "{{ $labels.instance | reReplaceAll `i` `host-` }}"}
    subject = asked(restless_server, "load > 50", offset=timedelta(seconds=100), labels=labels)
    made = whatif(restless_server.prom, subject, grid_choices(subject.today, [[48, 52]]), restless_server.window)
    table = made.table()
    assert made.approximate == ()
    for place, choice in enumerate(made.choices):
        alerts, minutes = replayed(restless_server, subject, choice)
        assert (table["alerts"][place], table["firing_minutes"][place]) == (alerts, pytest.approx(minutes)), choice


def test_an_alert_lives_on_through_evaluations_that_fail(restless_server):
    """Where two queues are that long the join fails: nothing is written then, and the state is kept."""
    subject = asked(restless_server, "load * on (job) group_left () (queue > 52) > 2650")
    made = whatif(restless_server.prom, subject, [subject.today], restless_server.window)
    document = replay_document(restless_server.prom, [(subject.group, subject.rule)], restless_server.window, INTERVAL)
    lives = {
        (str(alert["labels"]), run["active_at"])
        for alert in document["alerts"]
        for run in alert["intervals"]
        if run["active_at"] is not None
    }
    assert document["unknown"]
    assert len(lives) > 5
    assert made.table()["alerts"][0] == len(lives)


def test_one_side_is_asked_for_once_however_many_combinations(restless_server):
    subject = asked(restless_server, "load > 50")
    before = len(restless_server.prom.queries)
    choices = grid_choices(
        subject.today,
        [np.arange(40, 65)],
        [timedelta(minutes=n) for n in range(6)],
        [timedelta(minutes=n) for n in range(5)],
    )
    whatif(restless_server.prom, subject, choices, restless_server.window)
    assert len(choices) == 750
    assert [query.expr for query in restless_server.prom.queries[before:]] == ["load"]


def test_a_stricter_threshold_never_fires_longer(restless_server):
    subject = asked(restless_server, "load > 50")
    table = whatif(
        restless_server.prom, subject, grid_choices(subject.today, [np.arange(40, 65)]), restless_server.window
    ).table()
    assert (np.diff(table.sort_values("threshold")["firing_minutes"]) <= 0).all()
    assert table["firing_minutes"].max() > 0
    assert (table["pages"] <= table["alerts"]).all()
    causes = table["flaps_threshold"] + table["flaps_no_data"] + table["flaps_label_churn"]
    assert (causes == table["flaps"]).all()


def test_incidents_are_caught_late_or_missed(restless_server):
    window = restless_server.window
    subject = asked(restless_server, "load > 40")
    middle = unix_ms(window.start) + 3_600_000
    incident = Incident(middle, middle + 600_000, ("Restless",), 900_000)
    context = Context((incident,), ())
    subject = asked(restless_server, "load > 40", context=context)
    table = whatif(restless_server.prom, subject, grid_choices(subject.today, [[20, 1000]]), window).table()
    caught = dict(zip(table["threshold"], table["incidents_caught"], strict=True))
    assert (caught[20], caught[1000]) == (1, 0)


def test_what_maintenance_covers_is_no_noise(restless_server):
    window = restless_server.window
    everything = Pardon(unix_ms(window.start) - 10**7, unix_ms(window.end), (("instance", "=~", "i.*"),))
    subject = asked(restless_server, "load > 50", context=Context((), (everything,)))
    table = whatif(restless_server.prom, subject, [subject.today], window).table()
    assert table["pages_per_month"][0] > 0
    assert table["noise_pages_per_month"][0] == 0


def test_a_grid_that_nobody_reads_is_refused(restless_server):
    subject = asked(restless_server, "load > 50")
    with pytest.raises(InputError, match="larger step"):
        grid_choices(subject.today, [np.arange(0, 200_000)])


def test_equal_labels_fail_the_evaluation_as_they_do_in_prometheus(restless_server):
    """A rule label that makes two series one alert: nothing is written where both are there."""
    subject = asked(restless_server, "load > 50", labels={"instance": "one"})
    made = whatif(
        restless_server.prom, subject, [subject.today], Window(restless_server.window.start, restless_server.window.end)
    )
    document = replay_document(restless_server.prom, [(subject.group, subject.rule)], restless_server.window, INTERVAL)
    intervals = [i for alert in document["alerts"] for i in alert["intervals"] if i["state"] == "firing"]
    assert document["unknown"]
    assert made.table()["alerts"][0] > 0
    assert made.table()["alerts"][0] <= len(intervals)
