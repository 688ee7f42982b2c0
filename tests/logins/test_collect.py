"""What is asked of a real Prometheus: exact counts, bounded label sets, hostile values, other names."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from analysis.datasets import SERVER_ARGUMENTS, backfill
from analysis.logins import folding, review
from analysis.logins.collect import collect, detector_step, scrape_interval, shown_query
from analysis.logins.signals import OTHERS
from analysis.prometheus import connect
from analysis.prometheus.private_server import PrivatePrometheus
from analysis.settings.logins import LoginAnomaliesSettings, Signal
from analysis.window import Window

END = datetime(2026, 9, 1, tzinfo=UTC)
DAYS = 16
EVIL = 'x"y\\z{}|.*\n<b>$'
VALUES = [EVIL, "a.b", "a|b", *(f"user-{n}" for n in range(57))]
SETTINGS = LoginAnomaliesSettings(
    start=(END - timedelta(days=5)).isoformat(),
    end=END.isoformat(),
    history="10d",
    failures=Signal(metric="idp_denied_total", match={"realm": 'a"b'}, labels=["pod", "user"]),
    successes=Signal(metric="idp_granted_total", labels=["pod"]),
    instance_label="pod",
    reason_label="user",
)


@pytest.fixture(scope="module")
def foreign():
    """An identity provider that is not the platform's: its own names, hostile label values, a burst by one of them."""
    rng = np.random.default_rng(31)
    index = pd.date_range(END - timedelta(days=DAYS), END, freq="1min", inclusive="left", name="time")
    rate = 1 + 0.6 * np.sin(np.arange(len(index)) / 1440 * 2 * np.pi)
    burst = (index > END - timedelta(days=2)) & (index <= END - timedelta(days=2, minutes=-40))
    denied = {("p1", 'a"b', user): rng.poisson(0.05 * rate) for user in VALUES}
    denied["p1", 'a"b', EVIL] = denied["p1", 'a"b', EVIL] + rng.poisson(30.0, len(index)) * burst
    granted = {(pod,): rng.poisson(20 * rate) for pod in ("p1", "p2")}
    frames = {
        "idp_denied_total": _counters(index, denied, ["pod", "realm", "user"]),
        "idp_granted_total": _counters(index, granted, ["pod"]),
        "slow_total": _counters(index[::5], {("p1",): np.ones(len(index[::5]))}, ["pod"]),
    }
    with PrivatePrometheus(arguments=SERVER_ARGUMENTS) as server:
        backfill(server.url, frames)
        with connect(server.url) as prom:
            yield prom, denied, index


def _counters(index, counts, names):
    columns = pd.MultiIndex.from_tuples(list(counts), names=names)
    values = np.column_stack(list(counts.values())).cumsum(axis=0) + 1.0
    return pd.DataFrame(values.astype("float64"), index=index, columns=columns)


def test_another_systems_login_is_judged_by_its_own_names(foreign):
    prom, _, _ = foreign
    document = review(prom, SETTINGS, SETTINGS.window()).document
    [finding] = document.findings
    assert finding.kind == "brute_force"
    assert finding.labels["user"] == EVIL
    assert abs(finding.start - (END - timedelta(days=2))) <= timedelta(minutes=10)
    for label in ("pod", "user"):
        rows = [row for row in finding.evidence["attribution"] if row["label"] == label]
        assert sum(row["excess"] for row in rows) == pytest.approx(finding.evidence["excess"])
    scopes = {gap.scope for gap in document.coverage.gaps if gap.reason == "no such metric"}
    assert scopes == {SETTINGS.token_failures.metric, SETTINGS.tokens.metric, SETTINGS.sessions.metric}
    assert (
        prom.instant(shown_query(SETTINGS.failures, {"user": EVIL}), END - timedelta(days=2, minutes=-20)).iloc[0] > 5
    )


def test_labels_with_many_values_are_folded_and_nothing_is_lost(foreign, monkeypatch):
    prom, denied, index = foreign
    monkeypatch.setattr(folding, "MOST_SETS", 30)
    monkeypatch.setattr(folding, "KEPT_VALUES", 9)
    window = Window(END - timedelta(days=1), END)
    settings = SETTINGS.model_copy(update={"history": "1d"})
    frame = collect(prom, settings, window)["failures"]
    users = frame.columns.get_level_values("user")
    assert len(users) == 10
    assert {OTHERS, EVIL} <= set(users)
    inside = (index > frame.index[0] - timedelta(minutes=4)) & (index <= frame.index[-1])
    assert frame.sum().sum() == pytest.approx(sum(c[inside].sum() for c in denied.values()), rel=0.01)


def test_a_restart_within_a_short_window_does_not_hide_how_often_is_scraped():
    """New series, from a new address and scraped more often, fill the end of the window; which part is chance."""
    known = pd.date_range(END - timedelta(hours=30), END, freq="10s", inclusive="left", name="time")
    fresh = pd.date_range(END, END + timedelta(minutes=4), freq="2s", inclusive="left", name="time")
    settings = SETTINGS.model_copy(update={"history": "25h", "failures": Signal(metric="d_total", labels=["pod"])})
    with PrivatePrometheus(arguments=SERVER_ARGUMENTS) as server:
        for index, pods in ((known, ["old"]), (fresh, ["new", "newer", "newest"])):
            backfill(server.url, {"d_total": _counters(index, {(p,): np.ones(len(index)) for p in pods}, ["pod"])})
        with connect(server.url) as prom:
            for minutes in range(26, 34):
                window = Window(END - timedelta(minutes=minutes), END + timedelta(minutes=4))
                frame = collect(prom, settings, window)["failures"]
                assert frame.attrs["expected_samples"] == pytest.approx(7, abs=0.1)


@pytest.mark.parametrize(("metric", "minutes", "step"), [("slow_total", 5, 20), ("idp_granted_total", 1, 4)])
def test_the_step_holds_four_scrapes_however_they_lie_to_the_hour(foreign, metric, minutes, step):
    prom, _, _ = foreign
    scrape = scrape_interval(prom, Signal(metric=metric), Window(END - timedelta(days=1), END))
    assert scrape == timedelta(minutes=minutes)
    assert detector_step(SETTINGS, scrape) == timedelta(minutes=step)


def test_a_signal_of_which_no_series_has_the_further_labels_is_told_from_one_that_is_not_there(foreign):
    prom, _, _ = foreign
    failures = Signal(metric="idp_denied_total", match={"realm": "nobody"}, labels=["pod"])
    settings = SETTINGS.model_copy(update={"failures": failures})
    reasons = {gap.scope: gap.reason for gap in review(prom, settings, settings.window()).document.coverage.gaps}
    assert reasons["idp_denied_total"] == 'no series idp_denied_total{realm="nobody"}'
    assert reasons[settings.tokens.metric] == "no such metric"
