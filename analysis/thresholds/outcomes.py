"""What many settings of one rule would have done: events of every combination, and their counts in a window."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.thresholds.excuses import Incident
from analysis.thresholds.lives import Flags, Lives, Milliseconds, Places
from analysis.thresholds.memberships import Memberships
from analysis.thresholds.notifications import pages
from analysis.window import Window, unix_ms

FLAP_CAUSES = ("threshold", "no_data", "label_churn")
DAYS_PER_MONTH = 30.0
MOSTLY = 0.5  # of the time: an alert that fires for longer tells nobody anything
Identity = tuple[tuple[str, str], ...]
_NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Scene:
    """What the combinations of one rule share.

    Attributes:
        slots_ms: evaluated slots, Unix milliseconds.
        interval_ms: distance of slots.
        memberships: which of Alertmanager's groups each series' alert is in.
        has_data: whether the compared side had a sample, shape (slots, series); None where it always had.
        flap_gap_ms: an alert that fires again within this time flaps.
        incidents: the labelled incidents that this rule should have caught.
        pardons: per pardon its start, its end, and which series it covers.
        identities: the labels of each series' alert, as pairs; shape (series,).
    """

    slots_ms: Milliseconds
    interval_ms: int
    memberships: Memberships
    has_data: Flags | None
    flap_gap_ms: int
    incidents: tuple[Incident, ...] = ()
    pardons: tuple[tuple[int, int, Flags], ...] = ()
    identities: tuple[Identity, ...] = ()

    @property
    def step_ms(self) -> int:
        """Distance of slots where none is missing, else 0."""
        span = int(self.slots_ms[-1] - self.slots_ms[0]) if len(self.slots_ms) else 0
        return self.interval_ms if span == self.interval_ms * (len(self.slots_ms) - 1) else 0


@dataclass(frozen=True)
class Outcomes:
    """Events of all combinations; each event carries the place of its combination.

    Attributes:
        alerts: columns combination, when it began to fire, when it was resolved, whose it is (place in `identities`),
            and 1 where incidents, maintenance or silences cover most of it.
        pages: columns combination, time_ms.
        noise: like `pages`, without what incidents, maintenance and silences excuse.
        flaps: columns combination, time_ms, cause (place in `FLAP_CAUSES`).
        near_misses: columns combination, time_ms.
        lateness_ms: shape (combinations, incidents); the largest integer where missed.
        identities: labels of alerts, as pairs; the same ones may stand in several places.
    """

    alerts: NDArray[np.int64]
    pages: NDArray[np.int64]
    noise: NDArray[np.int64]
    flaps: NDArray[np.int64]
    near_misses: NDArray[np.int64]
    lateness_ms: NDArray[np.int64]
    identities: tuple[Identity, ...] = ()


def outcomes(lives: Sequence[Lives], scene: Scene, first_combination: int = 0, blocks: int = 1) -> Outcomes:
    """The events of the lives of several combinations.

    Args:
        lives: of each pair of durations.
        scene: what they share.
        first_combination: number of the first one.
        blocks: sets of thresholds; the series of one come after those of the other, and so do its combinations.
    """
    durations = np.repeat(np.arange(len(lives)), [len(each.first) for each in lives])
    series, first, fires, last = (
        np.concatenate([getattr(each, name) for each in lives]) for name in ("series", "first", "fires", "last")
    )
    block, series = np.divmod(series, max(1, len(scene.identities)))
    combos = block * len(lives) + durations
    near = fires > last
    near_misses = np.column_stack([combos[near] + first_combination, scene.slots_ms[first[near]]])
    combos, series, fires, last = (part[~near] for part in (combos, series, fires, last))
    start, end = scene.slots_ms[fires], scene.slots_ms[last] + scene.interval_ms
    excused = _excused(series, start, end, scene)
    place = np.array([first_combination, 0])
    paged = _pages(combos, series, start, end, scene) + place
    noise = paged
    if excused.any():
        noise = _pages(combos[~excused], series[~excused], start[~excused], end[~excused], scene) + place
    return Outcomes(
        alerts=np.column_stack([combos + first_combination, start, end, series, _covered(series, start, end, scene)]),
        pages=paged,
        noise=noise,
        flaps=_flaps(combos, series, fires, last, scene) + np.array([first_combination, 0, 0]),
        near_misses=near_misses,
        lateness_ms=_lateness(combos, start, end, len(lives) * blocks, scene.incidents),
        identities=scene.identities,
    )


def joined(parts: Sequence[Outcomes]) -> Outcomes:
    """The events of several sets of combinations as one."""
    names = ("alerts", "pages", "noise", "flaps", "near_misses", "lateness_ms")
    sizes = [len(part.identities) for part in parts]
    firsts = np.cumsum(sizes) - sizes
    identities = tuple(identity for part in parts for identity in part.identities)
    if all(part.identities is parts[0].identities for part in parts):  # a single comparison: the same for any threshold
        firsts, identities = np.zeros_like(firsts), parts[0].identities
    if len(parts) == 1:
        return parts[0]
    joint = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    joint["alerts"][:, 3] += np.repeat(firsts, [len(part.alerts) for part in parts])
    return Outcomes(**joint, identities=identities)


def reordered(events: Outcomes, order: Sequence[int]) -> Outcomes:
    """The events with the combinations in another order: which comes first, second and so on."""
    place, tables = np.argsort(order), {}
    for name in ("alerts", "pages", "noise", "flaps", "near_misses"):
        tables[name] = getattr(events, name).copy()
        tables[name][:, 0] = place[tables[name][:, 0]]
    return replace(events, **tables, lateness_ms=events.lateness_ms[order])


def _pages(combos: Places, series: Places, start: Milliseconds, end: Milliseconds, scene: Scene) -> NDArray[np.int64]:
    groups = scene.memberships
    width = int(groups.keys.max(initial=0)) + 1
    rows, routes = np.nonzero(groups.keys[series] >= 0)
    mine = series[rows]
    keys = combos[rows] * width + groups.keys[mine, routes]
    waits, intervals = groups.wait_ms[mine, routes], groups.interval_ms[mine, routes]
    found, times = pages(keys, mine, start[rows], end[rows], waits, intervals)
    return np.column_stack([found // width, times])


def _excused(series: Places, start: Milliseconds, end: Milliseconds, scene: Scene) -> Flags:
    """Which alerts are no noise: they belong to an incident, or began in maintenance or a silence."""
    excused = np.zeros(len(series), dtype=bool)
    for incident in scene.incidents:
        excused |= (start < incident.end_ms) & (end > incident.start_ms)
    for low, high, covered in scene.pardons:
        excused |= (start < high) & (start >= low) & covered[series]
    return excused


def _covered(series: Places, start: Milliseconds, end: Milliseconds, scene: Scene) -> Flags:
    """Which alerts lie in incidents, maintenance or silences for more than half of their time."""
    overlap = np.zeros(len(series), dtype="int64")
    for incident in scene.incidents:
        overlap += np.clip(np.minimum(end, incident.end_ms) - np.maximum(start, incident.start_ms), 0, None)
    for low, high, covered in scene.pardons:
        overlap += np.where(covered[series], np.clip(np.minimum(end, high) - np.maximum(start, low), 0, None), 0)
    return np.asarray(2 * overlap > end - start)


def standing_shares(events: Outcomes, combinations: int, window: Window) -> NDArray[np.float64]:
    """Per combination the share of the window for which its longest label set fired, what is covered left out."""
    low, high = unix_ms(window.start), unix_ms(window.end)
    alerts = events.alerts[events.alerts[:, 4] == 0]
    time = np.clip(np.minimum(alerts[:, 2], high) - np.maximum(alerts[:, 1], low), 0, None)
    width = len(events.identities) + 1
    whose, places = np.unique(alerts[:, 0] * width + alerts[:, 3], return_inverse=True)
    shares = np.zeros(combinations)
    np.maximum.at(shares, whose // width, np.bincount(places, time, minlength=len(whose)) / (high - low))
    return shares


def _lateness(
    combos: Places, start: Milliseconds, end: Milliseconds, count: int, incidents: Sequence[Incident]
) -> NDArray[np.int64]:
    """How late each combination caught each incident; an alert that fires already is not late."""
    late = np.full((count, len(incidents)), _NEVER)
    for column, incident in enumerate(incidents):
        caught = (end > incident.start_ms) & (start <= incident.caught_until_ms) & (start < incident.end_ms)
        np.minimum.at(late[:, column], combos[caught], np.maximum(start[caught] - incident.start_ms, 0))
    return late


def _flaps(combos: Places, series: Places, fires: Places, last: Places, scene: Scene) -> NDArray[np.int64]:
    """Fire, resolve, fire: of one label set, or of a new one whose series replaced the old one's."""
    if len(combos) < 2:
        return np.zeros((0, 3), dtype="int64")
    slots, gone = scene.slots_ms, np.minimum(last + 1, len(scene.slots_ms) - 1)
    new = np.arange(1, len(combos))
    old = new - 1  # the lives of one series follow each other, in time
    same = (combos[old] == combos[new]) & (series[old] == series[new])
    near = same & (slots[fires[new]] - slots[last[old]] < scene.flap_gap_ms)
    old, new = old[near], new[near]
    causes = _missing_between(series[old], gone[old], fires[new], scene).astype("int64")
    again = np.column_stack([combos[new], slots[fires[new]], causes])
    return np.concatenate([again, _churn(combos, series, fires, last, scene)])


def _missing_between(series: Places, low: Places, high: Places, scene: Scene) -> Flags:
    """Whether the compared side lacked a sample at any slot from `low` up to `high`."""
    if scene.has_data is None:
        return np.zeros(len(series), dtype=bool)
    missing = np.zeros(len(series), dtype=bool)
    for one in np.unique(series).tolist():
        mine = series == one
        count = np.concatenate([[0], np.cumsum(~scene.has_data[:, one])])
        missing[mine] = count[high[mine]] > count[low[mine]]
    return missing


def _churn(combos: Places, series: Places, fires: Places, last: Places, scene: Scene) -> NDArray[np.int64]:
    """Alerts whose series vanished, and another one with new labels fired soon after."""
    nothing = np.zeros((0, 3), dtype="int64")
    if scene.has_data is None:
        return nothing
    slots, gone = scene.slots_ms, last + 1
    vanished = (gone < len(slots)) & ~scene.has_data[np.minimum(gone, len(slots) - 1), series]
    order, stride = np.lexsort((fires, combos)), len(slots) + 1
    follower = np.searchsorted(combos[order] * stride + fires[order], combos * stride + gone)
    exists = vanished & (follower < len(order))
    old = np.flatnonzero(exists)
    new = order[follower[exists]]
    fits = (combos[old] == combos[new]) & (series[old] != series[new])
    fits &= slots[fires[new]] - slots[last[old]] < scene.flap_gap_ms
    fits &= ~scene.has_data[last[old], series[new]]
    if not fits.any():
        return nothing
    new = new[fits]
    return np.column_stack([combos[new], slots[fires[new]], np.full(len(new), FLAP_CAUSES.index("label_churn"))])


def counts(events: Outcomes, combinations: int, window: Window, interval_ms: int, at_work: "AtWork") -> pd.DataFrame:
    """Counts per combination in the half-open window.

    Returns:
        One row per combination: alerts, pages, both per month of 30 days, firing_minutes,
        pages_outside_working_hours, flaps and their causes, near_misses.
    """
    low, high = unix_ms(window.start), unix_ms(window.end)

    def inside(table: NDArray[np.int64]) -> NDArray[np.int64]:
        return table[(table[:, 1] >= low) & (table[:, 1] < high)]

    def count(table: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.bincount(table[:, 0], minlength=combinations)

    month = DAYS_PER_MONTH * 86_400_000 / (high - low)
    paged, flaps, alerts = inside(events.pages), inside(events.flaps), count(inside(events.alerts))
    start, end = events.alerts[:, 1], np.minimum(events.alerts[:, 2], high)
    slots = -(-(end - start) // interval_ms) + np.minimum(start - low, 0) // interval_ms
    minutes = np.clip(slots, 0, None) * (interval_ms / 60_000)
    table = {
        "alerts": alerts,
        "alerts_per_month": alerts * month,
        "pages": count(paged),
        "pages_per_month": count(paged) * month,
        "noise_pages": count(inside(events.noise)),
        "noise_pages_per_month": count(inside(events.noise)) * month,
        "firing_minutes": np.bincount(events.alerts[:, 0], minutes, minlength=combinations),
        "pages_outside_working_hours": count(paged[~at_work(paged[:, 1])]),
        "flaps": count(flaps),
        **{f"flaps_{cause}": count(flaps[flaps[:, 2] == place]) for place, cause in enumerate(FLAP_CAUSES)},
        "near_misses": count(inside(events.near_misses)),
    }
    return pd.DataFrame(table)


@dataclass(frozen=True)
class AtWork:
    """Working hours.

    Attributes:
        timezone: IANA name.
        days: days at work, 1 is Monday.
        hours: such as ``09:00-18:00``.
    """

    timezone: str
    days: tuple[int, ...]
    hours: str

    def __call__(self, times_ms: Milliseconds) -> Flags:
        """Whether each instant lies in working hours."""
        local = pd.to_datetime(times_ms, unit="ms", utc=True).tz_convert(self.timezone)
        begin, end = (60 * int(part[:2]) + int(part[3:]) for part in self.hours.split("-"))
        minute = local.hour * 60 + local.minute
        return np.asarray(np.isin(local.day_of_week + 1, self.days) & (minute >= begin) & (minute < end))
