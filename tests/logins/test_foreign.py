"""Detection on logins that do not come from the package's generator: a small version of benchmarks/logins.py."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from analysis.logins.detect import detect
from analysis.logins.evidence import explain
from analysis.logins.hunting import hunting
from analysis.settings.logins import LoginAnomaliesSettings
from analysis.window import Window
from benchmarks.login_shapes import END, INSTANCES, JUDGED, SHAPES, Event, harmless, make_login, schedule

STEP = 5  # minutes
SHAPE = SHAPES["office"]
NOON = END - timedelta(days=5, hours=13)
SETTINGS = LoginAnomaliesSettings(timezone=SHAPE.zone)
BURST = Event("brute_force", NOON, 40, 6.0, ("country", "DD"))


def found(frames, settings=SETTINGS):
    """Explained events of the judged weeks, with their instants."""
    detection = detect(frames, settings)
    index = detection.valid.index
    seen = [explain(event, detection, frames, settings) for event in detection.events]
    return [(index[e.first] - detection.step, index[e.detected], e) for e in seen if index[e.detected] > END - JUDGED]


@pytest.fixture(scope="module")
def attacked():
    login = make_login(SHAPE, 3, [BURST], STEP)
    country = sorted(set(login.frames["failures"].columns.get_level_values("country")))[3]
    return make_login(SHAPE, 3, [replace(BURST, label=("country", country))], STEP), country


@pytest.mark.parametrize(
    ("name", "seed"), [("consumer", 9_001), ("overdispersed", 9_002), ("weekend on Friday", 9_003)]
)
def test_every_attack_is_found_named_and_nothing_is_invented(name, seed):
    shape = SHAPES[name]
    events = schedule(shape, seed, STEP)
    login = make_login(shape, seed, events, STEP)
    alarms = found(login.frames, LoginAnomaliesSettings(timezone=shape.zone))
    loud = [e for e in events if e.size != 0.2]  # +20 % in noise of as much is a matter of the benchmark
    for event in loud:
        hits = [(at, e) for start, at, e in alarms if event.start <= at <= event.end + timedelta(minutes=30)]
        assert hits, event
        assert hits[0][1].kind == event.kind
        if event.kind != "password_spray":
            assert hits[0][0] <= event.start + 4 * timedelta(minutes=STEP)
        if event.label:
            assert next(r["value"] for r in hits[0][1].rows if r["label"] == "country") == event.label[1]
    elsewhere = [e for _, at, e in alarms if not any(v.start <= at <= v.end + timedelta(hours=1) for v in events)]
    assert not elsewhere


@pytest.mark.parametrize(("name", "seed"), [("sale", 9_101), ("holiday", 9_102), ("quiet", 9_103), ("step", 9_104)])
def test_gaps_restarts_deploys_sales_and_holidays_raise_no_alarm(name, seed):
    shape = SHAPES[name]
    login = make_login(shape, seed, harmless(seed, STEP), STEP)
    assert found(login.frames, LoginAnomaliesSettings(timezone=shape.zone)) == []


def test_an_event_is_detected_with_the_data_up_to_its_detection(attacked):
    login, _ = attacked
    [(_, at, whole)] = found(login.frames)
    [(_, early, cut)] = found({name: frame.loc[:at] for name, frame in login.frames.items()})
    assert early == at
    assert cut.kind == whole.kind
    assert found({name: frame.loc[: at - timedelta(minutes=STEP)] for name, frame in login.frames.items()}) == []


def test_attribution_sums_exactly_and_ranks_who_did_it_first(attacked):
    login, country = attacked
    [(_, _, event)] = found(login.frames)
    for label in ("country", "instance", "reason"):
        block = [row for row in event.rows if row["label"] == label]
        assert sum(row["excess"] for row in block) == pytest.approx(event.actual - event.expected)
        assert [row["excess"] for row in block] == sorted((row["excess"] for row in block), reverse=True)
    assert event.labels["country"] == country
    assert "instance" not in event.labels  # all of them share it


def test_other_label_names_and_hostile_values_change_nothing(attacked):
    login, country = attacked
    names = {"country": "geo", "reason": "error", "instance": "pod"}
    evil = {country: 'a="b",\n{}\\$x$<script>', INSTANCES[0]: "(all others)="}
    renamed = {}
    for name, frame in login.frames.items():
        keys = [tuple(evil.get(value, value) for value in key) for key in frame.columns]
        levels = [names[level] for level in frame.columns.names]
        renamed[name] = frame.set_axis(pd.MultiIndex.from_tuples(keys, names=levels), axis=1).sort_index(axis=1)
        renamed[name].attrs = frame.attrs
    settings = SETTINGS.model_copy(
        update={
            "country_label": "geo",
            "reason_label": "error",
            "instance_label": "pod",
            "mfa_reasons": ["otp_failed"],
        }
    )
    [(start, at, event)] = found(renamed, settings)
    assert (start, at, event.kind) == (found(login.frames)[0][0], found(login.frames)[0][1], "brute_force")
    assert event.labels["geo"] == evil[country]


def test_an_attack_is_found_by_the_instances_that_are_left_in_view():
    lost = Event("gap", NOON - timedelta(hours=1), 180, 1.0, ("instance", INSTANCES[0]))
    login = make_login(SHAPE, 4, [replace(BURST, label=None), lost], STEP)
    [(start, _, event)] = found(login.frames)
    assert event.kind == "brute_force"
    assert abs(start - NOON) <= timedelta(minutes=STEP)
    detection = detect(login.frames, SETTINGS)
    inside = (detection.valid.index > lost.start) & (detection.valid.index <= lost.end)
    assert not detection.instances.loc[inside, INSTANCES[0]].any()
    assert detection.valid[inside].all()


@pytest.mark.parametrize("lost", [True, False])
def test_a_true_fall_to_zero_is_told_from_lost_scrapes(lost):
    login = make_login(SHAPE, 5, [], STEP)
    rows = (login.frames["successes"].index > NOON) & (login.frames["successes"].index <= NOON + timedelta(minutes=30))
    for name in ("successes", "failures", "token_failures", *(["samples"] if lost else [])):
        login.frames[name].loc[rows] = np.nan if lost else 0.0
    kinds = [event.kind for _, _, event in found(login.frames)]
    assert kinds == ([] if lost else ["login_outage"])


@pytest.mark.parametrize("attacked", [False, True])
def test_a_wrong_zone_over_a_change_of_clocks_raises_no_alarm_and_hides_no_attack(attacked):
    change = END.replace(month=3, day=30, hour=7)  # the first working day of summer time, when people come earlier
    events = [Event("brute_force", change, 40, 6.0)] if attacked else []
    failures = {"failures": make_login(SHAPE, 10, events, STEP).frames["failures"]}
    kinds = [event.kind for _, _, event in found(failures, LoginAnomaliesSettings(timezone="UTC"))]
    assert kinds == ["brute_force"] * attacked


def whole_day(frames, day, factor):
    """The frames with less of everything on one local day, from midnight to midnight, as a switch would do it."""
    rows = frames["failures"].index.tz_convert(SHAPE.zone).floor("D").tz_localize(None) == pd.Timestamp(day)
    thinner = np.random.default_rng(3)
    for name in ("successes", "failures", "token_failures"):
        counts = frames[name].to_numpy().copy()
        counts[rows] = thinner.binomial(counts[rows].astype(int), factor)
        frames[name].iloc[:, :] = counts
    return frames


@pytest.mark.parametrize(("left", "kinds"), [(0.3, []), (0.05, ["login_outage"])])
def test_a_holiday_that_begins_at_midnight_is_told_from_an_outage(left, kinds):
    shape = replace(SHAPES["consumer"], zone=SHAPE.zone)
    login = make_login(shape, 11, [], STEP)
    assert [event.kind for _, _, event in found(whole_day(login.frames, "2026-04-09", left))] == kinds


def test_two_days_off_draw_no_expectation_of_the_week_after():
    plain, odd = (make_login(SHAPE, 12, [], 15).frames for _ in range(2))
    whole_day(odd, "2026-04-06", 0.4)
    whole_day(odd, "2026-04-08", 0.6)
    week = slice("2026-04-10", "2026-04-16")
    usual = []
    for frames in (plain, odd):
        watches = {watch.name: watch for watch in detect(frames, SETTINGS).watches}
        usual.append([watches[name].expected.loc[week].sum() for name in ("failures", "successes fall")])
    assert np.divide(*usual) == pytest.approx([1.0, 1.0], abs=0.02)


def test_many_label_values_are_watched_together():
    shape = replace(SHAPE, countries=200)
    login = make_login(shape, 6, [], 15)
    detection = detect(login.frames, SETTINGS)
    assert len(detection.watches) < 45
    assert [e for e in detection.events if detection.valid.index[e[0].detected] > END - JUDGED] == []


def test_announced_holidays_are_judged_like_days_of_rest():
    shape = replace(SHAPE, holiday=0.15)
    day = date(2026, 4, 7)
    login = make_login(shape, 7, [Event("brute_force", NOON.replace(day=7, hour=11), 40, 6.0)], STEP)
    plain, told = (detect(login.frames, SETTINGS.model_copy(update={"holidays": holidays})) for holidays in ([], [day]))
    name = "failures"
    noon = slice("2026-04-07 08:00", "2026-04-07 10:00")
    before, after = (next(w for w in d.watches if w.name == name).expected.loc[noon].mean() for d in (plain, told))
    assert after < 0.5 * before
    assert len(told.events) == 1


def test_the_hunting_list_ranks_an_odd_day_first_and_stays_apart():
    login = make_login(SHAPE, 8, [], STEP)
    index = login.frames["failures"].index
    day = pd.Timestamp("2026-04-09", tz=SHAPE.zone)
    rows = np.flatnonzero((index > day) & (index <= day + pd.Timedelta(days=1)))
    values = login.frames["failures"].to_numpy().copy()
    values[rows] = values[rows[::-1]]  # the same counts in reversed order: a day of another shape
    login.frames["failures"].iloc[:, :] = values
    detection = detect(login.frames, SETTINGS)
    listed = hunting(detection, Window(END - JUDGED, END), SHAPE.zone)
    days = [row for row in listed if row["view"] == "day"]
    assert pd.Timestamp(days[0]["start"]) == day.tz_convert("UTC")
    assert days[0]["score"] == 1
    assert all(row["strongest"] for row in listed)
    assert len({row["start"] for row in listed if row["view"] == "hour"}) == 10


@pytest.mark.parametrize("case", ["hours", "two steps", "zeros", "nothing", "one signal", "no labels"])
def test_little_or_odd_data_gives_no_alarm_and_no_error(case):
    login = make_login(SHAPE, 9, [], 30)
    bare = login.frames["successes"].sum(axis=1).to_frame("v")
    frames = {
        "hours": {name: frame.iloc[:12] for name, frame in login.frames.items()},
        "two steps": {name: frame.iloc[:2] for name, frame in login.frames.items()},
        "zeros": {name: frame * (name == "samples") for name, frame in login.frames.items()},
        "nothing": {name: frame * np.nan for name, frame in login.frames.items()},
        "one signal": {"sessions": bare.set_axis(pd.MultiIndex.from_tuples([("a",)], names=["pod"]), axis=1)},
        "no labels": {"successes": bare},
    }[case]
    detection = detect(frames, SETTINGS)
    assert detection.events == ()
    assert detection.valid.mean() < (0.01 if case in ("hours", "two steps", "nothing") else 1)
    hunting(detection, Window(END - JUDGED, END), "UTC")
