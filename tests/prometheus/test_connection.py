"""Faults over a real socket: what happens, and what the message says."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from analysis.errors import (
    AccessError,
    InputError,
    NotPrometheusError,
    QueryError,
    RateLimitError,
    TooLargeError,
    UnreachableError,
    UnsupportedError,
)
from analysis.prometheus import connect
from analysis.prometheus import connection as connection_module
from analysis.prometheus.connection import ATTEMPTS, Api
from analysis.settings import ConnectionSettings
from tests.prometheus.faulty_server import http, server

GOOD = b'{"status":"success","data":{"answer":42}}'


def api(url, **settings):
    return Api(ConnectionSettings(url=SecretStr(url), **{"timeout_seconds": 60, **settings}))


@pytest.mark.parametrize(
    "fault",
    [
        http(b"busy", "503 Service Unavailable"),
        http(b"", "502 Bad Gateway"),
        http(b"", "504 Gateway Timeout"),
        http(b"slow down", "429 Too Many Requests", "Retry-After: 0\r\n"),
        http(GOOD[:10], length=len(GOOD)),
        b"",
        http(b"not gzip", headers="Content-Encoding: gzip\r\n"),
    ],
    ids=["503", "502", "504", "429", "cut", "reset", "bad-gzip"],
)
def test_what_may_pass_is_tried_again(fault):
    with server(fault, fault, http(GOOD)) as (url, requests):
        assert api(url).get("anything") == {"answer": 42}
        assert len(requests) == 3


def test_what_does_not_pass_ends_in_one_clear_error(monkeypatch):
    monkeypatch.setattr(connection_module, "FIRST_PAUSE_SECONDS", 0.01)
    fault = http(b"busy", "503 Service Unavailable")
    with server(fault) as (url, _), pytest.raises(UnreachableError, match=r"503 busy.*asked: up"):
        api(url).get("query", {"query": "up"})


def test_a_client_tries_no_more_often_than_we_say():
    settings = ConnectionSettings(url=SecretStr("http://127.0.0.1:1"), timeout_seconds=30)
    with server(http(b"busy", "503 Service Unavailable", "Retry-After: 0\r\n")) as (url, requests):
        with pytest.raises(RateLimitError), connect(url, settings) as prom:
            prom.instant("up")
        assert len(requests) == ATTEMPTS


def test_what_the_server_warns_of_reaches_the_record():
    data = b'"data":{"resultType":"matrix","result":[]}'
    body = b'{"status":"success","warnings":["one store is down"],"infos":["i"],' + data + b"}"
    with server(http(body)) as (url, _), connect(url) as prom:
        prom.range("up", "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z", "1m")
        assert prom.queries[-1].warnings == ["one store is down", "i"]


def test_what_the_server_warns_of_at_one_instant_does_too():
    data = b'"data":{"resultType":"vector","result":[]}'
    body = b'{"status":"success","warnings":["one store is down"],' + data + b"}"
    with server(http(body), http(body.replace(b"warnings", b"others"))) as (url, _), connect(url) as prom:
        prom.instant("up")
        prom.instant("up")
        assert [query.warnings for query in prom.queries] == [["one store is down"], []]


def test_nobody_listens():
    with pytest.raises(UnreachableError, match="connection refused"):
        api("http://127.0.0.1:1", timeout_seconds=0.5).get("query")


def test_a_wrong_query_is_not_tried_again():
    said = b'{"status":"error","errorType":"bad_data","error":"parse error at char 3"}'
    with server(http(said, "400 Bad Request")) as (url, requests):
        with pytest.raises(QueryError, match="parse error at char 3"):
            api(url).get("query")
        assert len(requests) == 1


def test_a_retry_after_beyond_the_bound_says_when_to_come_back():
    with server(http(b"", "429 Too Many Requests", "Retry-After: 3600\r\n")) as (url, requests):
        with pytest.raises(RateLimitError, match="3600 s"):
            api(url).get("query")
        assert len(requests) == 1


def test_too_many_samples_is_too_large():
    said = b'{"status":"error","errorType":"execution","error":"query processing would load too many samples"}'
    with server(http(said, "422 Unprocessable Entity")) as (url, _), pytest.raises(TooLargeError):
        api(url).get("query")


LIMITS = [  # in the words of Mimir, of Cortex, of Thanos and its store
    "the query exceeded the maximum number of chunks (limit: 2000000 chunks) (err-mimir-max-chunks-per-query)",
    "the query exceeded the aggregated chunks size limit (limit: 5 bytes)",
    "the estimated number of chunks exceeded the maximum (err-mimir-max-estimated-chunks-per-query)",
    "expanding series: the query hit the aggregated data size limit (limit: 5368709120 bytes)",
    "the query hit the max number of series limit (limit: 10 series)",
    "rpc error: code = ResourceExhausted desc = exceeded bytes limit",
    "proxy Series(): rpc error: code = Aborted desc = exceeded series limit: limit 1 violated (got 2)",
]


@pytest.mark.parametrize("said", LIMITS)
def test_each_server_s_limit_makes_the_question_smaller(said):
    body = f'{{"status":"error","errorType":"execution","error":"{said}"}}'.encode()
    with server(http(body, "422 Unprocessable Entity")) as (url, requests):
        with pytest.raises(TooLargeError):
            api(url).get("query")
        assert len(requests) == 1


PASSING = [  # Amazon's throttle; Mimir's and Cortex's parts that could not reach each other
    (b'{"__type":"ThrottlingException","message":"Rate exceeded"}', "400 Bad Request"),
    (b'{"status":"error","errorType":"execution","error":"rpc error: code = Internal desc = x"}', "422 Unprocessable"),
    (
        b'{"status":"error","error":"consistency check failed some blocks were not queried"}',
        "422 Unprocessable",
    ),
]


@pytest.mark.parametrize(("body", "status"), PASSING)
def test_a_failure_that_passes_is_asked_again_whatever_its_status(body, status):
    good = http(b'{"status":"success","data":{"resultType":"vector","result":[]}}')
    with server(http(body, status), good) as (url, requests):
        assert api(url).get("query")["result"] == []
        assert len(requests) == 2


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden"])
def test_no_access_says_which_setting_to_look_at(status):
    with server(http(b"no", status)) as (url, requests):
        with pytest.raises(AccessError, match="PROMETHEUS_BEARER_TOKEN"):
            api(url).get("query")
        assert len(requests) == 1


@pytest.mark.parametrize("body", [b"<html><body>Please log in</body></html>", b"[1,2]", b'{"state":"ok"}'])
def test_another_kind_of_server_is_shown_with_its_first_words(body):
    with server(http(body)) as (url, _), pytest.raises(NotPrometheusError, match="not a Prometheus API"):
        api(url).get("query")


def test_a_missing_part_of_the_api_is_told_apart():
    with server(http(b"404 page not found", "404 Not Found")) as (url, _), pytest.raises(UnsupportedError):
        api(url).get("status/tsdb")


def test_a_body_that_trickles_is_bounded():
    answer = http(b"{" + b"x" * 100_000)  # a quarter of an hour long, at this pace
    with server(answer, pause=0.01) as (url, _), pytest.raises(UnreachableError, match="within 1 s"):
        api(url, timeout_seconds=1, idle_timeout_seconds=1).get("query")


def test_credentials_are_sent_and_never_shown():
    said = b'{"status":"error","error":"token s3cr3t and hunter2 are wrong"}'
    with server(http(said, "400 Bad Request")) as (url, requests):
        with_user = url.replace("http://", "http://ann:hunter2@")
        client = api(with_user, headers=SecretStr('{"X-Scope-OrgID": "s3cr3t"}'))
        with pytest.raises(QueryError) as raised:
            client.get("query")
        assert "Authorization: Basic" in requests[0]
        assert "X-Scope-OrgID: s3cr3t" in requests[0]
        assert "hunter2" not in str(raised.value) + client.url + client.shown_url
        assert "s3cr3t" not in str(raised.value)


def test_a_redirect_to_another_host_is_refused_with_its_credentials_kept():
    with server(http(GOOD)) as (stranger, asked):
        away = http(b"", "302 Found", f"Location: {stranger.replace('127.0.0.1', 'localhost')}/\r\n")
        with server(away) as (url, _), pytest.raises(AccessError, match="refused"):
            api(url, bearer_token=SecretStr("t0ken")).get("query")
        assert not asked


@pytest.mark.parametrize("url", ["", "localhost:9090", "ftp://x", "http://", "http://u:p4ss@", "http://h:port"])
def test_what_is_no_url_is_refused_without_its_password(url):
    with pytest.raises(InputError) as raised:
        api(url)
    assert "p4ss" not in str(raised.value)


def test_every_setting_is_in_the_documentation():
    page = (Path(__file__).parents[2] / "docs" / "connection.md").read_text()
    missing = [name for name in ConnectionSettings.model_fields if f"`PROMETHEUS_{name.upper()}`" not in page]
    assert not missing
