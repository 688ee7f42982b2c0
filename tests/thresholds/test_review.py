"""The review over hostile rules: one broken rule stops nothing, and none hides another."""

from analysis.settings.thresholds import ThresholdDriftSettings
from analysis.thresholds import review
from analysis.window import month_window

RULES = """
groups:
  - name: one
    interval: 30s
    rules:
      - {alert: Same, expr: load > 55}
      - {alert: Same, expr: load > 90}
      - {alert: Dead, expr: load > 1 and nope > 1}
      - {alert: Broken, expr: "sum(load"}
      - {alert: Composite, expr: load > 90 and queue > 90}
  - name: two
    interval: 30s
    rules:
      - {alert: Same, expr: queue > 52}
"""


def test_every_rule_has_a_row_and_every_name_is_its_own(restless_server, tmp_path):
    file = tmp_path / "rules.yml"
    file.write_text(RULES)
    settings = ThresholdDriftSettings(rule_files=[str(file)], minimum_days=3)
    done = []
    result = review(restless_server.prom, settings, restless_server.window, lambda *numbers: done.append(numbers))
    rows = result.tables["rules"].set_index(["group", "rule"])
    assert done[-1] == (6, 6)
    assert len(rows) == 6
    assert rows.loc[("one", 2), "verdict"] == "dead"
    assert "nope" in rows.loc[("one", 2), "reason"]
    assert rows.loc[("one", 3), "verdict"] == "unknown"
    fired = set(result.frames["firings"]["name"])
    assert {"Same (one, rule 0)", "Same (two, rule 0)"} <= fired
    assert set(result.frames["headroom"]) == {
        "Same (one, rule 0)",
        "Same (one, rule 1)",
        "Same (two, rule 0)",
        "Composite",
    }
    days = rows["days_of_data"]
    window_days = restless_server.window.duration.total_seconds() / 86400
    assert 0.9 * window_days <= days[("one", 4)] <= window_days  # its metrics are there, though it has no result
    scopes = {gap.scope for gap in result.document.coverage.gaps}
    assert {"Dead", "Broken"} <= scopes
    told = {finding.labels["alertname"] for finding in result.document.findings}
    assert "Dead" in told
    assert "Broken" not in told  # what cannot be judged stands in the coverage, not among findings


def test_in_a_month_of_which_nothing_is_held_no_rule_is_called_dead(restless_server, tmp_path):
    file = tmp_path / "rules.yml"
    file.write_text(RULES)
    settings = ThresholdDriftSettings(rule_files=[str(file)])
    result = review(restless_server.prom, settings, month_window("2024-02", "America/Sao_Paulo"))
    assert set(result.tables["rules"]["verdict"]) == {"unknown"}
    [finding] = result.document.findings  # one for the report, none for each rule
    assert finding.severity == "unknown"
    assert len(result.document.coverage.gaps) == len(result.tables["rules"])
    assert result.document.coverage.share == 0.0
