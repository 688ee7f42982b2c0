"""Detection: counts in, events out. Pure: no clock, no server, no file."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.logins.watch import Alarm, Watch, alarms, residuals, thresholds
from analysis.series.baseline import Baseline, seasonal
from analysis.series.validity import present, trusted
from analysis.settings.logins import LoginAnomaliesSettings
from analysis.window import parse_duration

AWAY = pd.Timedelta(days=1)  # an instance that is silent for a day has left the service
LOAD_STEPS_HOURS = 1.0  # failures follow the load of the hour around them
LOAD_LIMITS = (0.1, 4.0)
RECENT_HOURS = 2.0  # a fall is sudden against the two hours before it
RARE_EXPECTED = 0.2  # successes per hour below which a country counts as one from which nobody logs in
OUTAGE_SHARE = 0.5  # a fall in which more than this is left is no outage
PASSES = 2  # the second pass has a baseline without what the first one flagged


@dataclass(frozen=True)
class Detection:
    """What was found, and what it was judged by.

    Attributes:
        events: groups of alarms, each one event, in the order of time.
        watches: every test.
        valid: per step, whether it could be judged.
        instances: per step and instance, whether its counts can be trusted.
        step: length of a step.
        limits: limits of the point test and of the CUSUM.
    """

    events: tuple[tuple[Alarm, ...], ...]
    watches: tuple[Watch, ...]
    valid: pd.Series
    instances: pd.DataFrame
    step: pd.Timedelta
    limits: tuple[float, float]


def detect(frames: Mapping[str, pd.DataFrame], settings: LoginAnomaliesSettings) -> Detection:
    """Find events in counts per step.

    Args:
        frames: ``failures``, ``successes``, ``token_failures`` (any of them), columns one level per
            label; optionally ``samples`` and ``resets`` per instance.
        settings: zone, promise, merge gap.
    """
    signals = {name: frames[name] for name in ("failures", "successes", "token_failures") if name in frames}
    index = next(iter(signals.values())).index
    step = index[1] - index[0]
    instances, valid = validity(frames, index)
    flagged = pd.Series(data=False, index=index)
    for _ in range(PASSES):
        watches = watched(signals, valid, flagged, settings)
        months = pd.Timedelta(days=30) / step
        limits = thresholds(months, len(watches), settings.false_alarms_per_month)
        found = [alarm for watch in watches for alarm in alarms(watch, *limits)]
        for alarm in found:
            flagged.iloc[alarm.first : alarm.last + 1] = True
    gap = max(1, round(pd.Timedelta(parse_duration(settings.merge_gap)) / step))
    return Detection(_merged(found, gap), tuple(watches), valid, instances, step, limits)


def validity(frames: Mapping[str, pd.DataFrame], index: pd.DatetimeIndex) -> tuple[pd.DataFrame, pd.Series]:
    """Which instances can be trusted at each step, and whether the whole service can."""
    if "samples" not in frames:
        return pd.DataFrame(index=index), pd.Series(data=True, index=index)
    samples = frames["samples"].reindex(index)
    samples.columns = samples.columns.get_level_values("instance")
    restarts = frames["resets"].reindex(index) if "resets" in frames else samples * 0
    restarts.columns = restarts.columns.get_level_values("instance")
    expected = frames["samples"].attrs.get("expected_samples", float(np.nanmedian(samples.to_numpy())))
    good = trusted(samples, restarts.reindex(columns=samples.columns), expected)
    here = present(samples, AWAY)
    return good | ~here, (good | ~here).all(axis=1) & here.any(axis=1)


def watched(
    signals: Mapping[str, pd.DataFrame], valid: pd.Series, flagged: pd.Series, settings: LoginAnomaliesSettings
) -> list[Watch]:
    """Every test of the login, with expectations fitted to what is neither flagged nor distrusted."""
    clean = valid & ~flagged
    load = pd.Series(1.0, index=valid.index)
    watches: list[Watch] = []
    if "successes" in signals:
        frame = signals["successes"].fillna(0.0)
        total = frame.sum(axis=1)
        base = seasonal(total, settings.timezone, clean)
        load = _load(total.where(valid), base.expected)
        watches.append(_fall(total.where(valid), base, load))
        watches += _countries(frame, valid, clean, settings)
    for name in ("failures", "token_failures"):
        if name in signals:
            watches += _rises(name, signals[name].fillna(0.0), load, valid, clean, settings)
    return watches


def _load(total: pd.Series, expected: pd.Series) -> pd.Series:
    """How busy it is against the baseline: a sale, a holiday, a slow morning raise no alarm."""
    window = max(3, round(pd.Timedelta(hours=LOAD_STEPS_HOURS) / (total.index[1] - total.index[0])))
    smooth = (
        total.rolling(window, center=True, min_periods=1).sum()
        / expected.where(total.notna()).rolling(window, center=True, min_periods=1).sum()
    )
    return smooth.clip(*LOAD_LIMITS).interpolate(limit_direction="both").fillna(1.0)


def _fall(total: pd.Series, base: Baseline, load: pd.Series) -> Watch:
    """A sudden fall of successes: against the rhythm, and against the load of the hours before."""
    window = max(3, round(pd.Timedelta(hours=RECENT_HOURS) / (total.index[1] - total.index[0])))
    recent = (total / base.expected).rolling(window, min_periods=1).median().shift(1).clip(*LOAD_LIMITS)
    before = np.minimum(recent.ffill().fillna(1.0), load.rolling(window * 4, min_periods=1).median())
    expected = base.expected * np.minimum(before, 1.5)
    z = -residuals(total, expected, base.dispersion, max(base.noise, 0.1))
    z = z.where(total < OUTAGE_SHARE * expected, np.minimum(z, 0.0))
    z.iloc[:window] = np.nan  # nothing lies before the first hours that they could have fallen from
    return Watch("successes fall", "successes", total, expected, z, direction=-1)


def _rises(
    name: str,
    frame: pd.DataFrame,
    load: pd.Series,
    valid: pd.Series,
    clean: pd.Series,
    settings: LoginAnomaliesSettings,
) -> list[Watch]:
    """Rises of a signal: in all, and by reason where it has reasons."""
    parts: dict[str, pd.Series] = {}
    if "reason" in frame.columns.names:
        by_reason = frame.T.groupby(level="reason").sum().T
        harmless = settings.harmless_token_reasons if name == "token_failures" else []
        parts = {str(reason): by_reason[reason] for reason in by_reason.columns if reason not in harmless}
    watches = [_rise(name, "", frame.sum(axis=1), load, valid, clean, settings)] if name == "failures" else []
    if not parts and not watches:
        watches = [_rise(name, "", frame.sum(axis=1), load, valid, clean, settings)]
    return watches + [_rise(name, r, part, load, valid, clean, settings) for r, part in parts.items()]


def _rise(
    name: str,
    reason: str,
    total: pd.Series,
    load: pd.Series,
    valid: pd.Series,
    clean: pd.Series,
    settings: LoginAnomaliesSettings,
) -> Watch:
    base = seasonal(total / load, settings.timezone, clean)
    expected = base.expected * load
    refit = Baseline(expected, base.dispersion, base.noise)
    z = residuals(total.where(valid), expected, refit.dispersion, refit.noise)
    labels = {"reason": reason} if reason else {}
    return Watch(f"{name} {reason}".strip(), name, total, expected, z, labels=labels)


def _countries(
    frame: pd.DataFrame, valid: pd.Series, clean: pd.Series, settings: LoginAnomaliesSettings
) -> list[Watch]:
    """Rises of successes from one country against all others: a busy day raises all of them."""
    if "country" not in frame.columns.names:
        return []
    by_country = frame.T.groupby(level="country").sum().T
    total = by_country.sum(axis=1)
    usual = seasonal(total, settings.timezone, clean).expected
    watches = []
    for country in by_country.columns:
        mine = by_country[country]
        base = seasonal(mine, settings.timezone, clean)
        others, usual_others = total - mine, (usual - base.expected).clip(lower=1e-6)
        busy = _load(others.where(valid), usual_others) if len(by_country.columns) > 1 else 1.0
        expected = base.expected * busy
        z = residuals(mine.where(valid), expected, base.dispersion, base.noise)
        labels = {"country": str(country)}
        watches.append(Watch(f"successes {country}", "successes", mine, expected, z, labels=labels))
    return watches


def _merged(found: list[Alarm], gap: int) -> tuple[tuple[Alarm, ...], ...]:
    """Alarms that lie closer together than the merge gap are one event."""
    events: list[list[Alarm]] = []
    reach = 0
    for alarm in sorted(found, key=lambda a: (a.first, a.last)):
        if events and alarm.first - reach <= gap:
            events[-1].append(alarm)
            reach = max(reach, alarm.last)
        else:
            events.append([alarm])
            reach = alarm.last
    return tuple(tuple(event) for event in events)
