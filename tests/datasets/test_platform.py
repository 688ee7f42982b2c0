from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from analysis.datasets import Benign, Explosion, make_attack, make_platform
from analysis.datasets.backfill import SERVER_ARGUMENTS, backfill
from analysis.prometheus import connect
from analysis.prometheus.private_server import PrivatePrometheus
from analysis.window import Window

START = datetime(2026, 3, 28, tzinfo=UTC)  # the clocks of Europe go forward on the 29th
WINDOW = Window(START, START + timedelta(days=2))
DESIGN = {
    "auth_requests_total",
    "auth_failed_logins_total",
    "auth_request_duration_seconds_bucket",
    "auth_active_sessions",
    "auth_jwt_tokens_issued_total",
    "auth_jwt_validation_failures_total",
    "auth_database_connections",
    "policy_evaluations_total",
    "policy_evaluation_duration_seconds_count",
    "policy_cache_hits_total",
    "policy_errors_total",
    "policy_cache_misses_total",
    "auth_database_query_duration_seconds_sum",
    "auth_threat_indicator_matches_total",
    "http_requests_total",
    "http_request_duration_seconds_bucket",
    "service_dependency_up",
    "up",
}


@pytest.fixture(scope="module")
def platform():
    hour = timedelta(hours=1)
    return make_platform(
        WINDOW,
        seed=11,
        attacks=(make_attack("brute_force", START + 10 * hour, country="BR"),),
        benign=(
            Benign("reset", Window(START + 5 * hour, START + 6 * hour), {"instance": "auth-1:8080"}),
            Benign("gap", Window(START + 20 * hour, START + 21 * hour), {"instance": "auth-2:8080"}),
        ),
        explosions=(Explosion("http_requests_total", "endpoint", START + 24 * hour, 7),),
    )


def test_every_metric_of_the_design_is_there(platform):
    assert set(platform.samples) >= DESIGN


def test_the_same_seed_gives_the_same_data_and_another_one_does_not():
    short = Window(START, START + timedelta(hours=3))
    first, again, other = (make_platform(short, seed=seed).samples["auth_requests_total"] for seed in (1, 1, 2))
    assert first.equals(again)
    assert not first.equals(other)


def test_counters_only_grow_but_where_their_instance_restarts(platform):
    steps = platform.samples["auth_failed_logins_total"].diff()
    falls = (steps < 0).any(axis=1)
    assert list(steps.index[falls]) == [START + timedelta(hours=5)]


def test_histograms_are_cumulative_and_agree_with_their_count(platform):
    buckets = platform.samples["auth_request_duration_seconds_bucket"]
    count = platform.samples["auth_request_duration_seconds_count"]
    for instance in ("auth-1:8080", "auth-2:8080"):
        mine = buckets.xs(instance, axis=1, level="instance").droplevel("job", axis=1).dropna()
        ordered = mine[sorted(mine.columns, key=float)].to_numpy()
        assert (np.diff(ordered, axis=1) >= 0).all()
        whole = count.xs(instance, axis=1, level="instance").dropna().to_numpy()[:, 0]
        assert (ordered[:, -1] == whole).all()


def test_a_gap_has_no_samples_and_no_up(platform):
    inside = slice(START + timedelta(hours=20), START + timedelta(hours=20, minutes=59))
    for name in ("auth_requests_total", "up"):
        frame = platform.samples[name].xs("auth-2:8080", axis=1, level="instance")
        assert frame.loc[inside].isna().all(axis=None)
        assert frame.drop(frame.loc[inside].index).notna().all(axis=None)


def test_an_attack_adds_what_its_strength_says():
    attack = make_attack("brute_force", START + timedelta(hours=10), strength=6.0, country="BR")
    quiet, loud = (make_platform(WINDOW, seed=4, attacks=a).logins.failures for a in ((), (attack,)))
    inside = slice(attack.window.start + timedelta(minutes=1), attack.window.end)
    assert loud.loc[inside].sum().sum() / quiet.loc[inside].sum().sum() == pytest.approx(7.0, rel=0.15)
    after = slice(attack.window.end + timedelta(minutes=1), None)
    assert loud.loc[after].sum().sum() == pytest.approx(quiet.loc[after].sum().sum(), rel=0.05)


def test_an_exploding_label_brings_as_many_series_as_it_says(platform):
    requests = platform.samples["http_requests_total"]
    born_late = requests.iloc[0].isna()
    assert int(born_late.sum()) == 7
    assert requests.iloc[-1].notna().all()


def test_what_is_written_into_a_real_prometheus_is_read_back_to_the_bit(platform):
    with PrivatePrometheus(arguments=SERVER_ARGUMENTS) as server, connect(server.url) as prom:
        written = backfill(server.url, platform.samples)
        assert written == sum(int(frame.notna().sum().sum()) for frame in platform.samples.values())
        for name in ("auth_failed_logins_total", "node_memory_MemAvailable_bytes", "up"):
            sent = platform.samples[name]
            read = prom.range(name, WINDOW.start, WINDOW.end, "1m")
            read = read.droplevel("__name__", axis=1).reorder_levels(sent.columns.names, axis=1)[sent.columns]
            present = sent.notna().to_numpy()
            assert (read.to_numpy()[present] == sent.to_numpy()[present]).all()
