"""A private server leaves nothing behind, whatever becomes of who started it."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from analysis.errors import UnreachableError
from analysis.prometheus.private_server import PrivatePrometheus, free_port
from tests.waiting import answers, until

STARTS_ONE = """
import sys, time
from analysis.prometheus.private_server import PrivatePrometheus
with PrivatePrometheus() as server:
    print(server.url, server.folder, flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize(
    ("how", "leaves_folder"), [(signal.SIGINT, False), (signal.SIGTERM, True), (signal.SIGKILL, True)]
)
def test_it_ends_with_who_started_it(how, leaves_folder):
    process = subprocess.Popen(
        [sys.executable, "-c", STARTS_ONE], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    url, folder = process.stdout.readline().split()
    assert answers(f"{url}/-/ready")
    process.send_signal(how)
    process.wait(60)
    process.stdout.close()
    until(lambda: not answers(f"{url}/-/ready"))
    assert leaves_folder or not Path(folder).exists()


def test_free_ports_differ_and_no_outgoing_connection_takes_them():
    ports = [free_port() for _ in range(100)]
    assert len(set(ports)) == 100
    given_out = Path("/proc/sys/net/ipv4/ip_local_port_range")
    first = int(given_out.read_text().split()[0]) if given_out.exists() else 49_152
    assert max(ports) < first


def test_an_exception_ends_it_and_removes_its_folder():
    private = PrivatePrometheus()
    with pytest.raises(ZeroDivisionError), private:
        1 / 0  # noqa: B018
    until(lambda: not answers(f"{private.url}/-/ready"))
    assert not private.folder.exists()


def test_a_server_that_cannot_start_says_why_and_leaves_nothing():
    private = PrivatePrometheus(config="global: [")
    with pytest.raises(UnreachableError, match="ended at once"), private:
        pass
    assert not private.folder.exists()
