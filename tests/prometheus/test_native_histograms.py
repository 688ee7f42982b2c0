"""Native histograms of a real Prometheus: told, and neither dropped nor mangled."""

import struct
from datetime import UTC, datetime, timedelta

import cramjam
import numpy as np
import pandas as pd
import pytest
import requests

from analysis.datasets import SERVER_ARGUMENTS, backfill
from analysis.prometheus import connect
from analysis.prometheus.private_server import PrivatePrometheus
from analysis.settings import ConnectionSettings

START = (datetime.now(UTC) - timedelta(days=3)).replace(hour=0, minute=0, second=0, microsecond=0)
POINTS = 20


def varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def message(number, body):
    return varint(number << 3 | 2) + varint(len(body)) + body


def label(name, value):
    return message(1, message(1, name.encode()) + message(2, value.encode()))


def histogram(stamp_ms, count):
    """`count` observations in one bucket, as prompb.Histogram."""
    fields = [varint(1 << 3) + varint(count)]  # count_int
    fields += [varint(3 << 3 | 1) + struct.pack("<d", 1.5 * count)]  # sum
    fields += [varint(4 << 3) + varint(0), varint(5 << 3 | 1) + struct.pack("<d", 1e-128)]  # schema, zero threshold
    fields += [message(11, varint(1 << 3) + varint(2) + varint(2 << 3) + varint(1))]  # one positive span
    fields += [message(12, varint(count << 1))]  # its delta
    return message(4, b"".join([*fields, varint(15 << 3) + varint(stamp_ms)]))


@pytest.fixture(scope="module")
def url():
    index = pd.date_range(START, periods=POINTS, freq="1min", name="time")
    plain = pd.DataFrame({("x",): np.arange(POINTS) + 0.5}, index=index)
    plain.columns = pd.MultiIndex.from_tuples([("x",)], names=["l"])
    with PrivatePrometheus(arguments=(*SERVER_ARGUMENTS, "--enable-feature=native-histograms")) as server:
        backfill(server.url, {"plain": plain})
        stamps = index.as_unit("ms").asi8.tolist()
        series = label("__name__", "seconds") + label("l", "y")
        body = message(1, series + b"".join(histogram(stamp, 3 + n) for n, stamp in enumerate(stamps)))
        headers = {"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf"}
        sent = bytes(cramjam.snappy.compress_raw(body))
        answer = requests.post(f"{server.url}/api/v1/write", data=sent, headers=headers, timeout=20)
        assert answer.ok, answer.text
        yield server.url


def test_they_are_told_and_their_floats_are_exact(url, tmp_path):
    window = (START, START + timedelta(minutes=POINTS), "1m")
    with connect(url, ConnectionSettings(archive=str(tmp_path))) as prom:
        both = prom.decoded('{__name__=~"plain|seconds"}', *window)
        assert prom.queries[-1].warnings == [f"{POINTS} samples are native histograms, which have no single value"]
        assert both.histograms == POINTS
        assert both.present.all()
        by_name = both.frame.T.groupby(level="__name__").first().T
        assert by_name["plain"].tolist() == [n + 0.5 for n in range(POINTS)]
        assert "seconds" not in by_name or by_name["seconds"].isna().all()
        assert prom.range("histogram_count(seconds)", *window).iloc[:, 0].tolist() == [3.0 + n for n in range(POINTS)]
        assert prom.range("histogram_sum(seconds)", *window).iloc[:, 0].tolist() == [
            1.5 * (3 + n) for n in range(POINTS)
        ]


def test_a_day_that_holds_some_is_not_kept_as_if_it_were_whole(url, tmp_path):
    window, told = (START, START + timedelta(days=1), "1m"), []
    for _ in range(2):
        with connect(url, ConnectionSettings(archive=str(tmp_path))) as prom:
            told.append(prom.decoded("seconds", *window).histograms)
            assert prom.queries[-1].warnings
    assert told[0] == told[1] >= POINTS
