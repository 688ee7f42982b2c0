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


def test_a_finding_keeps_its_id_though_the_file_moves_and_other_rules_come(restless_server, tmp_path):
    rules = (
        "groups: [{name: one, interval: 30s, rules: [MORE {alert: Dead, expr: nope > 1}, {alert: Dead, expr: no > 1}]}]"
    )

    def ids(*files):
        settings = ThresholdDriftSettings(rule_files=[str(file) for file in files])
        findings = review(restless_server.prom, settings, restless_server.window).document.findings
        return [(finding.id, finding.labels["alertname"]) for finding in findings]

    for name, more in {
        "old": "",
        "new": "{record: r, expr: load}, {alert: Other, expr: gone > 1},",
        "twin": "",
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "rules.yml").write_text(rules.replace("MORE", more))
    old, new, twin = (tmp_path / name / "rules.yml" for name in ("old", "new", "twin"))
    before = ids(old)
    assert len(set(before)) == 2
    assert [found for found in ids(new) if found[1] == "Dead"] == before
    assert len(set(ids(old, twin))) == 4  # two files of one name are two files
