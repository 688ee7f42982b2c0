"""Series by metric over time, and where the window has data at all."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import pandas as pd

from analysis.cardinality.counting import Instants
from analysis.cardinality.selectors import alive, count_by
from analysis.findings import Gap
from analysis.prometheus import Prometheus
from analysis.prometheus.spread import spread
from analysis.settings.cardinality import CardinalityGrowthSettings
from analysis.window import Window

# Steps a trend may have; the longest that leaves 24 points in the window is taken.
STEPS = tuple(timedelta(seconds=s) for s in (15, 60, 300, 900, 3_600, 6 * 3_600, 86_400))
LEAST_POINTS = 24
MOST_POINTS = 10_000  # of one query, below what Prometheus allows for one series
YOUNGEST = timedelta(seconds=5)  # data that began later than this before the end is no more than a glimpse
EXACT = timedelta(minutes=5)  # to which the first and the last instant with data are found


def step_of(window: Window) -> timedelta:
    """The step of the trend."""
    fitting = [step for step in STEPS if window.duration / step >= LEAST_POINTS]
    return fitting[-1] if fitting else STEPS[0]


def trend(
    instants: Instants, settings: CardinalityGrowthSettings, window: Window, slow: Mapping[str, float]
) -> pd.DataFrame:
    """Series by metric at regular instants of the history and the window.

    Returns:
        Index ``time``, one column per metric; NaN where nothing was there.
    """
    step = step_of(window)
    size = float(instants.counts(window.end, slow).sum())
    points = max(1, int(settings.samples_per_query // max(1.0, size)))
    longest = step * min(points, MOST_POINTS)
    first = window.end - max(timedelta(days=settings.history_days), window.duration)
    if step < timedelta(days=1):
        first = window.start - window.duration
    whole = Window(first, window.end + timedelta(milliseconds=1))
    parts = [(count_by("__name__", expr), part, step) for expr in alive(slow) for part in whole.split(longest)]
    return pd.concat(spread(instants.prom, _by_metric, parts)).groupby(level="time").sum(min_count=1).sort_index()


def _by_metric(prom: Prometheus, asked: tuple[str, Window, timedelta]) -> pd.DataFrame:
    expr, part, step = asked
    frame = pd.DataFrame(prom.range(expr, part.start, part.end, step))
    frame.columns = pd.Index(frame.columns.get_level_values("__name__").astype(str), name="metric")
    return frame


def totals(trend_frame: pd.DataFrame) -> pd.Series:
    """All series over time; NaN where nothing was there."""
    return trend_frame.sum(axis=1, min_count=1)


def edges_with_data(
    instants: Instants, window: Window, trend_frame: pd.DataFrame, slow: Mapping[str, float]
) -> tuple[datetime, datetime] | None:
    """The window's edges, each moved inwards to where data begins or ends; None without any data."""
    known = totals(trend_frame).dropna()
    inside = [t.to_pydatetime() for t in known.index if window.start <= t < window.end]
    at_start, at_end = (len(instants.counts(at, slow)) > 0 for at in (window.start, window.end))
    late = max(window.start, window.end - YOUNGEST)
    if not inside and not at_start and at_end and instants.has_data(late, slow):
        inside = [late]  # a server that has only just begun
    if not inside:
        before_end = window.end - timedelta(milliseconds=1)
        if not at_start and not instants.has_data(before_end, slow):
            return None  # data that begins with the window's end says nothing about the window
        inside = [window.start if at_start else before_end]
    first = window.start if at_start else _bisect(instants, window.start, inside[0], slow)
    last = window.end if at_end else _bisect(instants, window.end, inside[-1], slow)
    # the very first and last scrapes are spread over an interval: only further inside is everything there
    ramp = max([EXACT, *(timedelta(seconds=s) for s in slow.values())])
    start, end = first if at_start else first + ramp, last if at_end else last - ramp
    return (start, end) if start < end else (first, last)


def _bisect(instants: Instants, empty: datetime, full: datetime, slow: Mapping[str, float]) -> datetime:
    """The instant nearest to `empty` that has data, between an empty and a full one."""
    while abs(full - empty) > EXACT:
        middle = empty + (full - empty) / 2
        empty, full = (empty, middle) if instants.has_data(middle, slow) else (middle, full)
    return full


def coverage(trend_frame: pd.DataFrame, window: Window) -> float:
    """Share of the window's instants at which there was any series."""
    times = pd.DatetimeIndex(trend_frame.index)
    inside = totals(trend_frame)[(times >= window.start) & (times < window.end)]
    return float(inside.notna().mean()) if len(inside) else 0.0


def gaps(trend_frame: pd.DataFrame, window: Window, seen: tuple[datetime, datetime]) -> list[Gap]:
    """Stretches without any series: before the first, after the last, and between."""
    found = []
    if seen[0] > window.start:
        found.append(_gap(window.start, seen[0], "no data yet: before the first sample or the retention"))
    if seen[1] < window.end:
        found.append(_gap(seen[1], window.end, "no data any more: after the last sample"))
    times = pd.DatetimeIndex(trend_frame.index)
    inside = totals(trend_frame)[(times >= seen[0]) & (times <= seen[1])].isna()
    run = (inside != inside.shift()).cumsum()
    for _, part in inside[inside].groupby(run[inside]):
        begin, last = part.index[0].to_pydatetime(), part.index[-1].to_pydatetime()
        found.append(_gap(begin, min(last + step_of(window), window.end), "no series at these instants"))
    return sorted(found, key=lambda gap: gap.start)


def _gap(start: datetime, end: datetime, reason: str) -> Gap:
    return Gap(start=start, end=end, scope="all series", reason=reason)
