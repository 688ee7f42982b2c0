"""A program called grafana-server that answers everything with 200 and keeps the environment it was started with."""

import json
import os
import sys

PROGRAM = """#!{python}
import json, os
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()

Path(os.environ["GF_PATHS_DATA"], "environment.json").write_text(json.dumps(dict(os.environ)))
HTTPServer((os.environ["GF_SERVER_HTTP_ADDR"], int(os.environ["GF_SERVER_HTTP_PORT"])), Handler).serve_forever()
"""


def installed(folder):
    """Put it on a PATH of its own; returns what the environment needs for it."""
    program = folder / "bin" / "grafana-server"
    program.parent.mkdir()
    program.write_text(PROGRAM.format(python=sys.executable))
    program.chmod(0o755)
    return {"PATH": f"{program.parent}:{os.environ['PATH']}", "GRAFANA_HOME": str(folder)}


def environment(folder):
    """What it was started with."""
    return json.loads((folder / "data/grafana/environment.json").read_text())
