"""Detection on synthetic logins of seeds and shapes that no constant was tuned on."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from analysis.datasets import LoginScale, Rhythm, make_attack, make_login_signals
from analysis.datasets.attacks import KINDS
from analysis.datasets.counters import regular_index
from analysis.logins.attribution import attribution, dominant
from analysis.logins.classify import classify
from analysis.logins.detect import detect
from analysis.logins.exposure import exposure
from analysis.logins.signals import parts
from analysis.settings.logins import LoginAnomaliesSettings
from analysis.window import unix_ms

END = datetime(2026, 6, 1, tzinfo=UTC)
START = END - timedelta(days=42)
INDEX = regular_index(unix_ms(START), unix_ms(END), 60_000)
SETTINGS = LoginAnomaliesSettings(timezone="Europe/Berlin")
SMALL = LoginScale(successes=90.0, failures=14.0, jwt_failures=5.0)
HOURS = {
    "off_hours_success": 1,  # local night
    "brute_force": 12,
    "credential_stuffing": 15,
    "password_spray": 7,
    "jwt_forgery": 11,
    "mfa_fatigue": 9,
    "unusual_country": 13,
    "login_outage": 10,
}


def frames(signals, minutes=5):
    parts = {"failures": signals.failures, "successes": signals.successes, "token_failures": signals.jwt_failures}
    return {n: f.resample(f"{minutes}min", label="right", closed="right").sum() for n, f in parts.items()}


def events(attacks=(), seed=1, rhythm=None, scale=None, minutes=5):
    signals = make_login_signals(INDEX, seed=seed, rhythm=rhythm, scale=scale, attacks=attacks)
    found = detect(frames(signals, minutes), SETTINGS)
    index = found.valid.index
    return [
        (
            index[min(a.first for a in event)] - found.step,
            index[max(a.last for a in event)],
            classify(event, found, SETTINGS).kind,
        )
        for event in found.events
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_each_class_is_found_once_where_it_is_and_called_by_its_name(kind):
    labels = {"unusual_country": {"country": "KP"}, "brute_force": {"country": "US"}}.get(kind, {})
    labels = {"country": "FR"} if kind == "off_hours_success" else labels
    attack = make_attack(kind, END - timedelta(days=11) + timedelta(hours=HOURS[kind]), **labels)
    [(start, end, name)] = events((attack,), seed=9_001)
    assert name == kind
    assert abs(start - attack.window.start) <= timedelta(minutes=30)
    assert end >= attack.window.start + (attack.window.end - attack.window.start) / 2


@pytest.mark.parametrize("seed", range(9_100, 9_104))
def test_quiet_weeks_stay_quiet(seed):
    assert len(events(seed=seed)) <= 1  # half an event a month is promised for these six weeks


def test_holidays_sales_and_daylight_saving_raise_no_alarm():
    rhythm = Rhythm(
        timezone="Europe/Berlin", holidays=(date(2026, 5, 14), date(2026, 5, 25)), sales=(date(2026, 5, 20),)
    )
    assert events(rhythm=rhythm, seed=9_200) == []


def test_a_holiday_and_a_sale_that_nobody_named_raise_no_alarm_then_or_a_week_later():
    rhythm = Rhythm(holidays=(date(2026, 5, 14),), sales=(date(2026, 5, 16),))
    index = regular_index(unix_ms(END - timedelta(days=61)), unix_ms(END), 60_000)
    found = [
        detect(frames(make_login_signals(index, seed=seed, rhythm=rhythm)), SETTINGS) for seed in range(9_260, 9_268)
    ]
    holiday = pd.Timestamp(2026, 5, 14, tz="UTC")
    late = [event for one in found for event in one.events if one.valid.index[event[0].last] >= holiday]
    assert len(late) <= 2  # of eight months, half an event each is promised


def test_a_quiet_login_needs_no_floor():
    attack = make_attack("brute_force", END - timedelta(days=6) + timedelta(hours=12), strength=8.0)
    found = events((attack,), seed=9_300, scale=LoginScale(successes=6.0, failures=1.0, jwt_failures=0.3))
    assert any(s < attack.window.end and e > attack.window.start for s, e, _ in found)


def test_an_attack_of_last_week_does_not_hide_the_same_one_today():
    first, second = (
        make_attack("brute_force", END - timedelta(days=days) + timedelta(hours=12), country="US") for days in (13, 6)
    )
    assert [kind for _, _, kind in events((first, second), seed=9_400, scale=SMALL)] == ["brute_force"] * 2


def test_missing_signals_are_done_without():
    attack = make_attack("brute_force", END - timedelta(days=6) + timedelta(hours=12), country="US")
    signals = make_login_signals(INDEX, seed=9_500, attacks=(attack,))
    only = {"failures": frames(signals)["failures"]}
    assert len(detect(only, SETTINGS).events) == 1


def test_lost_scrapes_are_not_judged_and_raise_no_alarm():
    signals = frames(make_login_signals(INDEX, seed=9_600))
    index = signals["failures"].index
    lost = (index > END - timedelta(days=5)) & (index <= END - timedelta(days=5) + timedelta(minutes=40))
    for frame in signals.values():
        frame.loc[lost] = np.nan
    columns = pd.MultiIndex.from_tuples([("auth-1:8080",)], names=["instance"])
    samples = pd.DataFrame(6.0, index=index, columns=columns).where(~lost[:, None])
    found = detect({**signals, "samples": samples, "resets": samples * 0}, SETTINGS)
    assert found.events == ()
    assert not found.valid[lost].any()
    past = index > index[0] + pd.Timedelta(days=2)  # a baseline needs one
    assert found.valid[~lost & past].mean() > 0.99


def test_attribution_sums_exactly_and_names_who_dominates():
    index = pd.date_range("2026-01-01", periods=100, freq="5min", tz="UTC", name="time")
    columns = pd.MultiIndex.from_product([["DE", "US"], ["a", "b"]], names=["country", "instance"])
    frame = pd.DataFrame(10.0, index=index, columns=columns)
    inside = pd.Series(data=False, index=index)
    inside.iloc[50:60] = True
    frame.loc[inside, ("US", "a")] += 45
    frame.loc[inside, ("US", "b")] += 45
    rows = attribution(frame.loc[inside], frame.loc[~inside].sum(), 400.0)
    for label in ("country", "instance"):
        assert sum(r["excess"] for r in rows if r["label"] == label) == pytest.approx(900.0)
    assert rows[0]["value"] == "US"
    assert dominant(rows) == {"country": "US"}  # the instances share the blame


@pytest.mark.parametrize(
    ("hours", "rest"),
    [((7, 20), {23, *range(6)}), ((22, 6), set(range(9, 21))), ((0, 24), set()), ((8, 6), set())],
)
def test_who_works_at_night_rests_by_day(hours, rest):
    day = pd.date_range("2026-03-02", periods=24, freq="1h", tz="UTC")
    frame = {"successes": pd.DataFrame({"a": np.ones(24)}, index=day)}
    settings = SETTINGS.model_copy(update={"working_hours": hours, "timezone": "UTC"})
    night = next(part.when for part in parts(frame, exposure(frame, day), settings) if part.name == "successes")
    assert set(np.flatnonzero(night)) == rest


def test_hours_that_no_day_has_are_refused():
    with pytest.raises(ValidationError, match="working_hours"):
        LoginAnomaliesSettings(working_hours=(7, 44))
