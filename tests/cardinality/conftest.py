"""A real server with series that are known to the last one."""

import pytest

from analysis.datasets import SERVER_ARGUMENTS
from analysis.prometheus import connect
from analysis.prometheus.private_server import PrivatePrometheus
from tests.cardinality.known import known_series, write


@pytest.fixture(scope="session")
def known_server():
    """A real Prometheus that holds `known_series`."""
    with PrivatePrometheus(arguments=SERVER_ARGUMENTS) as server:
        write(server.url, known_series())
        yield server


@pytest.fixture
def prom(known_server):
    """A client of the known server."""
    with connect(known_server.url) as client:
        yield client
