"""What is true of a fleet: who vanished, what many share, who is unlike the rest, and that it is counted everywhere."""

import re
from datetime import timedelta

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from analysis.report.deliver import NOTIFY, deliver_fleet
from analysis.report.fleet.differences import differences, measures_of
from analysis.report.fleet.members import Ended, Member, folder_name
from analysis.report.fleet.page import read_fleet
from analysis.report.fleet.presence import presence_findings, seen
from analysis.report.fleet.shared import shared_findings
from analysis.report.fleet.view import View
from analysis.report.fleet.write import write_fleet
from analysis.report.page import write_page
from analysis.report.periods import period_of
from analysis.report.review import write_summary
from analysis.settings.review import REPORTS, MonthlyReviewSettings
from analysis.window import Window
from tests.report.handmade import END, HOSTILE, START, document, finding, put
from tests.report.test_deliver import webhook  # noqa: F401 - a fixture

OCTOBER = Window(START, END)


def member(name):
    return Member(name, folder_name(name), "cluster")


@given(st.text(), st.text())
def test_every_value_has_a_folder_of_its_own_that_nothing_can_escape_from(one, other):
    folder = folder_name(one)
    assert re.fullmatch(r"[a-z0-9][a-z0-9_-]*", folder)
    assert len(folder) < 70
    assert period_of(folder) is None
    assert folder not in {*REPORTS, "monthly_review"}
    assert (folder == folder_name(other)) == (one == other)


def test_values_that_differ_in_what_a_folder_cannot_hold_do_not_meet():
    values = ["a/b", "a b", "a-b", "a_b", "A-B", "..", ".", "", "/", "a-b/", folder_name("a/b"), "2026-10", "é", "e"]
    assert len({folder_name(value) for value in values}) == len(values)


def test_a_cluster_that_ended_has_vanished_and_one_that_began_late_cannot_be_judged():
    hours = pd.date_range(START, END, freq="1h", inclusive="left", name="time")
    frame = pd.DataFrame({"whole": 3.0, "ended": 2.0, "late": 1.0, "gap": 1.0}, index=hours)
    frame.loc[hours >= START + timedelta(days=20), "ended"] = np.nan
    frame.loc[hours < START + timedelta(days=20), "late"] = np.nan
    frame.loc[(hours > START + timedelta(days=3)) & (hours < START + timedelta(days=4)), "gap"] = np.nan
    frame.loc[START + timedelta(days=9) : START + timedelta(days=10)] = np.nan  # the view itself was away
    times = seen(frame, ["whole", "ended", "late", "gap", "never"])
    assert times["whole"].share == 1
    found = {f.labels["cluster"]: f for f in presence_findings("cluster", times, OCTOBER)}
    assert {name: (f.kind, f.severity) for name, f in found.items()} == {
        "ended": ("cluster_vanished", "high"),
        "late": ("too_little_data", "unknown"),
    }
    assert found["ended"].start == START + timedelta(days=20, hours=-1)
    assert found["ended"].end is None


def test_what_many_share_is_one_finding_and_what_one_has_is_its_own_affair():
    names = ["a", "b", "c", "d", "e", "f", "g", "h", HOSTILE]

    def rules(name, *alerts, report="threshold_drift"):
        labels = [{"alertname": alert, "group": "g", "file": f"/{name}/rules.yml"} for alert in alerts]
        found = [finding(report, f"{name}{x['alertname']}", "high" if name == "c" else "low", labels=x) for x in labels]
        return {report: document(report, found).model_dump()}

    everywhere = [rules(name, "Everywhere", *(["Twice"] if name in "ab" else [])) for name in names[:-1]]
    shared = list(shared_findings([member(n) for n in names], [*everywhere, rules(HOSTILE, "Everywhere")], OCTOBER))
    (found,) = shared  # twice in nine is no matter of the fleet
    assert found.labels["alertname"] == "Everywhere"
    assert (found.severity, found.evidence["member_count"], found.evidence["judged_count"]) == ("high", 9, 9)
    assert "drifting in 9 of 9 clusters" in found.title
    events = [rules(name, "x", report="login_anomalies") for name in names]
    assert not list(shared_findings([member(n) for n in names], events, OCTOBER))


def test_one_that_grows_alone_is_unlike_the_fleet():
    rng = np.random.default_rng(4)
    growth = np.exp(rng.normal(0.02, 0.03, 12))
    growth[7] = 2.4
    rules = [{"held_out": {"alerts_current": int(count)}} for count in rng.poisson(9, 12)]

    def own(place):
        edges = {"start": 1000, "end": 1000 * growth[place]}
        return {
            "cardinality_growth": {"series": edges},
            "threshold_drift": {**document().model_dump(mode="json"), "recommendations": [rules[place]]},
        }

    members = [member(f"c{place}") for place in range(12)]
    measures = pd.DataFrame([measures_of(own(place), None) for place in range(12)])
    (found,) = differences(members, measures, OCTOBER)
    assert found.labels == {"cluster": "c7", "measure": "series_growth"}
    assert found.evidence["series_growth"] == 2.4
    assert 0.9 < found.evidence["series_growth_usual"] < 1.2
    assert not list(differences(members[:3], measures[5:8].reset_index(drop=True), OCTOBER))


def test_a_dead_server_is_counted_followed_delivered_and_forgotten_once_it_was_reviewed(tmp_path, webhook, monkeypatch):  # noqa: F811
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(NOTIFY, webhook.url)
    members = [Member(name, folder_name(name), environment=name) for name in ("eu", HOSTILE)]

    def reviewed(name, *ended):
        settings = MonthlyReviewSettings(month=name, outputs=str(tmp_path), reports=["threshold_drift"])
        for each, how in zip(members, ended, strict=True):
            if not how.unreachable:
                folder = tmp_path / name / each.folder
                put(folder, document("threshold_drift"))
                write_summary(folder, ["threshold_drift"])
                write_page(folder, settings)
        return write_fleet(settings, ["threshold_drift"], members, ended, View())

    alive, dead = Ended(0), Ended(3, "no answer from http://127.0.0.1:9")
    before = reviewed("2026-09", alive, dead)
    now = reviewed("2026-10", dead, dead)
    assert before.findings[0].id in {found.id for found in now.findings}
    assert 'report="fleet",severity="high"} 2.0' in (tmp_path / "promreview.fleet.prom").read_text()
    html = (tmp_path / "2026-10/index.html").read_text()
    assert "1 new, 0 worse, 1 the same, 0 resolved" in html
    assert "<script>" not in html
    (record,) = deliver_fleet(tmp_path / "2026-10", now, pause_seconds=0)
    assert record["arrived"]
    (message,) = webhook.got
    assert "2 high" in message["title"]
    assert "environment eu does not answer" in message["message"]
    folder = tmp_path / "2026-10/eu"
    put(folder, document("threshold_drift"))
    write_summary(folder, ["threshold_drift"])
    assert [found["labels"]["environment"] for found in read_fleet(tmp_path / "2026-10")["findings"]] == [HOSTILE]
