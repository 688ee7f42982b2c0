"""Fixtures that every test may use."""

import signal

import pytest

from analysis.prometheus.private_server import PrivatePrometheus


def pytest_configure():
    """What is started in the background ignores Ctrl-C, and so would every program that a test interrupts."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def empty_prometheus():
    """A real Prometheus without any data."""
    with PrivatePrometheus() as server:
        yield server
