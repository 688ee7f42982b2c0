"""JupyterLab itself, started as a user would, with configuration, kernels and notebooks in a folder of its own."""

import json
import os
import secrets
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import SimpleNamespace

from analysis.prometheus.private_server import free_port

NOTIFICATIONS = "lab/user-settings/@jupyterlab/apputils-extension/notification.jupyterlab-settings"
QUIET = {"fetchNews": "false", "checkForUpdates": False}
LISTENING = "is running at"


def until(text, lines):
    """The lines up to the first that holds the text."""
    for line in lines:
        yield line
        if text in line:
            return


@contextmanager
def jupyter_lab(root, url):
    """JupyterLab over the folder `root`, whose kernels find the Prometheus at `url`."""
    own = root / ".own"
    folders = {f"JUPYTER_{name}_DIR": str(own / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
    settings = own / "config" / NOTIFICATIONS
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps(QUIET))
    token, port = secrets.token_hex(16), free_port()
    environment = folders | {"IPYTHONDIR": str(own), "JUPYTER_TOKEN": token, "PROMETHEUS_URL": url}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}", "--port-retries=0"]
    process = subprocess.Popen(
        [*command, f"--ServerApp.root_dir={root}"],
        env=os.environ | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process, ThreadPoolExecutor(1) as reader:
        try:
            said = list(until(LISTENING, process.stderr))
            assert LISTENING in said[-1], "".join(said)
            reader.submit(process.stderr.read)  # a full pipe would stop the server
            yield SimpleNamespace(url=f"http://127.0.0.1:{port}", token=token)
        finally:
            process.terminate()
