"""Servers that misbehave, over real sockets: one that says what it is told to, one before a real Prometheus."""

import itertools
import socket
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import HTTPError
from urllib.request import Request, urlopen


def http(body, status="200 OK", headers="", length=None):
    size = len(body) if length is None else length
    return f"HTTP/1.1 {status}\r\nContent-Length: {size}\r\nConnection: close\r\n{headers}\r\n".encode() + body


@contextmanager
def server(*answers, pause=0.0):
    """A socket that gives these answers, one per connection, the last one again and again."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.1)
        requests, stop = [], threading.Event()

        def serve():
            while not stop.is_set():
                try:
                    connection, _ = listening.accept()
                except TimeoutError:
                    continue
                with connection:
                    requests.append(connection.recv(65536).decode(errors="replace"))
                    answer = answers[min(len(requests), len(answers)) - 1]
                    try:
                        for piece in [answer] if not pause else [answer[i : i + 1] for i in range(len(answer))]:
                            connection.sendall(piece)
                            stop.wait(pause)
                            if stop.is_set():
                                break
                    except OSError:
                        pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}", requests
        finally:
            stop.set()
            thread.join(5)


@contextmanager
def scripted(*scripts):
    """A server whose answers are written by functions of (wfile, stop), the last one again and again."""
    numbers, stop = itertools.count(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.close_connection = True
            with suppress(OSError):  # nobody reads any more
                scripts[min(next(numbers), len(scripts) - 1)](self.wfile, stop)

        def log_message(self, *_):
            """Nothing."""

    try:
        with serving(Handler) as url:
            yield url
    finally:
        stop.set()


def once(answer):
    """The whole answer."""
    return lambda wfile, _: wfile.write(answer)


def stalled(beginning):
    """The beginning of an answer, and then nothing."""

    def script(wfile, stop):
        wfile.write(beginning)
        stop.wait(60)

    return script


def endless(beginning, piece):
    """The beginning of an answer, and then the same bytes again and again until nobody reads."""

    def script(wfile, stop):
        wfile.write(beginning)
        while not stop.is_set():
            wfile.write(piece)

    return script


@contextmanager
def before(url, fault=lambda _path, _number: None, token=""):
    """A server that passes everything on to a real one, but for what `fault` answers itself.

    Args:
        url: the real server.
        fault: takes the path with its query, and how often a path like it was asked; gives the status and
            body of an answer, or None to pass the request on.
        token: whoever does not bring it is not let in.
    """
    counts, lock = {}, threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self._answer(None)

        def do_POST(self):
            self._answer(self.rfile.read(int(self.headers["Content-Length"])))

        def _answer(self, data):
            page = self.path.partition("?")[0]
            with lock:
                number = next(counts.setdefault(page, itertools.count(1)))
            refused = token and self.headers["Authorization"] != f"Bearer {token}"
            status, body = (401, b"") if refused else fault(self.path, number) or self._passed_on(data)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _passed_on(self, data):
            headers = {"Content-Type": self.headers["Content-Type"]} if data is not None else {}
            try:
                with urlopen(Request(url + self.path, data=data, headers=headers), timeout=60) as answer:
                    return answer.status, answer.read()
            except HTTPError as error:
                return error.code, error.read()

        def log_message(self, *_):
            """Nothing."""

    with serving(Handler) as address:
        yield address


@contextmanager
def serving(handler):
    """A handler of requests at an address of its own."""
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    httpd.daemon_threads = True
    thread = threading.Thread(target=httpd.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{httpd.server_address[1]}"
    finally:
        httpd.shutdown()
        httpd.server_close()
        thread.join(5)
