"""Detection: counts in, events out. Pure: no clock, no server, no file."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.logins.expectation import days_known, watches_of
from analysis.logins.exposure import Exposure, exposure
from analysis.logins.falls import falls
from analysis.logins.load import odd_load
from analysis.logins.signals import LOAD, Part, parts
from analysis.logins.watch import Alarm, Level, Watch, judged, rises
from analysis.series import scan
from analysis.series.baseline import Calendar
from analysis.settings.logins import LoginAnomaliesSettings
from analysis.window import parse_duration

Array = NDArray[np.float64]
PASSES = 2  # the second pass has a baseline without what the first one flagged
LASTING = pd.Timedelta(days=3)  # what lasts longer is what is usual now
AFTERMATH = pd.Timedelta(hours=3)  # sessions last and tokens are renewed for hours after a login
CONSEQUENCES = ("sessions", "tokens")
FAILURES_SHARE = 0.5  # of the promise about false alarms, for failures in all: a spray shows in nothing else
SURE_DAYS = 14  # of baseline, before which neither an alarm nor an odd load is a reason to leave data out of it
HABIT_WEEKS = 0.3  # share of the weeks in which an hour of the week stands out before it is a habit
HABIT_DAYS = 0.15  # share of the days, likewise
CALIBRATION_LOOKS = 4  # windows per length from which scatter is measured: more of them say the same again
CALIBRATION_STRIDE = 6  # steps between two of them at least


@dataclass(frozen=True)
class Detection:
    """What was found, and what it was judged by.

    Attributes:
        events: groups of alarms, each one event, in the order of time.
        watches: every test.
        valid: per step, whether it could be judged.
        instances: per step and instance, whether its counts can be trusted.
        shown: which instances are in use, and the share of the service that they are.
        step: length of a step.
        tests: how many tests share the promise about false alarms.
    """

    events: tuple[tuple[Alarm, ...], ...]
    watches: tuple[Watch, ...]
    valid: pd.Series
    instances: pd.DataFrame
    shown: Exposure
    step: pd.Timedelta
    tests: int


def detect(frames: Mapping[str, pd.DataFrame], settings: LoginAnomaliesSettings) -> Detection:
    """Find events in counts per step; each step is judged by what came before it.

    Args:
        frames: ``failures``, ``successes``, ``token_failures``, ``tokens`` (counts per step, any of
            them), ``sessions`` (a gauge), columns one level per label; optionally ``samples`` and
            ``resets`` per instance. A stamp covers the step that ends at it; NaN is no sample.
        settings: zone, holidays, promise, merge gap.
    """
    index = next(frames[name] for name in frames if name not in ("samples", "resets")).index
    step = index[1] - index[0]
    shown = exposure(frames, index, settings.instance_label)
    found_parts = parts(frames, shown, settings)
    calendar = Calendar.of(index, settings.timezone, settings.holidays)
    flagged, known_days = np.zeros(len(index), dtype=bool), days_known(calendar, shown.judged.to_numpy())
    sure = known_days[calendar.day] >= SURE_DAYS
    odd = _odd(found_parts, shown, calendar) & sure
    for _ in range(PASSES):
        watches, found, tests = _pass(found_parts, shown, calendar, flagged | odd, settings)
        for alarm in found:
            if (alarm.last - alarm.first) * step <= LASTING and sure[alarm.first]:
                flagged[alarm.first : alarm.last + 1] = True
        flagged &= ~habitual(flagged, calendar)
    gap = max(1, round(pd.Timedelta(parse_duration(settings.merge_gap)) / step))
    known = pd.concat([watch.expected.notna() for watch in watches], axis=1).any(axis=1)
    after = round(AFTERMATH / step)
    return Detection(
        merged(found, gap, after), tuple(watches), shown.judged & known, shown.instances, shown, step, tests
    )


def _pass(
    found_parts: list[Part],
    shown: Exposure,
    calendar: Calendar,
    flagged: NDArray[np.bool_],
    settings: LoginAnomaliesSettings,
) -> tuple[list[Watch], list[Alarm], int]:
    """One round: expectations from what is not flagged, scatter, and alarms."""
    watches, known_days = watches_of(found_parts, shown, flagged, settings)
    step_minutes = (shown.share.index[1] - shown.share.index[0]) / pd.Timedelta(minutes=1)
    sizes = scan.lengths(step_minutes)
    promise = settings.false_alarms_per_month
    tests = round(len(watches) * len(sizes) / (1 - FAILURES_SHARE))
    month = 30 * 1440 / step_minutes
    limits = {n: scan.limit(n, month, tests, promise) for n in sizes}
    whole = {n: scan.limit(n, month, round(len(sizes) / FAILURES_SHARE), promise) for n in sizes}
    scatters = _scatters(watches, calendar, flagged, sizes, known_days)
    hour = min(sizes, key=lambda n: abs(n * step_minutes - 60))
    found: list[Alarm] = []
    for place, watch in enumerate(watches):
        if watch.direction < 0:
            noise = scatters[hour].noise[:, place]
            found += falls(watch, tests, promise, noise, calendar, step_minutes)
            continue
        mine = whole if watch.name == "failures" else limits
        levels = [
            Level(
                n,
                mine[n],
                s.dispersion[:, place],
                s.noise[:, place],
                np.ones(len(known_days)),
                scan.heavy_tail(n, step_minutes),
            )
            for n, s in scatters.items()
        ]
        found += rises(watch, levels, calendar.day, step_minutes)
    return watches, found, tests


def _scatters(
    watches: list[Watch], calendar: Calendar, flagged: NDArray[np.bool_], sizes: list[int], known_days: Array
) -> dict[int, scan.Scatter]:
    """How windows of each length scatter, for all watches at once."""
    pairs = [judged(watch) for watch in watches]
    actual, expected = (np.column_stack(side) for side in zip(*pairs, strict=True))
    actual[flagged], expected[flagged] = 0.0, 0.0
    totals = [scan.running(side) for side in (actual, expected)]
    found = {}
    for n in sizes:
        stride = max(CALIBRATION_STRIDE, n // CALIBRATION_LOOKS)
        day = calendar.day[stride - 1 :: stride]
        seen, usual = (scan.differences(total, n, stride) for total in totals)
        found[n] = scan.scatter(seen, usual, day, known_days, overlap=max(1.0, n / stride))
    return found


def _odd(found_parts: list[Part], shown: Exposure, calendar: Calendar) -> NDArray[np.bool_]:
    """Steps whose load is no usual one, where there is a load."""
    whole = [part.counts for part in found_parts if part.name == LOAD]
    if not whole:
        return np.zeros(len(shown.share), dtype=bool)
    share = shown.share.to_numpy()
    return odd_load(np.where(shown.judged, whole[0] / np.maximum(share, 1e-9), np.nan), calendar)


def habitual(flagged: NDArray[np.bool_], calendar: Calendar) -> NDArray[np.bool_]:
    """Times of the week that stand out most weeks: what comes every week is usual, however odd it looks."""
    hour = calendar.weekday[calendar.day] * 24 + calendar.hour.astype(int)
    share = np.bincount(hour, flagged, 168) / np.maximum(np.bincount(hour, minlength=168), 1)
    daily = np.bincount(hour % 24, flagged, 24) / np.maximum(np.bincount(hour % 24, minlength=24), 1)
    return np.asarray((share[hour] > HABIT_WEEKS) | (daily[hour % 24] > HABIT_DAYS))


def merged(found: list[Alarm], gap: int, after: int) -> tuple[tuple[Alarm, ...], ...]:
    """Alarms that lie closer together than the merge gap are one event, sessions and tokens with the logins before.

    Args:
        found: all alarms.
        gap: merge gap, in steps.
        after: for how many steps an attack is felt in what follows from logins.
    """
    events: list[list[Alarm]] = []
    reach = 0
    for alarm in sorted(found, key=lambda a: (a.first, a.last)):
        near = max(gap, after) if alarm.watch.signal in CONSEQUENCES else gap
        if events and alarm.first - reach <= near:
            events[-1].append(alarm)
            reach = max(reach, alarm.last)
        else:
            events.append([alarm])
            reach = alarm.last
    return tuple(tuple(event) for event in events)
