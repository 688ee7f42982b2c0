"""Findings as annotations, over a socket that keeps them as Grafana's API says that it does."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from analysis.errors import InputError
from analysis.prometheus.private_server import free_port
from analysis.report.annotate import annotate
from analysis.report.review import write_summary
from tests.report.handmade import END, HOSTILE, START, document, finding, put

SECRET = "planted-grafana-token"


class Kept(BaseHTTPRequestHandler):
    """Annotations by id; only for who has the token."""

    def _answer(self, status, body):
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def _begin(self):
        if self.headers.get("Authorization") != f"Bearer {SECRET}":
            self._answer(401, {"message": f"invalid {self.headers.get('Authorization')}"})
            return False
        return True

    def do_GET(self):
        if self._begin():
            wanted = set(parse_qs(urlsplit(self.path).query)["tags"])
            self._answer(200, [{"id": i} for i, a in self.server.kept.items() if wanted <= set(a["tags"])])

    def _body(self):
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    def do_POST(self):
        if self._begin():
            self.server.kept[len(self.server.kept) + 1] = self._body()
            self._answer(200, {"message": "Annotation added", "id": len(self.server.kept)})

    def do_PATCH(self):
        if self._begin():
            self.server.kept[int(self.path.rsplit("/", 1)[1])] |= self._body()
            self._answer(200, {"message": "Annotation patched"})

    def log_message(self, *_):
        pass


@pytest.fixture
def grafana():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Kept)
    server.kept = {}
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", server.kept
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def month(tmp_path):
    """Two alarms, one of which goes on, and a note that is no alarm."""
    found = [finding(title=HOSTILE), finding(identity="b", end=None), finding(identity="c", severity="info")]
    folder = tmp_path / "2026-10"
    put(folder, document("threshold_drift", found))
    write_summary(folder, ["threshold_drift"])
    return folder


def test_each_alarm_becomes_one_annotation_however_often_it_is_sent(grafana, month, monkeypatch):
    url, kept = grafana
    monkeypatch.setenv("GRAFANA_TOKEN", SECRET)
    record = annotate(month, url)
    assert (record["made"], record["changed"], record["arrived"]) == (2, 0, True)
    first, second = kept.values()
    assert first["tags"] == ["promreview", "threshold_drift", "drifting", "high", "threshold_drift-a"]
    assert START.timestamp() * 1000 < first["time"] < first["timeEnd"] < END.timestamp() * 1000
    assert "timeEnd" not in second
    assert "<script>" not in first["text"]
    assert "&lt;script&gt;" in first["text"]
    put(month, document("threshold_drift", [finding(identity="b", title="It is over")]))
    write_summary(month, ["threshold_drift"])
    assert annotate(month, url)["changed"] == 1
    assert len(kept) == 2
    assert "timeEnd" in kept[2]
    assert kept[2]["text"].startswith("It is over")


def test_what_fails_is_on_record_and_no_secret_is(grafana, month, monkeypatch):
    url, kept = grafana
    monkeypatch.setenv("GRAFANA_TOKEN", "planted-wrong-token")
    for place in (url, f"http://127.0.0.1:{free_port()}"):
        record = annotate(month, place)
        assert not record["arrived"]
        assert "Grafana at" in record["why"]
        assert "planted" not in (month / "annotations.json").read_text() + str(record)
    assert not kept
    with pytest.raises(InputError, match="GRAFANA_TOKEN") as refused:
        annotate(month, url.replace("//", "//user:planted@"))
    assert "planted" not in str(refused.value)
