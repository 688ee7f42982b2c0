"""VictoriaMetrics and vmalert for tests: real ones on free loopback ports that leave nothing behind."""

import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import requests

from analysis.datasets import backfill
from analysis.prometheus.private_server import free_port
from analysis.prometheus.programs import find_program
from tests.waiting import answers, until


@contextmanager
def program(name, *arguments, ready):
    """A program of VictoriaMetrics on a free port; gives its base URL."""
    url = f"http://127.0.0.1:{free_port()}"
    folder = Path(tempfile.mkdtemp(prefix="promreview-"))
    address = url.removeprefix("http://")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [find_program(name), f"-httpListenAddr={address}", *(text.format(folder=folder) for text in arguments)],
            stdout=log,
            stderr=log,
        )
    try:
        wait_for(f"{url}{ready}", process, folder / "log")
        yield url
    finally:
        process.terminate()
        process.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


def wait_for(url, process, log):
    def ready():
        assert process.poll() is None, told()
        return answers(url)

    def told():
        return log.read_text(errors="replace")[-500:]

    until(ready, told=told)


def victoria_metrics(*arguments):
    """A VictoriaMetrics that keeps whatever is written, however old."""
    return program(
        "victoria-metrics", "-storageDataPath={folder}/data", "-retentionPeriod=100y", *arguments, ready="/health"
    )


def fill(url, samples):
    """Backfill a VictoriaMetrics; what was written can be searched at once."""
    backfill(url, samples)
    requests.get(f"{url}/internal/force_flush", timeout=60).raise_for_status()
