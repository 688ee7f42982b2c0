"""Dashboards over a socket that speaks Grafana's API: the paths and shapes of its documentation."""

import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from analysis.cardinality.dashboards import folder_queries
from analysis.cardinality.grafana import api_queries
from analysis.errors import AccessError, InputError, SourceError, UnreachableError

SHIPPED = Path(__file__).parents[2] / "monitoring/grafana/dashboards"
TARGET = {"expr": "rate(x_total[5m])", "legendFormat": "{{job}}"}
BOARD = {"title": "B", "panels": [{"title": "P", "targets": [TARGET]}]}
WRONG = [(401, AccessError), (302, AccessError), (500, SourceError), (b"<html>", SourceError), ({}, SourceError)]


@pytest.fixture
def grafana():
    asked, answers = [], {"/api/search": [{"uid": "u/1", "title": "Board"}]}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append((self.path, self.headers.get("Authorization")))
            path = self.path.split("?")[0]
            known = answers.get(path, {"dashboard": BOARD, "meta": {}} if path == "/api/dashboards/uid/u%2F1" else None)
            status = known if isinstance(known, int) else 200 if known is not None else 404
            self.send_response(status)
            self.end_headers()
            self.wfile.write(known if isinstance(known, bytes) else json.dumps(known).encode())

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", asked, answers
    server.shutdown()
    server.server_close()
    thread.join()


def test_every_dashboard_is_read_with_the_token(grafana, monkeypatch, tmp_path):
    url, asked, _ = grafana
    (tmp_path / "token").write_text("t0ken\n")
    monkeypatch.delenv("GRAFANA_TOKEN", raising=False)
    monkeypatch.setenv("GRAFANA_TOKEN_FILE", str(tmp_path / "token"))
    [query] = api_queries(url)
    assert (query.expr, query.kind) == ("rate(x_total[5m])", "dashboard")
    assert {header for _, header in asked} == {"Bearer t0ken"}


def test_the_shipped_dashboards_read_the_same_from_the_api(grafana):
    url, _, answers = grafana
    boards = {path.stem: json.loads(path.read_text()) for path in SHIPPED.rglob("*.json")}
    answers["/api/search"] = [{"uid": name, "title": name} for name in boards]
    answers |= {f"/api/dashboards/uid/{name}": {"dashboard": board, "meta": {}} for name, board in boards.items()}
    found = [(query.expr, query.kind, query.printed) for query in api_queries(url)]
    assert len(found) > 80
    assert Counter(found) == Counter((query.expr, query.kind, query.printed) for query in folder_queries(SHIPPED))


@pytest.mark.parametrize(("answer", "error"), WRONG)
def test_what_is_wrong_is_told_without_the_token(grafana, monkeypatch, answer, error):
    url, _, answers = grafana
    monkeypatch.setenv("GRAFANA_TOKEN", "t0ken")
    answers["/api/search"] = answer
    with pytest.raises(error) as raised:
        list(api_queries(url))
    assert "t0ken" not in str(raised.value)


def test_nobody_listens_and_no_url():
    with pytest.raises(UnreachableError):
        list(api_queries("http://127.0.0.1:1"))
    for url in ("grafana", "http://ann:hunter2@x"):
        with pytest.raises(InputError) as raised:
            list(api_queries(url))
        assert "hunter2" not in str(raised.value)
