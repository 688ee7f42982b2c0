"""The scorecard: a month is reviewed, a change is accepted, a month passes, and what came is held against it."""

import json
import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.datasets.backfill import SERVER_ARGUMENTS, backfill
from analysis.decisions import Decision, read_decisions
from analysis.prometheus import connect
from analysis.prometheus.private_server import PrivatePrometheus
from analysis.prometheus.rule_files import groups_of_text
from analysis.report import save
from analysis.report.decisions import add_decision
from analysis.settings.thresholds import ThresholdDriftSettings
from analysis.thresholds import review
from analysis.thresholds.collect import Grid
from analysis.thresholds.history import recorded_alerts
from analysis.window import Window
from tests.schemas import check

DAYS, STEP, PER_DAY = 90, pd.Timedelta("5m"), 288
END = pd.Timestamp("2026-11-01T00:00:00Z")
MONTH = pd.Timedelta(days=30)
RULES = """
groups:
  - name: g
    interval: 5m
    rules:
      - {{alert: Tuned, expr: busy > {tuned}, for: {for_}}}
      - {{alert: Kept, expr: busy > 70}}
      {rest}
"""
GONE = "- {alert: Gone, expr: busy > 71}"
RECORDED = 3  # alerts of `Tuned` that the server recorded after the decision
PASSED = 29  # days since the decision


@pytest.fixture(scope="module")
def server():
    """Bursts to 75 or so most days; in the last month the server recorded alerts of its own."""
    rng = np.random.default_rng(5)
    index = pd.date_range(END - DAYS * pd.Timedelta(days=1), END - STEP, freq=STEP, name="time")
    values = 50 + rng.normal(0, 3, len(index))
    for day in range(DAYS):
        if rng.random() < 0.6:
            begin = day * PER_DAY + rng.integers(20, 200)
            values[begin : begin + rng.integers(2, 5)] = rng.uniform(73, 80)
    busy = pd.DataFrame(values[:, None], index=index, columns=pd.MultiIndex.from_tuples([("app",)], names=["job"]))
    names = ["alertname", "alertstate", "job"]
    alerts = pd.DataFrame(
        np.nan, index=index, columns=pd.MultiIndex.from_tuples([("Tuned", "firing", "app")], names=names)
    )
    for number in range(RECORDED):
        start = END - pd.Timedelta(days=4 + 5 * number)
        alerts.loc[start : start + 2 * STEP] = 1.0
    before = END - pd.Timedelta(days=PASSED + 10)  # before the decision: nobody may count it
    alerts.loc[before : before + 2 * STEP] = 1.0
    with PrivatePrometheus(arguments=SERVER_ARGUMENTS) as running, connect(running.url) as prom:
        backfill(running.url, {"busy": busy, "up": busy * 0 + 1, "ALERTS": alerts})
        yield prom


def window(months_ago):
    end = END - months_ago * MONTH
    return Window((end - MONTH).to_pydatetime(), end.to_pydatetime())


def settings_in(folder, rules):
    (folder / "rules.yml").write_text(rules)
    given = {"maintenance_file": "", "incidents_file": "", "decisions_file": ""}
    if (folder / "params" / "decisions.yaml").exists():
        given["decisions_file"] = str(folder / "params" / "decisions.yaml")
    return ThresholdDriftSettings(rule_files=[str(folder / "rules.yml")], history_months=1, **given)


def promreview(*arguments, cwd):
    command = [str(Path(sys.executable).with_name("promreview")), *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=True, timeout=120)


@pytest.fixture(scope="module")
def decided(server, tmp_path_factory):
    """A folder in which the findings of the month before were accepted, and `PASSED` days have gone by."""
    folder = tmp_path_factory.mktemp("team")
    result = review(server, settings_in(folder, RULES.format(tuned=70, for_="0s", rest=GONE)), window(1))
    save(result, {}, folder / "outputs" / "2026-09" / "threshold_drift")
    tight = {f.labels["alertname"]: f for f in result.document.findings if f.kind == "too_tight"}
    for finding in tight.values():
        promreview("decide", finding.id, "--accept", "--why", "too loud <b>", cwd=folder)
    path = folder / "params" / "decisions.yaml"
    today = read_decisions(path)[0].decided_at
    then = (END - pd.Timedelta(days=PASSED + 1)).date()
    path.write_text(path.read_text().replace(f"decided_at: {today}", f"decided_at: {then}"))
    return folder, tight


@pytest.fixture(scope="module")
def next_month(server, decided):
    """The next month's result, the change to `Tuned` made, that to `Kept` forgotten, and `Gone` deleted."""
    folder, tight = decided
    new = tight["Tuned"].evidence["proposal"]
    rules = RULES.format(tuned=new["threshold"], for_=new["for"], rest="")
    result = review(server, settings_in(folder, rules), window(0))
    save(result, {}, folder / "outputs" / "2026-10" / "threshold_drift")
    return {entry["alert"]: entry for entry in result.document.model_extra["scorecard"]}, result


def test_a_decision_keeps_what_was_predicted_with_its_interval(decided):
    folder, tight = decided
    kept = {d.labels["alertname"]: d.predicted for d in read_decisions(folder / "params" / "decisions.yaml")}
    assert set(kept) == {"Tuned", "Kept", "Gone"}
    evidence = tight["Tuned"].evidence
    prediction = kept["Tuned"]["prediction"]
    assert prediction["made_for"] == evidence["proposal"] != prediction["before"]
    assert prediction["by_days"]["28"][0] <= prediction["alerts_per_month"] <= prediction["by_days"]["35"][1]
    assert kept["Tuned"]["expected_alerts_low"] <= kept["Tuned"]["expected_alerts_high"]


def test_what_the_server_recorded_is_held_against_the_prediction(next_month, decided):
    entry = next_month[0]["Tuned"]
    assert entry["happened"]["source"] == "history"
    assert entry["happened"]["alerts"] == RECORDED
    assert entry["happened"]["days"] == pytest.approx(PASSED, abs=0.1)
    low, high = entry["predicted"]["interval"]
    assert (entry["outcome"] == "as_predicted") == (low <= RECORDED <= high)
    assert entry["outcome"] in ("as_predicted", "more")
    assert f"{RECORDED} alerts in 29.0 days" in entry["reason"]


def test_a_change_that_nobody_made_and_a_rule_that_is_gone_are_said(next_month):
    kept, gone = next_month[0]["Kept"], next_month[0]["Gone"]
    assert kept["outcome"] == "not_applied"
    assert "still has 70" in kept["reason"]
    assert (gone["outcome"], gone["rule"], gone["happened"]) == ("unknown", None, None)


def decide_again(decided, tmp_path, alert, **changes):
    """The decision on an alert, changed, in a file of its own."""
    made = read_decisions(decided[0] / "params" / "decisions.yaml")
    [decision] = [one for one in made if one.labels.get("alertname") == alert]
    add_decision(decision.model_copy(update=changes), tmp_path / "params" / "decisions.yaml")
    return decision


def reviewed_again(server, tmp_path, within):
    return review(server, settings_in(tmp_path, RULES.format(tuned=70, for_="0s", rest=GONE)), within)


def test_the_replay_counts_where_the_server_recorded_nothing(server, decided, tmp_path):
    """Up to twelve days before the decision there are no ALERTS, of whatever rule: only a replay can tell."""
    made = read_decisions(decided[0] / "params" / "decisions.yaml")
    [predicted] = [one.predicted for one in made if one.labels["alertname"] == "Kept"]
    quiet = {"by_days": {"7": [0, 0], "35": [0, 2]}}
    same = predicted["prediction"] | quiet | {"made_for": {"threshold": 70, "for": "0m", "keep_firing_for": "0s"}}
    early = window(1).start.date() + timedelta(days=2)
    decide_again(decided, tmp_path, "Kept", decided_at=early, predicted={"prediction": same})
    until = Window(window(1).start, (END - pd.Timedelta(days=PASSED + 12)).to_pydatetime())
    result = reviewed_again(server, tmp_path, until)
    [entry] = result.document.model_extra["scorecard"]
    assert entry["happened"]["source"] == "replay"
    assert entry["happened"]["alerts"] == entry["happened"]["replayed"] > 5
    assert entry["outcome"] == "more"  # than the two at most that were predicted
    [row] = result.tables["scorecard"].to_dict(orient="records")
    assert row["outcome"] == "more"


def test_decisions_out_of_season_are_not_told(server, decided, tmp_path):
    decide_again(decided, tmp_path, "Tuned", id="late", decided_at=END.date())
    decide_again(decided, tmp_path, "Tuned", id="old", decided_at=date(2026, 8, 1))
    decide_again(decided, tmp_path, "Tuned", id="no", decided_at=END.date() - timedelta(days=9), decision="rejected")
    assert reviewed_again(server, tmp_path, window(0)).document.model_extra["scorecard"] == []


def test_a_few_days_are_too_early(server, decided, tmp_path):
    decide_again(decided, tmp_path, "Tuned", decided_at=END.date() - timedelta(days=4))
    [entry] = reviewed_again(server, tmp_path, window(0)).document.model_extra["scorecard"]
    assert entry["outcome"] == "too_early"
    assert "3.0 days" in entry["reason"]


def test_the_page_and_the_table_of_the_month_show_it(next_month, decided, monkeypatch):
    from analysis.report.summary import scorecard_table

    folder, _ = decided
    about = {"report": "cardinality_growth", "title": "Label pod grew", "action": "Drop label pod"}
    when = END.date() - timedelta(days=20)
    other = Decision(id="x", decision="accepted", why="y", decided_at=when, predicted={"growth_series": 1200}, **about)
    add_decision(other, folder / "params" / "decisions.yaml")
    promreview("page", "--month", "2026-10", cwd=folder)
    html = (folder / "outputs" / "2026-10" / "index.html").read_text()
    section = html[html.index("Scorecard: what was decided") :]
    assert f"{RECORDED} alerts in 29.0 days" in section
    assert "too loud &lt;b&gt;" in section
    assert "not applied" in section
    assert "Drop label pod; then growth series 1,200" in section
    monkeypatch.chdir(folder)
    table = scorecard_table("outputs/2026-10").set_index("title")
    assert len(table) == 4
    assert table.loc["Label pod grew", "outcome"] == "unknown"  # that report did not run
    check("findings", json.loads(next_month[1].document.to_json()))


def test_alerts_that_a_live_server_recorded_are_counted_one_by_one():
    """Fires for 2 of every 5 seconds; what the server wrote is the truth, be it slower than that."""
    rules = "groups: [{name: g, interval: 1s, rules: [{alert: Beat, expr: 'vector(time()) % 5 < 2'}]}]\n"
    config = "rule_files: [rules.yml]\n"
    with PrivatePrometheus(config, {"rules.yml": rules}) as running, connect(running.url) as prom:
        begin = time.time() // 5 * 5 + 7  # between two beats, the server being up
        deadline = time.monotonic() + 90
        while not (stamps := _written(prom))[-1:] > [begin + 12]:
            assert time.monotonic() < deadline, stamps
            time.sleep(0.2)
        [group] = groups_of_text(rules, "rules.yml")
        span = Window(*(pd.Timestamp(at, unit="s", tz="UTC").to_pydatetime() for at in (begin + 0.5, begin + 10.5)))
        found = recorded_alerts(
            prom, group, group.alerts[0], Grid(timedelta(seconds=1), timedelta(0), "computed"), span
        )
    fired = {-int(-stamp // 1) for stamp in stamps}  # the whole second at which each was the newest
    entered = [begin + n for n in range(1, 11) if begin + n in fired and begin + n - 1 not in fired]
    assert found.alerts == len(entered) > 0
    assert found.first_at.timestamp() == entered[0]


def _written(prom):
    found = prom.api.get("query", {"query": "ALERTS[60s]"})["result"]
    return [float(stamp) for series in found for stamp, _ in series["values"]]
