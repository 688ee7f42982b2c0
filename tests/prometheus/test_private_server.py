"""A private server leaves nothing behind, whatever becomes of who started it."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from analysis.errors import UnreachableError
from analysis.prometheus.private_server import PrivatePrometheus

STARTS_ONE = """
import sys, time
from analysis.prometheus.private_server import PrivatePrometheus
with PrivatePrometheus() as server:
    print(server.url, server.folder, flush=True)
    time.sleep(600)
"""


def answers(url):
    try:
        urlopen(f"{url}/-/ready", timeout=2).close()
    except (URLError, OSError):
        return False
    return True


def gone(url, seconds=30):
    deadline = time.monotonic() + seconds
    while answers(url) and time.monotonic() < deadline:
        time.sleep(0.1)
    return not answers(url)


@pytest.mark.parametrize(
    ("how", "leaves_folder"), [(signal.SIGINT, False), (signal.SIGTERM, True), (signal.SIGKILL, True)]
)
def test_it_ends_with_who_started_it(how, leaves_folder):
    process = subprocess.Popen(
        [sys.executable, "-c", STARTS_ONE], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    url, folder = process.stdout.readline().split()
    assert answers(url)
    process.send_signal(how)
    process.wait(60)
    process.stdout.close()
    assert gone(url)
    assert leaves_folder or not Path(folder).exists()


def test_an_exception_ends_it_and_removes_its_folder():
    private = PrivatePrometheus()
    with pytest.raises(ZeroDivisionError), private:
        1 / 0  # noqa: B018
    assert gone(private.url)
    assert not private.folder.exists()


def test_a_server_that_cannot_start_says_why_and_leaves_nothing():
    private = PrivatePrometheus(config="global: [")
    with pytest.raises(UnreachableError, match="ended at once"), private:
        pass
    assert not private.folder.exists()
