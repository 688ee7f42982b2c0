"""Signed requests as Amazon checks them: the signature worked out again from what came over the socket."""

import hashlib
import hmac
import re
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from pydantic import SecretStr

from analysis.errors import AccessError
from analysis.prometheus.connection import Api
from analysis.settings import ConnectionSettings
from tests.prometheus.faulty_server import serving

KEY, SECRET, REGION = "AKIAEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "eu-central-1"


@pytest.fixture
def amazon():
    """A server that keeps what it is asked, word by word."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            headers = [f"{name}: {value}" for name, value in self.headers.items()]
            asked.append("\r\n".join([self.requestline, *headers, "", body]))
            said = b'{"status":"success","data":[]}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def do_POST(self):
            self.do_GET()

        def log_message(self, *_):
            """Nothing."""

    with serving(Handler) as url:
        yield url, asked


@pytest.fixture
def credentials(monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))


def client(url):
    return Api(ConnectionSettings(url=SecretStr(f"{url}/workspaces/ws-1"), sigv4_region=REGION))


def signature(request):
    """That of a request as AWS documents it (Signature Version 4): from its first line, headers and body alone."""
    head, _, body = request.partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    names = re.search(r"SignedHeaders=([^,]*)", headers["authorization"])[1].split(";")
    parts = urlsplit(target)
    pairs = sorted(
        (quote(k, safe="~"), quote(v, safe="~")) for k, v in parse_qsl(parts.query.replace("+", "%2B"), True)
    )
    canonical = [
        method,
        quote(parts.path, safe="/~"),
        "&".join(f"{k}={v}" for k, v in pairs),
        *(f"{name}:{headers[name].strip()}" for name in names),
        "",
        ";".join(names),
        hashlib.sha256(body.encode()).hexdigest(),
    ]
    stamp = headers["x-amz-date"]
    scope = f"{stamp[:8]}/{REGION}/aps/aws4_request"
    digest = hashlib.sha256("\n".join(canonical).encode()).hexdigest()
    key = f"AWS4{SECRET}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}"
    signed_at = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    assert abs((signed_at - datetime.now(UTC)).total_seconds()) < 900  # as long as Amazon takes it
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


ASKED = [
    {"match[]": ['up{job="a b"}', '{__name__=~"x|y+z",path="/ä?&=%"}'], "start": 1.5, "end": 2},
    {"match[]": [f'{{a="{"x" * 5000}"}}', "up + 1"]},  # too long for an address: in the body
    {},
]


@pytest.mark.parametrize("asked", ASKED, ids=["address", "body", "nothing"])
def test_what_is_sent_is_what_was_signed(credentials, amazon, asked):
    url, requests = amazon
    client(url).get("series", asked)
    (request,) = requests
    assert f"Credential={KEY}/" in request
    assert re.search(r"Signature=([0-9a-f]+)", request)[1] == signature(request)
    assert SECRET not in request


def test_without_keys_it_is_said_which_to_set(monkeypatch, tmp_path, amazon):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    url, requests = amazon
    with pytest.raises(AccessError, match="AWS_ACCESS_KEY_ID"):
        client(url).get("series", {"match[]": "up"})
    assert requests == []
