"""The forwarder's HTTP side: one path per destination, ``/health``, ``/metrics``."""

import hmac
import json
import threading
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, generate_latest

from analysis.errors import InputError, SourceError
from analysis.stack.forwarder.destinations import Chats, Destination, Heartbeat, Siem, Tickets
from analysis.stack.forwarder.notification import read_notification
from analysis.stack.forwarder.settings import ForwarderSettings

NAMES = ("siem", "tickets", "teams", "chat", "heartbeat")
LARGEST_BODY = 4_000_000  # bytes; a thousand alerts with long descriptions
MOST_DRAINED = 10 * LARGEST_BODY
Answer = tuple[HTTPStatus, str, bytes]


def destinations(settings: ForwarderSettings) -> dict[str, Destination]:
    """Those that have an address."""
    found: dict[str, Destination] = {}
    if settings.siem_url:
        found["siem"] = Siem(settings.siem_url, _text(settings.siem_token))
    if settings.tickets_url:
        found["tickets"] = Tickets(settings.tickets_url, _text(settings.tickets_token), settings.state_file)
    for name, urls in (("teams", settings.teams_urls), ("chat", settings.chat_urls)):
        if _text(urls).split():
            found[name] = Chats(name, _text(urls).split())
    if settings.heartbeat_url:
        found["heartbeat"] = Heartbeat(_text(settings.heartbeat_url))
    return found


def _text(secret: Any) -> str:
    return secret.get_secret_value() if secret else ""


class Forwarder:
    """Serves until `close`; what could not be delivered is answered with 502, so that Alertmanager tries again.

    Args:
        settings: addresses and secrets.
        port: where it listens; a free one when 0.
        listen: address it listens on.
    """

    def __init__(self, settings: ForwarderSettings, port: int = 0, listen: str = "127.0.0.1") -> None:
        """Open the port and serve from a thread."""
        self.token = _text(settings.forwarder_token)
        self.destinations: Mapping[str, Destination] = destinations(settings)
        self.registry = CollectorRegistry()
        self.counted = Counter(
            "forwarder_notifications",
            "Notifications by destination: delivered, failed, or ignored because it has no address.",
            ["destination", "outcome"],
            registry=self.registry,
        )
        for name in NAMES:
            for outcome in ("delivered", "failed", "ignored"):
                self.counted.labels(name, outcome)  # from zero on, so that the first one is seen as an increase
        self.server = _Server((listen, port), _handler(self))
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.server.server_address[1])

    def close(self) -> None:
        """Take nothing more, finish what was taken, and stop."""
        self.server.shutdown()
        self.server.server_close()

    def get(self, path: str) -> Answer:
        """``/health`` and ``/metrics``."""
        if path == "/metrics":
            return HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(self.registry)
        if path == "/health":
            return _said(HTTPStatus.OK, destinations=sorted(self.destinations))
        return _said(HTTPStatus.NOT_FOUND, error=f"there are /health, /metrics, and POST /{', /'.join(NAMES)}")

    def post(self, path: str, authorization: str, body: bytes) -> Answer:
        """One notification to one destination."""
        name = path.strip("/")
        if self.token and not hmac.compare_digest(authorization.encode(), f"Bearer {self.token}".encode()):
            return _said(HTTPStatus.UNAUTHORIZED, error="the bearer token is missing or wrong")
        if name not in NAMES:
            return _said(HTTPStatus.NOT_FOUND, error=f"there are /{', /'.join(NAMES)}")
        try:
            notification = read_notification(body)
        except InputError as error:
            return _said(HTTPStatus.BAD_REQUEST, error=str(error))
        if name not in self.destinations:
            self.counted.labels(name, "ignored").inc()
            return _said(HTTPStatus.OK, ignored=f"{name} has no address")
        try:
            self.destinations[name].send(notification)
        except SourceError as error:
            self.counted.labels(name, "failed").inc()
            return _said(HTTPStatus.BAD_GATEWAY, error=str(error))
        self.counted.labels(name, "delivered").inc()
        return _said(HTTPStatus.OK, delivered=len(notification.alerts))


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # a ticket that is being made is made to its end, and remembered


def _said(status: HTTPStatus, **body: Any) -> Answer:
    return status, "application/json", json.dumps(body).encode()


def _handler(forwarder: Forwarder) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10  # seconds that a client may keep a connection without a word

        def _reply(self, answer: Answer) -> None:
            status, kind, body = answer
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _drain(self, length: int) -> None:
            """Who is cut off while sending never sees the answer; what is beyond reason is cut off."""
            left = min(length, MOST_DRAINED)
            while left > 0 and (read := self.rfile.read(min(left, 65_536))):
                left -= len(read)

        def do_GET(self) -> None:
            self._reply(forwarder.get(self.path))

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "")
            if not length.isdecimal() or int(length) > LARGEST_BODY:
                self._drain(int(length) if length.isdecimal() else 0)
                self._reply(_said(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, error=f"at most {LARGEST_BODY} bytes"))
                return
            body = self.rfile.read(int(length))
            self._reply(forwarder.post(self.path, self.headers.get("Authorization", ""), body))

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as http.server has it
            """One line per request would say nothing that /metrics does not."""

    return Handler
