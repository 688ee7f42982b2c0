"""Fixtures that every test may use."""

import pytest

from analysis.prometheus.private_server import PrivatePrometheus


@pytest.fixture(scope="session")
def empty_prometheus():
    """A real Prometheus without any data."""
    with PrivatePrometheus() as server:
        yield server
