"""An HTTP server that keeps what it gets: the SIEM, the ticket system and the chats of the tests."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.waiting import until


class Receiver:
    """Context manager; `got` holds (method, path, headers, body) in the order of arrival."""

    def __init__(self):
        self.got = []
        self.status = 200
        self.statuses = {}  # by path, in place of the one for all
        self.delay = 0.0
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def bodies(self, path, method="POST"):
        return [body for m, p, _, body in list(self.got) if m == method and p == path]

    def wait(self, wanted):
        """The first truthy answer of `wanted`."""
        return until(wanted, told=lambda: [(m, p) for m, p, _, _ in self.got])

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def _handler(receiver):
    class Handler(BaseHTTPRequestHandler):
        def _keep(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            receiver.got.append((self.command, self.path, dict(self.headers), json.loads(body or b"null")))
            answer = json.dumps({"id": f"T-{len(receiver.got)}"}).encode()
            time.sleep(receiver.delay)
            self.send_response(receiver.statuses.get(self.path, receiver.status))
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_POST = do_PATCH = _keep  # noqa: N815

        def log_message(self, *_):
            pass

    return Handler
