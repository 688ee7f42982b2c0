"""What an event is, and why: class, stretch, counts, labels that carried it, severity. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.findings import SEVERITIES, Severity
from analysis.logins.attribution import attribution, dominant
from analysis.logins.classify import SEVERITY, Class, classify
from analysis.logins.detect import Detection
from analysis.logins.signals import OTHERS, without_harmless
from analysis.logins.watch import LEAST_EXCESS, Alarm, Watch
from analysis.settings.logins import LoginAnomaliesSettings

ENTERED = 6.0  # standard deviations of successes beyond the usual from which on somebody has probably got in
AFTER = pd.Timedelta(hours=1)  # a success so long after the failures still belongs to them


@dataclass(frozen=True)
class Evidence:
    """One event, explained.

    Attributes:
        kind: class of the event.
        signal: the signal that shows it.
        severity: how grave it is.
        first: place of its first step.
        last: place of its last step.
        detected: place of the step at which the data sufficed.
        peak: place of the step with the largest excess.
        watch: the watch that its numbers come from.
        actual: what was counted.
        expected: what was to be expected.
        rows: attribution.
        labels: the values that dominate.
        score: 1 is the limit.
        deviations: largest error of one step, in standard deviations.
    """

    kind: str
    signal: str
    severity: Severity
    first: int
    last: int
    detected: int
    peak: int
    watch: Watch
    actual: float
    expected: float
    rows: list[dict[str, object]]
    labels: dict[str, str]
    score: float
    deviations: float


def explain(
    event: tuple[Alarm, ...],
    detection: Detection,
    frames: Mapping[str, pd.DataFrame],
    settings: LoginAnomaliesSettings,
) -> Evidence:
    """Put the alarms of one event together.

    Args:
        event: one of the detection's events.
        detection: where it comes from.
        frames: the counts that were given to detection.
        settings: names of labels and reasons.
    """
    found = classify(event, detection, settings)
    leading = [a for a in event if (a.watch.signal, a.watch.direction) == (found.signal, found.leading.watch.direction)]
    first, last = min(a.first for a in leading), max(a.last for a in leading)
    inside = slice(first, last + 1)
    watch, frame = _shown_by(found, detection, frames, settings)
    counted = _in_use(frame.iloc[inside], detection)
    expected = float(watch.expected.iloc[inside].sum())
    usual = frame.loc[_usual_steps(detection, inside).to_numpy()].sum()
    rows = attribution(counted, usual, expected)
    named = found.leading.watch.labels if found.signal == "successes" else {}
    named = {**_left_alone(frames[found.signal], frame), **named}
    labels = {label: value for label, value in {**dominant(rows), **named}.items() if value != OTHERS}
    away = np.nan_to_num((watch.actual - watch.expected).abs().iloc[inside].to_numpy())
    errors = found.leading.watch.z.iloc[inside].to_numpy()
    return Evidence(
        kind=found.kind,
        signal=found.signal,
        severity=_severity(found, event, labels, inside, detection, settings),
        first=first,
        last=last,
        detected=min(a.detected for a in event),
        peak=first + int(np.argmax(away)),
        watch=watch,
        actual=float(counted.to_numpy().sum()),
        expected=expected,
        rows=rows,
        labels=labels,
        score=max(alarm.score for alarm in event),
        deviations=float(np.nan_to_num(errors).max()),
    )


def _left_alone(whole: pd.DataFrame, shown: pd.DataFrame) -> dict[str, str]:
    """Values that are the only one of their label once harmless ones and other parts are left out."""
    values = {label: (whole.columns.unique(label), shown.columns.unique(label)) for label in shown.columns.names}
    return {label: str(left[0]) for label, (all_, left) in values.items() if len(left) == 1 < len(all_)}


def _usual_steps(detection: Detection, inside: slice) -> pd.Series:
    """Steps that show what is usual: judged, and outside of every event."""
    usual = detection.valid.copy()
    usual.iloc[inside] = False
    for event in detection.events:
        usual.iloc[min(a.first for a in event) : max(a.last for a in event) + 1] = False
    return usual if usual.any() else detection.valid


def _shown_by(
    found: Class, detection: Detection, frames: Mapping[str, pd.DataFrame], settings: LoginAnomaliesSettings
) -> tuple[Watch, pd.DataFrame]:
    """The watch that an event's numbers come from, and the counts that it watched.

    The whole signal, except for logins from one country, which drown in those from all others.
    """
    frame = without_harmless(found.signal, frames[found.signal], settings)
    leading, country = found.leading.watch, settings.country_label
    if found.signal == "successes" and country in leading.labels and leading.labels[country] != OTHERS:
        return leading, frame.loc[:, frame.columns.get_level_values(country) == leading.labels[country]]
    whole = [w for w in detection.watches if w.signal == found.signal and not w.labels]
    return (whole or [leading])[0], frame


def _in_use(counts: pd.DataFrame, detection: Detection) -> pd.DataFrame:
    """Counts of the instances that can be trusted; the others read as nothing, as they did in detection."""
    seen = detection.shown.seen
    kept = counts.fillna(0.0).mul(detection.valid.loc[counts.index].astype("float64"), axis=0)
    if not len(seen.columns) or seen.columns.name not in counts.columns.names:
        return kept
    of = counts.columns.get_level_values(seen.columns.name)
    trusted = seen.loc[counts.index].reindex(columns=of, fill_value=True).to_numpy()
    return kept.where(trusted, 0.0)


def _severity(
    found: Class,
    event: tuple[Alarm, ...],
    labels: Mapping[str, str],
    inside: slice,
    detection: Detection,
    settings: LoginAnomaliesSettings,
) -> Severity:
    """Failures that are followed by unusual successes weigh more: somebody may have got in."""
    usual = SEVERITY[found.kind]
    if found.signal != "failures":
        return usual
    if _entered(labels, inside, detection, settings):
        return "critical"
    together = any(alarm.watch.signal == "successes" and alarm.watch.direction > 0 for alarm in event)
    return SEVERITIES[max(0, SEVERITIES.index(usual) - 1)] if together else usual


def _entered(labels: Mapping[str, str], inside: slice, detection: Detection, settings: LoginAnomaliesSettings) -> bool:
    """Whether more successes than usual came from the country that the failures came from."""
    country = settings.country_label
    later = slice(inside.start, inside.stop + round(AFTER / detection.step))
    for watch in detection.watches:
        if country in labels and watch.signal == "successes" and watch.labels == {country: labels[country]}:
            excess = float((watch.actual.iloc[later] - watch.expected.iloc[later]).sum())
            spread = np.sqrt(float((watch.deviation.iloc[later] ** 2).sum()))
            return bool(excess > max(LEAST_EXCESS, ENTERED * spread))
    return False
