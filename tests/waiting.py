"""Waiting for what real programs do in their own time, on machines that may stall for seconds."""

import time

import requests

PATIENCE_SECONDS = 180.0  # only what is broken takes as long


def until(wanted, seconds=PATIENCE_SECONDS, told=None):
    """The first truthy answer of `wanted`; where none comes, the last one is shown, or what `told` says."""
    deadline = time.monotonic() + seconds
    while not (found := wanted()):
        assert time.monotonic() < deadline, told() if told else found
        time.sleep(0.1)
    return found


def answers(url, **more):
    """Whether a server answers this URL well; `more` goes to requests."""
    try:
        return requests.get(url, **{"timeout": 30} | more).ok
    except requests.RequestException:
        return False
