"""Delivery to a real HTTP server, as a webhook sees it."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner

from analysis.cli import app
from analysis.errors import ParameterError, UnreachableError
from analysis.prometheus.private_server import free_port
from analysis.report.deliver import FAILURES, NOTIFY, addresses, deliver, harmless, named
from analysis.report.review import write_summary
from analysis.report.status import Status
from tests.report.handmade import HOSTILE, document, finding, put


@pytest.fixture
def webhook():
    """A server that refuses as often as ``refusals`` says, and keeps what it got."""
    got = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            refuse = server.refusals > 0
            server.refusals -= 1
            self.send_response(503 if refuse else 200)
            self.end_headers()
            if not refuse:
                got.append(json.loads(body))

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.refusals = 0
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    server.url, server.got = f"json://hook:planted-password@127.0.0.1:{server.server_port}/x", got
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "2026-10"
    put(made, document("threshold_drift", [finding(title=f"@here {HOSTILE}"), finding(identity="b", severity="low")]))
    write_summary(made, ["threshold_drift"])
    (made / "index.html").write_text("<!doctype html><title>page</title>")
    return made


def test_a_review_arrives_with_its_page_after_a_refusal(webhook, folder, monkeypatch):
    monkeypatch.setenv(NOTIFY, webhook.url)
    webhook.refusals = 1
    records = deliver(folder, [Status("threshold_drift", "done")], pause_seconds=0.01)
    assert [(r["kind"], r["attempts"], r["arrived"]) for r in records] == [("review", 2, True)]
    (body,) = webhook.got
    assert body["title"] == "Monthly review 2026-10: 1 high, 1 low"
    assert body["message"].startswith("1 of 2 alarms needs a decision: about alert rules.")
    assert "Do: Look at it." in body["message"]
    assert "@here" not in body["message"]
    assert "<script" not in body["message"]
    assert body["attachments"][0]["filename"] == "index.html"
    assert "planted" not in (folder / "delivery.json").read_text()


def test_failures_go_to_their_own_address_too(webhook, folder, monkeypatch, tmp_path):
    (tmp_path / "urls").write_text(webhook.url + "\n")
    monkeypatch.setenv(f"{FAILURES}_FILE", str(tmp_path / "urls"))
    assert deliver(folder, [Status("threshold_drift", "done")]) == []
    records = deliver(folder, [Status("login_anomalies", "failed", "no answer from the server")])
    assert [r["kind"] for r in records] == ["failure"]
    assert webhook.got[0]["title"] == "Monthly review 2026-10: login_anomalies failed"
    assert "FAILED: login_anomalies: no answer" in webhook.got[0]["message"]


def test_a_message_names_the_environment():
    assert named(Path("outputs/2026-10/prod")) == "Monthly review 2026-10, prod"


def test_a_file_of_addresses_that_is_not_there_is_said_before_anything_runs(monkeypatch, tmp_path):
    monkeypatch.setenv(f"{NOTIFY}_FILE", str(tmp_path / "none"))
    ran = CliRunner().invoke(app, ["review", "--month", "2026-10", "--outputs", str(tmp_path / "outputs")])
    assert isinstance(ran.exception, ParameterError)
    assert not (tmp_path / "outputs").exists()


def test_a_review_that_cannot_begin_is_told_where_failures_go(webhook, tmp_path, monkeypatch):
    monkeypatch.setenv(FAILURES, webhook.url)
    monkeypatch.setenv("PROMETHEUS_ARCHIVE", "off")
    address = ("--url", f"http://user:planted-too@127.0.0.1:{free_port()}", "--outputs", str(tmp_path))
    ran = CliRunner().invoke(app, ["review", "--month", "2026-10", *address])
    assert isinstance(ran.exception, UnreachableError)
    assert "failure: delivered through json" in ran.output
    (body,) = webhook.got
    assert body["title"].endswith("did not begin")
    assert "connection refused" in body["message"]
    assert [path.name for path in (tmp_path / "2026-10").iterdir()] == ["delivery.json"]
    assert "planted" not in str(body) + ran.output + (tmp_path / "2026-10/delivery.json").read_text()


def test_what_does_not_arrive_is_said(webhook, folder, monkeypatch):
    monkeypatch.setenv(NOTIFY, f"{webhook.url} nonsense")
    webhook.refusals = 99
    records = deliver(folder, [], pause_seconds=0.01)
    assert [(r["service"], r["arrived"]) for r in records] == [("json", False), ("not an address", False)]


def test_an_unreadable_file_of_addresses_is_named():
    with pytest.raises(ParameterError, match=f"{NOTIFY}_FILE"):
        addresses(NOTIFY, {f"{NOTIFY}_FILE": "/nowhere"})


@pytest.mark.parametrize("text", ["http://evil.example/a", "HTTPS://x", "see www.evil.example"])
def test_a_chat_makes_no_link_of_a_value(text):
    assert "://" not in harmless(text)
    assert "www." not in harmless(text)


@pytest.mark.parametrize("text", ["<!channel>", "@everyone", "[x](http://a)", "a\nb", "`x`", "<@U123>"])
def test_markup_of_chats_is_taken_out(text):
    clean = harmless(text)
    assert not set(clean) & set("<>`[]\n")
    assert "@everyone" not in clean
