"""What has to be said beside an answer: that part of its window could not be known."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np

from analysis.prometheus.decode import Decoded
from analysis.window import Window, format_duration, parse_duration

CLOCKS_APART = timedelta(minutes=1)  # what an answer's own time and a sloppy clock may make
AHEAD = timedelta(minutes=5)  # that a window may end after now, as one that was just typed does
FUTURE = "the window reaches into the future, of which nothing is known yet"
_DURATION = re.compile(r"^[\dsmhdwy]+")  # of "15d", "15d or 10GiB"


def remarks(decoded: Decoded, window: Window, clock_ahead: timedelta, retention: Callable[[], str]) -> list[str]:
    """Remarks on one range query; equal for queries of one window, so that each is said once.

    Args:
        decoded: the answer.
        window: what was asked for.
        clock_ahead: how far the server's clock is ahead of ours.
        retention: asks for how long the server keeps samples, as it says so itself; empty where unknown.
    """
    now = datetime.now(UTC)
    said = [FUTURE] if window.end > now + AHEAD else []
    if abs(clock_ahead) > CLOCKS_APART:
        apart = format_duration(timedelta(minutes=round(abs(clock_ahead) / timedelta(minutes=1))))
        which = "ahead of" if clock_ahead > timedelta() else "behind"
        said.append(f"the server's clock is {apart} {which} this machine's: `now` means different times")
    if _begins_late(decoded):
        match = _DURATION.match(retention())
        if match and window.start < now - parse_duration(match[0]):
            said.append(f"the server keeps {match[0]}: what is older than that is not known")
    return said


def _begins_late(decoded: Decoded) -> bool:
    """Whether no series has a sample at the first stamp."""
    return not bool(np.any(decoded.present[:1]))
