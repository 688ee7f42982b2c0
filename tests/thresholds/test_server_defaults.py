"""What rule groups take over from a real server's configuration."""

from datetime import timedelta

import pytest

from analysis.errors import UnreachableError
from analysis.prometheus import connect
from analysis.prometheus.private_server import PrivatePrometheus, free_port
from analysis.prometheus.rule_files import groups_of_text
from analysis.settings import ConnectionSettings
from analysis.thresholds.server_defaults import ServerDefaults, defaults_of, server_defaults

RULES = """groups:
- {name: open, rules: [{alert: A, expr: up == 0, labels: {ratio: 1.50, mask: 0x1F, day: 2026-01-01, no: yes}}]}
- {name: own, interval: 5s, query_offset: 0s, rules: [{alert: B, expr: up == 0}]}
"""


def test_a_real_server_says_its_evaluation_interval():
    config = "global: {evaluation_interval: 37s}\n"
    with PrivatePrometheus(config, {"rules.yml": RULES}) as server, connect(server.url) as prom:
        defaults = server_defaults(prom)
    assert defaults == ServerDefaults(timedelta(seconds=37))
    intervals = [defaults.applied(group).interval for group in groups_of_text(RULES, "rules.yml")]
    assert intervals == [timedelta(seconds=37), timedelta(seconds=5)]


def test_a_groups_own_offset_wins_over_the_global_one():
    defaults = defaults_of("global:\n  rule_query_offset: 1m\n")
    offsets = [defaults.applied(group).query_offset for group in groups_of_text(RULES, "rules.yml")]
    assert offsets == [timedelta(minutes=1), timedelta()]


@pytest.mark.parametrize("text", ["", "global: [", "global: null", "global: {evaluation_interval: soon}", "[]"])
def test_what_cannot_be_read_leaves_prometheus_own_defaults(text):
    assert defaults_of(text) == ServerDefaults(timedelta(minutes=1), timedelta())


def test_a_server_that_does_not_answer_is_no_server_without_a_configuration():
    settings = ConnectionSettings().model_copy(update={"timeout_seconds": 1.0})
    with connect(f"http://127.0.0.1:{free_port()}", settings) as prom, pytest.raises(UnreachableError):
        server_defaults(prom)


def test_labels_are_texts_as_they_are_written():
    rule = groups_of_text(RULES, "rules.yml")[0].rules[0]
    assert rule.labels == {"ratio": "1.50", "mask": "0x1F", "day": "2026-01-01", "no": "yes"}
