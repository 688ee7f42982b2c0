"""What is watched: each signal in all, and by the values of its labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.logins.exposure import Exposure, sums
from analysis.settings.logins import LoginAnomaliesSettings

Array = NDArray[np.float64]
MOST_VALUES = 12  # values of a label that are watched one by one; the rest of them together
LOAD = "successes fall"  # the part that tells how busy the service is
OTHERS = "(all others)"  # their name; no label value can be judged by it
NIGHT_MARGIN_HOURS = (1, 3)  # before work begins, and after it ends, people still log in
NIGHT_EDGE_MINUTES = 30.0  # nights differ from week to week in when they begin
NIGHT_SHARE = 1.0  # logins at night must double before they count as odd in all
SESSIONS_SHARE = 0.5  # a gauge of sessions wanders; half more is a rise


@dataclass(frozen=True)
class Part:
    """One thing to watch.

    Attributes:
        name: unique.
        signal: name of the signal.
        counts: per step, over the instances in use.
        labels: which part of the signal.
        direction: 1 for rises, -1 for falls.
        follows: part whose load it follows.
        against: the whole, when the load of all others is what it follows.
        when: steps at which it is judged.
        least_share: smallest excess that means something.
        edge_minutes: how far apart the highest expectation around a step may lie.
    """

    name: str
    signal: str
    counts: Array
    when: NDArray[np.bool_]
    labels: dict[str, str] = field(default_factory=dict)
    direction: int = 1
    follows: str = ""
    against: str = ""
    least_share: float = 0.1
    edge_minutes: float = 0.0


def parts(frames: Mapping[str, pd.DataFrame], shown: Exposure, settings: LoginAnomaliesSettings) -> list[Part]:
    """Everything that is watched, as far as there are signals.

    Args:
        frames: the signals.
        shown: which instances are in use.
        settings: harmless reasons, working hours, zone.
    """
    always = np.ones(len(shown.share), dtype=bool)
    found: list[Part] = []
    if "successes" in frames:
        total = _total(frames["successes"], shown)
        found.append(Part(LOAD, "successes", total, always, direction=-1))
        night = always & _night(shown.share.index, settings)
        follows = "failures" if "failures" in frames else ""
        odd = Part("successes", "successes", total, night, {}, 1, follows, "", NIGHT_SHARE, NIGHT_EDGE_MINUTES)
        found.append(odd)
        found += _divided("successes", frames["successes"], shown, (settings.country_label,), against=LOAD)
    for name in ("failures", "token_failures", "tokens"):
        if name in frames and frames[name].shape[1]:
            frame = without_harmless(name, frames[name], settings)
            found.append(Part(name, name, _total(frame, shown), always, follows=LOAD))
            labels = (settings.reason_label, settings.country_label)
            found += _divided(name, frame, shown, labels, follows=LOAD)
    if "sessions" in frames and frames["sessions"].shape[1]:
        total = _total(frames["sessions"], shown)
        found.append(Part("sessions", "sessions", total, always, follows=LOAD, least_share=SESSIONS_SHARE))
    return found


def _total(frame: pd.DataFrame, shown: Exposure) -> Array:
    everything = {"all": np.ones(frame.shape[1], dtype=bool)}
    return sums(frame.reindex(shown.share.index), shown.seen, everything)["all"].to_numpy()


def without_harmless(name: str, frame: pd.DataFrame, settings: LoginAnomaliesSettings) -> pd.DataFrame:
    """Tokens expire every day; nobody forges an expired one."""
    if name != "token_failures" or settings.reason_label not in frame.columns.names:
        return frame
    keep = ~frame.columns.get_level_values(settings.reason_label).isin(settings.harmless_token_reasons)
    return frame.loc[:, keep] if keep.any() else frame


def _divided(
    signal: str,
    frame: pd.DataFrame,
    shown: Exposure,
    labels: Sequence[str],
    follows: str = "",
    against: str = "",
) -> list[Part]:
    """The values of the labels that an attack moves: the largest by themselves, the others together."""
    found = []
    always = np.ones(len(shown.share), dtype=bool)
    for label in labels:
        if label not in frame.columns.names:
            continue
        values = frame.columns.get_level_values(label)
        groups = {value: np.asarray(values == value) for value in _largest(frame, label)}
        rest = ~np.any(list(groups.values()), axis=0)
        if len(groups) < 2:
            continue
        if rest.any():
            groups[OTHERS] = rest
        counts = sums(frame.reindex(shown.share.index), shown.seen, groups)
        for value in groups:
            column = counts[value].to_numpy()
            name = f"{signal} {label}={value}"
            found.append(Part(name, signal, column, always, {label: str(value)}, 1, follows, against))
    return found


def _largest(frame: pd.DataFrame, label: str) -> list[str]:
    size = frame.sum().groupby(level=label).sum().sort_values(ascending=False, kind="stable")
    return [str(value) for value in size.index[:MOST_VALUES]]


def _night(index: pd.DatetimeIndex, settings: LoginAnomaliesSettings) -> NDArray[np.bool_]:
    """Hours in which nobody works, nor has just stopped."""
    hour = index.tz_convert(settings.timezone).hour.to_numpy()
    low, high = settings.working_hours
    before, after = NIGHT_MARGIN_HOURS
    awake = (high - low) % 24 or 24  # who works from 22 to 6 rests by day
    return np.asarray((hour - high - after) % 24 < 24 - awake - before - after)
