"""The native stack on free ports, in a folder of its own, started and stopped through the script."""

import os
import subprocess
import sys
from pathlib import Path

from analysis.prometheus.private_server import free_port

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "start-monitoring.sh"
PORTS = (
    "PROMETHEUS_PORT",
    "ALERTMANAGER_PORT",
    "GRAFANA_PORT",
    "NODE_EXPORTER_PORT",
    "REDIS_PORT",
    "REDIS_EXPORTER_PORT",
    "FORWARDER_PORT",
    "AUTH_PORT",
    "POLICY_PORT",
    "DASHBOARD_PORT",
    "EXPORTER_CONTROL_PORT",
)


class NativeStack:
    """Context manager: nothing runs before `run("start")`, nothing runs after the end."""

    def __init__(self, folder, **environment):
        self.folder = folder
        self.ports = {name: free_port() for name in PORTS}
        self.environment = {
            **os.environ,
            "MONITORING_MODE": "native",
            "MONITORING_DATA": str(folder / "data"),
            "MONITORING_SECRETS": str(folder / "secrets"),
            "MONITORING_PYTHON": sys.executable,
            "HEALTH_SECONDS": "300",
            **{name: str(port) for name, port in self.ports.items()},
            **environment,
        }

    def run(self, *arguments, **environment):
        command = ["bash", str(SCRIPT), *arguments]
        return subprocess.run(
            command,
            env=self.environment | environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=400,
        )

    def attack(self, *arguments):
        command = [sys.executable, str(ROOT / "monitoring" / "exporter"), *arguments]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=True, timeout=200)

    def url(self, name):
        return f"http://127.0.0.1:{self.ports[f'{name.upper()}_PORT']}"

    def processes(self):
        """Numbers of the processes that the script says are ours."""
        files = sorted((self.folder / "data" / "run").glob("*.pid"))
        return {file.stem: int(file.read_text().split()[0]) for file in files}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        assert self.run("stop").returncode == 0


def runs(number):
    """Whether a process of this number runs; one that nobody waited for does not."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
