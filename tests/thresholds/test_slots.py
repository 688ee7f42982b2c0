"""When groups are evaluated, where nothing was recorded."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from analysis.prometheus.rules import RuleGroup
from analysis.thresholds.slots import candidate_phases, likeliest_phase


def test_a_build_with_an_unknown_hash_shows_its_phase_by_its_last_evaluation():
    group = RuleGroup(file="a.yml", name="g", rules=(), last_evaluation="2026-09-07T06:00:07.123456Z")
    phase, source = likeliest_phase(group, timedelta(seconds=15), "3.6.0")
    candidates = candidate_phases(group, timedelta(seconds=15), "3.6.0")
    assert source == "last_evaluation"
    assert phase == timedelta(seconds=7, milliseconds=123)
    for known in candidates:
        late = datetime(2026, 9, 7, 6, 0, tzinfo=UTC) + known + timedelta(milliseconds=3)
        seen = replace(group, last_evaluation=late.isoformat())
        assert likeliest_phase(seen, timedelta(seconds=15), "3.6.0") == (known, "computed")
    assert likeliest_phase(group, timedelta(seconds=15), "2.42.0") == (candidates[-1], "computed")
