"""What the explorer of thresholds shows is what the review counted, for any stretch and any alert."""

import re
import sys
from datetime import timedelta

import pytest

from analysis.drawing import description
from analysis.errors import InputError
from analysis.report.figures.alternatives import alerts_to_try, alternative, rules_to_try, tried
from analysis.report.widgets.thresholds import explorer
from analysis.settings.thresholds import ThresholdDriftSettings
from analysis.thresholds import review
from analysis.thresholds.collect import reviewed_rules, rule_groups
from analysis.thresholds.replay_document import replay_document
from analysis.window import Window, unix_ms

RULES = """
groups:
  - name: one
    interval: 30s
    rules:
      - {alert: Loaded, expr: load > 50, for: 1m, labels: {severity: low}}
      - {alert: Queued, expr: queue > 52}
      - {alert: Composite, expr: load > 90 and queue > 90}
"""


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    file = tmp_path_factory.mktemp("rules") / "rules.yml"
    file.write_text(RULES)
    return ThresholdDriftSettings(rule_files=[str(file)], minimum_days=3, history_months=0)


@pytest.fixture(scope="module")
def result(restless_server, settings):
    return review(restless_server.prom, settings, restless_server.window)


def whole(result):
    return Window(result.document.window.start, result.document.window.end)


def test_only_rules_with_one_number_are_offered_the_loudest_first(result):
    names = rules_to_try(result)
    assert set(names) == {"Loaded", "Queued"}
    marks = result.frames["choices"].set_index("name")["alerts_today"]
    assert marks[names[0]] >= marks[names[1]]


def test_counts_over_everything_are_those_of_the_curve(result, settings):
    curve = result.frames["whatif"].query("name == 'Loaded'").set_index("threshold")["alerts_per_month"]
    found = tried(result, "Loaded", whole(result))
    assert found.per_month.to_dict() == pytest.approx(curve.to_dict())
    assert found.per_month.max() > found.per_month.min()


def test_alerts_and_stretches_add_up_to_the_whole(result, settings):
    everything = whole(result)
    middle = everything.start + everything.duration / 3
    parts = [Window(everything.start, middle), Window(middle, everything.end)]
    alerts = alerts_to_try(result, "Loaded")
    assert len(alerts) > 1
    assert not [text for text in alerts if "severity" in text]
    total = len(tried(result, "Loaded", everything).starts)
    assert sum(len(tried(result, "Loaded", part).starts) for part in parts) == total > 0
    assert sum(len(tried(result, "Loaded", everything, alert).starts) for alert in alerts) == total


def test_starts_at_todays_threshold_are_those_of_the_replay(result, settings, restless_server):
    rules = reviewed_rules(rule_groups(restless_server.prom, settings), settings)
    document = replay_document(restless_server.prom, rules[:1], restless_server.window, timedelta(seconds=30))
    low = unix_ms(restless_server.window.start) / 1000
    firing = [i["start"] for alert in document["alerts"] for i in alert["intervals"] if i["state"] == "firing"]
    found = tried(result, "Loaded", whole(result))
    starts = found.starts.loc[found.starts["threshold"] == 50, "start"]
    assert len(starts)
    assert sorted(unix_ms(start) / 1000 for start in starts) == sorted(start for start in firing if start > low)


def test_a_stretch_with_little_data_says_how_much(result, settings):
    early = {"start": whole(result).start - timedelta(days=1), "end": whole(result).end}
    hours = whole(result).duration / timedelta(hours=1)
    told = re.search(r"data for (\d+)% of the time", description(alternative(result, settings, **early)))
    assert float(told[1]) == pytest.approx(100 * hours / (24 + hours), abs=2)


def test_a_stretch_without_data_says_so_and_no_number(result, settings):
    before = {"start": "2020-01-01", "end": "2020-01-02"}
    assert "nothing can be said" in description(alternative(result, settings, name="Loaded", **before))


@pytest.mark.parametrize("wrong", [{"name": "Nope"}, {"alert": "nope"}, {"start": "soon"}])
def test_what_cannot_be_shown_is_refused(result, settings, wrong):
    with pytest.raises(InputError):
        alternative(result, settings, **wrong)


def test_the_picture_follows_the_controls(result, settings):
    name, threshold, stretch, alert, picture = explorer(result, settings).widget().children
    assert f"{name.value} at {threshold.value:g}: " in picture.value
    name.value = "Loaded"
    assert threshold.value == 50
    before = picture.value
    threshold.value = threshold.options[-1][1]
    assert f"Loaded at {threshold.value:g}: 0.0 alerts per month, instead of" in picture.value
    threshold.value = 50.0
    assert picture.value.split("<img")[0] == before.split("<img")[0]
    alert.value = alerts_to_try(result, "Loaded")[0]
    assert picture.value.split("<img")[0] != before.split("<img")[0]
    stretch.index = (0, 0)
    assert "the window is empty" in picture.value


def test_without_a_person_or_without_widgets_there_is_the_picture_alone(result, settings, monkeypatch):
    live, still = explorer(result, settings), explorer(result, settings, is_live=False)
    assert "application/vnd.jupyter.widget-view+json" in live._repr_mimebundle_()
    assert set(still._repr_mimebundle_()) == {"text/plain", "image/svg+xml"}
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    assert live._repr_mimebundle_().keys() == still._repr_mimebundle_().keys()
    assert "alerts per month" in repr(live)
