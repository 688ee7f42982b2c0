"""A secret in every place that can hold one, an echo in every place that could show one, and a search of all."""

import json
import os
import shutil
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from analysis.prometheus.archive.sealed import unpacked
from tests.report.handmade import notebook

ROOT = Path(__file__).parents[2]
ECHO = ("Authorization", "X-Api-Key")
TELLS = """
import json, os, sys
from pathlib import Path
from analysis import connect
from analysis.findings import Coverage, FindingsDocument, Finding, QueryRecord, Source, TimeSpan
known = {n: v for n, v in os.environ.items() if n.startswith(("PRO", "GRAF", "EU_", "AWS_", "HTTPS_"))}
for name, value in sorted(known.items()):
    print(name, value)
    if name.endswith("_FILE"):
        print(Path(value).read_text())
print(*(repr(value) for value in known.values()), file=sys.stderr)
prom = connect()
prom.range("up", "2026-10-01T00:00:00Z", "2026-10-03T00:00:00Z", "1h")
try:
    prom.rules()
except Exception as error:
    said = str(error)
window = TimeSpan(start="2026-10-01T00:00:00Z", end="2026-11-01T00:00:00Z")
every = " ".join(known.values())
found = Finding(id="first-a", report="first", kind="k", severity="high", title=said + every, start=window.start,
                detected_at=window.start, labels={"x": every}, action=every, evidence={"y": every})
body = FindingsDocument(report="first", window=window, source=prom.source(), queries=prom.queries,
                        coverage=Coverage(share=1.0), findings=[found])
from analysis.findings import ReportResult
from analysis.report import save
save(ReportResult(body, {}), {}, output_directory)
"""
FAILS = (
    "import os\nraise ValueError('refused: ' + ' '.join(v for n, v in os.environ.items() if n[:3] in ('PRO', 'EU_')))"
)


class Proxy(BaseHTTPRequestHandler):
    """Passes questions on, and says back who asked where it fails, as careless servers do."""

    def do_GET(self):
        told = " ".join(self.headers.get(name, "") for name in ECHO)
        if self.path.startswith("/api/annotations"):
            self._answer(401, told.encode())
            return
        if self.path.startswith("/api/v1/rules"):
            self._answer(400, json.dumps({"status": "error", "errorType": "x", "error": f"not for {told}"}).encode())
            return
        try:
            with urllib.request.urlopen(f"{self.server.behind}{self.path}") as answer:
                self._answer(200, answer.read())
        except urllib.error.HTTPError as error:
            self._answer(error.code, error.read())

    def do_POST(self):  # Grafana, and a webhook that refuses
        self._answer(401, b"not for " + self.headers.get("Authorization", "").encode())

    def _answer(self, status, body):
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def proxy(empty_prometheus):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    server.behind = empty_prometheus.url
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def place(tmp_path, proxy):
    """A folder with two notebooks that tell and an archive to fill."""
    notebook(tmp_path / "notebooks/first.ipynb", TELLS)
    notebook(tmp_path / "notebooks/second.ipynb", FAILS)
    shutil.copy(ROOT / "notebooks/monthly_review.ipynb", tmp_path / "notebooks")
    (tmp_path / "archive").mkdir()
    folder = tmp_path / "params/environments"
    folder.mkdir(parents=True)
    settings = f"reports: [first, second]\ngrafana_url: http://127.0.0.1:{proxy}\n"
    (tmp_path / "params/monthly_review.yaml").write_text(settings)
    (folder / "eu.yaml").write_text(
        f"url: http://127.0.0.1:{proxy}\nusername: me\npassword_variable: EU_PASSWORD\nheaders_variable: EU_HEADERS\n"
    )
    return tmp_path


def reviewed(place, variables, *arguments):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PROMETHEUS_", "PROMREVIEW_"))}
    command = [sys.executable, "-m", "analysis", "review", "--month", "2026-10", *arguments]
    environment = kept | {"PYTHONPATH": str(ROOT)} | variables
    ran = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, timeout=540, check=False)
    assert ran.returncode == 4, ran.stderr  # the second notebook fails
    return ran.stdout + ran.stderr


def left(place):
    """Everything that was written, as text; what is packed is unpacked."""
    for folder in ("outputs", "archive"):
        for path in (place / folder).rglob("*"):
            if path.suffix == ".zst":
                yield path, str(unpacked(path.read_bytes()))
            elif path.is_file():
                yield path, path.read_bytes().decode("utf-8", "replace")


def search(place, said):
    found = dict(left(place))
    names = {path.name for path in found}
    assert {"first.ipynb", "first.html", "second.ipynb", "status.json", "delivery.json", "annotations.json"} <= names
    assert {"index.html", "findings.json", "source.json", "parameters.yaml"} <= names
    assert any(path.suffix == ".zst" for path in found)
    printed = next(text for path, text in found.items() if path.name == "first.ipynb")
    assert printed.count("[secret]") > 5  # it did tell
    for path, text in (*found.items(), ("what was said", said)):
        assert "planted" not in text, (path, text[max(0, text.find("planted") - 200) :][:300])


def test_no_secret_of_a_variable_or_an_address_is_left_anywhere(place, proxy):
    variables = {
        "PROMETHEUS_BEARER_TOKEN": "planted-bearer-token",
        "PROMETHEUS_PASSWORD": "planted-password",
        "PROMETHEUS_HEADERS": json.dumps({"X-Api-Key": "planted-header"}),
        "GRAFANA_TOKEN": "planted-grafana-token",
        "PROMREVIEW_NOTIFY_URLS": f"json://hook:planted-hook@127.0.0.1:{proxy}/x planted-no-address",
        "AWS_SECRET_ACCESS_KEY": "planted-aws-key",
        "HTTPS_PROXY": "http://user:planted-proxy@127.0.0.1:9",
        "NO_PROXY": "127.0.0.1",
    }
    said = reviewed(place, variables, "--url", f"http://user:planted%2Din%2Durl@127.0.0.1:{proxy}")
    search(place, said)


def test_no_secret_of_a_file_or_an_environment_is_left_anywhere(place, proxy):
    files = {
        "EU_PASSWORD_FILE": "planted-eu-password",
        "EU_HEADERS_FILE": json.dumps({"X-Api-Key": "planted-eu-header"}),
        "GRAFANA_TOKEN_FILE": "planted-grafana-token",
        "PROMREVIEW_FAILURE_URLS_FILE": f"json://hook:planted-hook@127.0.0.1:{proxy}/x\n",
    }
    variables = {}
    for name, secret in files.items():
        (place / name).write_text(secret)
        variables[name] = str(place / name)
    said = reviewed(place, variables, "--environment", "eu")
    search(place, said)
