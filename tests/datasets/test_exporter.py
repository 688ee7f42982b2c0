"""The stand-in serves the design's metrics, live, and attacks begin and end on command."""

from datetime import UTC, datetime, timedelta
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from analysis.datasets.attacks import KINDS
from analysis.datasets.exporter import Exporter
from analysis.datasets.live import ConstantLoad, LivePlatform
from analysis.prometheus.private_server import free_port

EXPECTED = {  # the design's table: metric family -> labels beside those that a scrape adds
    "auth": {
        "auth_requests": {"country", "status"},
        "auth_failed_logins": {"country", "reason"},
        "auth_request_duration_seconds": {"le"},
        "auth_active_sessions": set(),
        "auth_jwt_tokens_issued": set(),
        "auth_jwt_validation_failures": {"reason"},
        "auth_database_connections": {"state"},
        "auth_database_query_duration_seconds": {"operation", "le"},
        "auth_threat_indicator_matches": {"feed"},
        "http_requests": {"service", "endpoint", "code"},
        "http_request_duration_seconds": {"service", "le"},
        "service_dependency_up": {"service", "dependency"},
    },
    "policy": {
        "policy_evaluations": {"decision"},
        "policy_evaluation_duration_seconds": {"le"},
        "policy_cache_hits": set(),
        "policy_cache_misses": set(),
        "policy_errors": {"kind"},
        "http_requests": {"service", "endpoint", "code"},
        "http_request_duration_seconds": {"service", "le"},
        "service_dependency_up": {"service", "dependency"},
    },
    "dashboard": {
        "http_requests": {"service", "endpoint", "code"},
        "http_request_duration_seconds": {"service", "le"},
        "service_dependency_up": {"service", "dependency"},
    },
}


class Clock:
    """A clock that is moved by hand."""

    def __init__(self):
        self.at = datetime(2026, 10, 7, 3, tzinfo=UTC)

    def __call__(self):
        return self.at

    def pass_minutes(self, minutes):
        self.at += timedelta(minutes=minutes)


def failures(platform):
    return platform.now()["auth_failed_logins_total"].sum()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def platform(clock):
    return LivePlatform(seed=5, rhythm=ConstantLoad(load=0.8), clock=clock)


def test_counters_go_on_across_stretches_and_attacks(platform, clock):
    earlier = platform.now()
    for minutes in (1, 7, 4, 11, 45):
        clock.pass_minutes(minutes)
        if minutes == 7:
            platform.begin("brute_force", country="BR")
        later = platform.now()
        for name in [name for name in later if name.endswith(("_total", "_bucket", "_count"))]:
            assert (later[name] >= earlier[name]).all(), name
        earlier = later


def test_the_usual_rate_is_the_models(platform, clock):
    before = failures(platform)
    clock.pass_minutes(30)
    assert (failures(platform) - before) / 30 == pytest.approx(26 * 0.8, rel=0.35)


def test_an_attack_is_seen_while_it_lasts_and_where_it_comes_from(platform, clock):
    def in_five_minutes():
        before = platform.now()["auth_failed_logins_total"].groupby(level="country").sum()
        clock.pass_minutes(5)
        return platform.now()["auth_failed_logins_total"].groupby(level="country").sum() - before

    usual = in_five_minutes()
    platform.begin("brute_force", minutes=60, country="BR")
    attacked = in_five_minutes()
    assert platform.end("brute_force") == ["brute_force"]
    after = in_five_minutes()
    assert attacked.sum() > 5 * usual.sum()
    assert attacked.idxmax() == "BR"
    assert after.sum() < 2 * usual.sum()
    assert platform.attacks() == {}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_can_be_begun_and_ends_by_itself(platform, clock, kind):
    platform.begin(kind, minutes=2, **({"country": "KP"} if kind == "unusual_country" else {}))
    assert set(platform.attacks()) == {kind}
    clock.pass_minutes(3)
    assert platform.attacks() == {}


def test_the_ports_serve_the_designs_metrics_and_take_commands(platform, clock):
    ports = {name: free_port() for name in EXPECTED}
    control = free_port()
    exporter = Exporter(platform, ports, control)
    try:
        for service, families in EXPECTED.items():
            served = {family.name: family for family in scraped(ports[service])}
            assert set(served) == set(families)
            for name, labels in families.items():
                assert set().union(*(sample.labels for sample in served[name].samples)) == labels, name
        whole = total(ports["auth"], "auth_failed_logins")
        parts = [total(ports["auth"], "auth_failed_logins", f"?instance=auth-{n}%3A8080") for n in (1, 2)]
        assert whole == pytest.approx(sum(parts))
        command(control, "POST", "/attacks/jwt_forgery?minutes=5")
        assert list(platform.attacks()) == ["jwt_forgery"]
        command(control, "DELETE", "/attacks/")
        assert platform.attacks() == {}
        for wrong in ("/attacks/flood", "/attacks/brute_force?minutes=-1", "/attacks/brute_force?minutes=x"):
            with pytest.raises(HTTPError) as refused:
                command(control, "POST", wrong)
            assert refused.value.code == 400
            refused.value.close()
    finally:
        exporter.close()


def scraped(port, query=""):
    with urlopen(f"http://127.0.0.1:{port}/metrics{query}", timeout=30) as answer:
        return list(text_string_to_metric_families(answer.read().decode()))


def total(port, name, query=""):
    return sum(s.value for f in scraped(port, query) if f.name == name for s in f.samples)


def command(port, method, path):
    with urlopen(Request(f"http://127.0.0.1:{port}{path}", method=method), timeout=30) as answer:
        return answer.read()
