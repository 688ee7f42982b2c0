"""No secret travels to another machine: what works there has its own."""

import json

import cloudpickle
import pytest
from pydantic import SecretStr

from analysis.errors import ParameterError
from analysis.fanout import FanOutSettings
from analysis.prometheus import connect
from analysis.prometheus.spread import spread
from analysis.prometheus.travelling import Travelling, placed
from analysis.settings import ConnectionSettings
from analysis.settings.environments import use_environment
from tests.dask_cluster import cluster
from tests.prometheus.faulty_server import before

SECRET = "s3cr3t-"


def settings(**given):
    return ConnectionSettings(**{"archive": "off", **given})


FULL = {
    "url": f"http://ann:{SECRET}url@host:9090/prefix",
    "bearer_token": f"{SECRET}token",
    "headers": json.dumps({"X-Scope-OrgID": "team", "X-Key": f"{SECRET}header"}),
    "archive": f"s3://key:{SECRET}key@bucket/kept",
    "matchers": '{"cluster": "eu"}',
    "timeout_seconds": 7,
}


def test_nothing_secret_is_in_what_travels_and_all_else_is():
    parcel = Travelling.of(settings(**FULL))
    assert SECRET.encode() not in cloudpickle.dumps(parcel)
    kept = parcel.settings
    assert kept.url.get_secret_value() == "http://host:9090/prefix"
    assert (kept.username, kept.archive, kept.matchers) == ("ann", "s3://bucket/kept", FULL["matchers"])
    assert (kept.timeout_seconds, kept.extra_headers()) == (7, {"X-Scope-OrgID": "team"})
    assert set(parcel.variables) == {"password", "bearer_token", "headers"}


def test_where_it_arrives_the_secrets_are_those_of_that_machine(monkeypatch, tmp_path):
    parcel = Travelling.of(settings(**FULL))
    (tmp_path / "token").write_text("own-token\n")
    monkeypatch.setenv("PROMETHEUS_PASSWORD", "own-password")
    monkeypatch.setenv("PROMETHEUS_BEARER_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("PROMETHEUS_HEADERS", '{"X-Scope-OrgID": "another", "X-Key": "own"}')
    found = parcel.arrived()
    assert (found.password.get_secret_value(), found.bearer_token.get_secret_value()) == ("own-password", "own-token")
    assert found.extra_headers() == {"X-Scope-OrgID": "team", "X-Key": "own"}


def test_what_is_not_to_be_had_there_is_named(monkeypatch):
    parcel = Travelling.of(settings(url="http://ann:word@host"))
    with pytest.raises(ParameterError, match=r"^PROMETHEUS_PASSWORD is not set on the worker .* do not travel"):
        parcel.arrived()
    monkeypatch.setenv("PROMETHEUS_URL", "http://ann:own@host/")
    assert parcel.arrived().password.get_secret_value() == "own"


def test_an_archive_that_a_worker_does_not_see_is_told(tmp_path):
    with pytest.raises(ParameterError, match=r"does not see the archive .*/kept: put it on a disk"):
        Travelling.of(settings(archive=str(tmp_path / "kept"))).arrived()


def test_an_environment_names_its_variable_to_the_worker_too(monkeypatch, tmp_path):
    monkeypatch.setattr("os.environ", {"EU_TOKEN": "here"})
    (tmp_path / "eu.yaml").write_text("url: https://eu.example.com\nbearer_token_variable: EU_TOKEN\n")
    use_environment("eu", tmp_path)
    parcel = Travelling.of(settings())
    monkeypatch.setattr("os.environ", {"EU_TOKEN": "there"})
    assert parcel.arrived().bearer_token.get_secret_value() == "there"


def test_files_are_found_from_any_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    found = placed(settings(archive="kept", ca_file="ca.pem"))
    assert (found.archive, found.ca_file) == (str(tmp_path / "kept"), tmp_path / "ca.pem")


def asked(prom, number):
    return prom.instant(f"vector({number})").to_list()


def test_workers_get_in_with_a_token_that_was_given_to_them(empty_prometheus, tmp_path):
    (tmp_path / "token").write_text(f"{SECRET}live")
    where = str(tmp_path / "token")
    with (
        before(empty_prometheus.url, token=f"{SECRET}live") as url,
        cluster(workers=1, PROMETHEUS_BEARER_TOKEN_FILE=where) as scheduler,
        connect(url, settings(bearer_token=SecretStr(f"{SECRET}live"))) as prom,
    ):
        there = FanOutSettings(backend="dask", scheduler=scheduler)
        assert spread(prom, asked, [1, 2], settings=there) == [[1.0], [2.0]]
