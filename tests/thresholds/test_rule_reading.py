"""What a rule read at its slot: what its own group writes there later, and anchors."""

import pytest

from analysis.prometheus.rule_files import groups_of_text
from analysis.thresholds.reading import as_read, at_slots, goes_slot_by_slot

RULES = """groups:
- name: g
  rules:
  - {record: early, expr: up}
  - {alert: Reader, expr: '%s'}
  - {record: later, expr: up, labels: {kind: a}}
  - {alert: After, expr: up, labels: {team: x}}
"""


@pytest.mark.parametrize(
    ("expr", "asked"),
    [
        ("early > 1", "early > 1"),
        ("later > 1", "later offset 1ms > 1"),
        ('rate(later{kind=~"a|b"}[5m]) > 1', 'rate(later{kind=~"a|b"}[5m] offset 1ms) > 1'),
        ('later{kind="b"} > 1', 'later{kind="b"} > 1'),
        ("later offset 5m > 1", "later offset 5m > 1"),
        ('ALERTS{alertname="After",team!="y"} > 0', 'ALERTS{alertname="After",team!="y"} offset 1ms > 0'),
        ('ALERTS{alertname="Other"} > 0', 'ALERTS{alertname="Other"} > 0'),
        ('count(ALERTS{alertstate="firing"}) > 0', 'count(ALERTS{alertstate="firing"} offset 1ms) > 0'),
        ('{__name__=~"late.*"} > 0', '{__name__=~"late.*"} offset 1ms > 0'),
    ],
)
def test_what_stands_later_in_the_group_is_read_as_it_was_before(expr, asked):
    [group] = groups_of_text(RULES % expr, "r.yml")
    assert as_read(group, group.rules[1]).expr == asked


def test_anchors_are_the_slot():
    assert at_slots("rate(a[5m] @ end()) > 1") == "rate(a[5m]) > 1"
    assert at_slots("max_over_time(a[5m:1m] @ start()) > 1") == "max_over_time(a[5m:1m]) > 1"
    assert at_slots('a{b="@ start()"} > 1') == 'a{b="@ start()"} > 1'
    inside = "max_over_time((a @ start() > 1)[5m:1m])"
    assert at_slots(inside) == inside
    assert goes_slot_by_slot(inside)
    assert not goes_slot_by_slot("a @ end() > 1")
