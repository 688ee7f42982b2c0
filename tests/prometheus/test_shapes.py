"""Answers that are no answers: each is one error of the right kind, and what was cut is asked for again."""

import gzip
import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta

import pytest

from analysis.errors import AccessError, ContradictionError, InputError, NotPrometheusError, QueryError, SourceError
from analysis.prometheus import connect
from analysis.settings import ConnectionSettings
from tests.prometheus.faulty_server import http, server

START = datetime(2026, 1, 1, tzinfo=UTC)
FIRST = int(START.timestamp())
GOOD = {"resultType": "matrix", "result": [{"metric": {"a": "b"}, "values": [[FIRST, "1"], [FIRST + 60, "2"]]}]}


def answer(data, **more):
    return json.dumps({"status": "success", "data": data, **more}, separators=(",", ":")).encode()


def series(values, **more):
    return {"resultType": "matrix", "result": [{"metric": {"a": "b"}, "values": values, **more}]}


def pulled(*answers, **more):
    given = ConnectionSettings(archive="off", timeout_seconds=20, **more)
    with server(*answers) as (url, requests), connect(url, given) as prom:
        frame = prom.range("up", START, START + timedelta(minutes=5), "1m")
        return frame, prom.queries[-1].warnings, len(requests)


STRANGE = {
    "list": answer([1]),
    "text": answer("x"),
    "no type": answer({"result": []}),
    "null": answer({"resultType": "matrix", "result": None}),
    "vector": answer({"resultType": "vector", "result": [{"metric": {}, "value": [FIRST, "1"]}]}),
    "string": answer({"resultType": "string", "result": [FIRST, "x"]}),
    "no series": answer({"resultType": "matrix", "result": ["x"]}),
    "no labels": answer({"resultType": "matrix", "result": [{"values": [[FIRST, "1"]]}]}),
    "labels in a list": answer({"resultType": "matrix", "result": [{"metric": [], "values": [[FIRST, "1"]]}]}),
    "a word for a value": answer(series([[FIRST, "abc"]])),
    "a word, read slowly": answer(series([[FIRST, "1"], [FIRST + 60, "abc"]])).replace(b",", b", "),
    "three of a pair": answer(series([[FIRST, "1", "2"]])),
    "null for a value": answer(series([[FIRST, None]])),
    "a word for a stamp": answer(series([["x", "1"]])),
    "a number for samples": answer(series(0)),
    "an object for samples": answer(series({"a": 1})),
    "another status": answer(GOOD).replace(b"success", b"fine"),
    "not UTF-8": answer(GOOD).replace(b'"b"', b'"\xff"'),
    "too deep": b'{"status":"success","data":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "two in one": answer(GOOD) * 2,
    "nothing": b"",
}


@pytest.mark.parametrize("body", STRANGE.values(), ids=STRANGE)
def test_an_answer_of_another_shape_comes_from_no_prometheus(body):
    with pytest.raises(NotPrometheusError, match="not a Prometheus API"):
        pulled(http(body))


@pytest.mark.parametrize("page", ["rules", "targets", "metadata", "status/tsdb", "series", "labels"])
def test_every_page_has_its_shape(page):
    with server(http(answer("x"))) as (url, _), pytest.raises(NotPrometheusError, match="another shape"):
        connect(url, ConnectionSettings(archive="off")).get(page)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([[FIRST, "1"], [FIRST, "2"]], ContradictionError),
        ([[FIRST + 1, "1"]], SourceError),
        ([[1e300, "1"]], SourceError),
        ([[FIRST, "1"], [FIRST + 90, "2"], [FIRST + 120, "3"], [FIRST + 180, "4"], [FIRST + 240, "5"]], SourceError),
    ],
    ids=["twice", "beside the grid", "beyond all bounds", "beside the grid in a series of full length"],
)
def test_stamps_that_were_not_asked_for_are_told(values, kind):
    with pytest.raises(kind):
        pulled(http(answer(series(values))))


def test_samples_out_of_order_are_put_in_order():
    whole = [[FIRST + 60 * n, str(n)] for n in range(5)]
    frame, _, _ = pulled(http(answer(series([whole[n] for n in (0, 3, 2, 1, 4)]))))
    assert frame.to_numpy().ravel().tolist() == [0, 1, 2, 3, 4]


def cut_gzip():
    body = gzip.compress(answer(GOOD))[:-12]
    return http(body, headers="Content-Encoding: gzip\r\n")


@pytest.mark.parametrize(
    "first",
    [
        cut_gzip(),
        b"HTTP/1.0 200 OK\r\n\r\n" + answer(GOOD)[:-9],
        http(b"", "408 Request Timeout"),
        http(b"", "429 Too Many Requests", "Retry-After: Tue, 24 Nov 2020 20:00:00 -0000\r\n"),
        http(b"", "524 A Timeout Occurred"),
    ],
    ids=["gzip cut", "cut without a length", "408", "429 until a date without a zone", "524"],
)
def test_what_another_attempt_may_mend_is_asked_for_again(first):
    frame, _, requests = pulled(first, http(answer(GOOD)))
    assert (frame.notna().sum().sum(), requests) == (2, 2)


def test_warnings_of_any_shape_are_shown():
    for given, shown in ((["w\n\x1b[31m1"], ["w [31m1"]), ("w", ["w"]), (5, ["5"]), (None, [])):
        assert pulled(http(answer(GOOD, warnings=given)))[1] == shown


@pytest.mark.parametrize("place", ["http://[::1/x", "http://127.0.0.1:99999999/", "//u:s3cret@evil.example/?t=s3cret"])
def test_a_redirect_elsewhere_is_refused_whatever_it_is(place):
    with pytest.raises(AccessError, match="redirects to") as told:
        pulled(http(b"", "302 Found", f"Location: {place}\r\n"))
    assert "s3cret" not in str(told.value)


@pytest.mark.parametrize(
    "given",
    [
        {"headers": '{"X-A": "s3cret\\r\\nB: c"}'},
        {"headers": '{"X-A": "s3cret日"}'},
        {"headers": '{"X A": "s3cret"}'},
        {"bearer_token": "s3cret\nx"},
        {"url": "user:s3cret@host:9090"},
        {"url": "http://user:s3cret/x@host:9090"},
        {"url": "http://user:s3cret?x@host:9090"},
    ],
)
def test_what_cannot_be_sent_is_told_without_the_secret(given):
    with pytest.raises(InputError) as told:
        connect(settings=ConnectionSettings(archive="off", **given))
    assert "s3cret" not in str(told.value)


def test_basic_authentication_takes_any_text_and_is_struck_out_however_it_is_echoed():
    secret = {"username": "ü日", "password": "pä/日"}
    sent = b64encode("ü日:pä/日".encode()).decode()
    with server(http(answer(GOOD))) as (url, requests):
        with connect(url, ConnectionSettings(archive="off", **secret)) as prom:
            prom.api.asked("x")
        assert f"Authorization: Basic {sent}" in requests[0]
    refusal = http(json.dumps({"error": f"no {sent}"}).encode(), "400 Bad Request")
    with server(refusal) as (url, _), pytest.raises(QueryError) as told:
        connect(url, ConnectionSettings(archive="off", **secret)).get("query")
    assert sent not in str(told.value)
