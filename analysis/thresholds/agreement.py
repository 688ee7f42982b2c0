"""The replay beside the server's own ``ALERTS``: where they agree, and what explains where they do not."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from analysis.thresholds.evaluations import Evaluations, Identity
from analysis.thresholds.lives import Flags
from analysis.thresholds.records import Record
from analysis.window import Window, unix_ms

SHOWN = 100  # differences listed
BESIDE = 3  # slots within which a start of the server shows
OUTAGE = "beside an outage of the server: which evaluation was the last before it or the first after it is not known"
ANOTHER_RULE = "recorded with labels or at slots that today's rule does not give: the rule was another one"
NEVER_RECORDED = "never recorded at these slots: the rule was added or changed since, or its group was not evaluated"
LATE = (
    "the rule saw other samples than are stored: a scrape stamped at or before the slot and stored after it, "
    "or samples that came late or were backfilled; or the rule was another one for a while"
)
Key = tuple[tuple[tuple[str, str], ...], str]


class Agreement:
    """Counts over all alerts of a replay."""

    def __init__(self) -> None:
        """Nothing compared yet."""
        self.compared = self.equal = 0
        self.has_history = False
        self.unrecorded: set[str] = set()  # names of alerts that were replayed, and of which nothing was recorded
        self.differing: list[dict[str, Any]] = []

    def add(
        self,
        name: str,
        alerts: Sequence[tuple[Identity, Sequence[Mapping[str, Any]]]],
        record: Record | None,
        window: Window,
        evaluations: Evaluations,
        since_ms: int = 0,
    ) -> None:
        """Compare all alerts of one name in one group.

        Args:
            name: of the alerts.
            alerts: labels and intervals of each that was replayed.
            record: what the server recorded of them; None where there is nothing.
            window: the slots that are compared.
            evaluations: of the group, over the slots of the record.
            since_ms: since when today's rule can have written them.
        """
        inside = slice(int(np.searchsorted(evaluations.slots_ms, unix_ms(window.start))), None)
        slots, known = evaluations.slots_ms[inside], ~evaluations.silent[inside]
        known &= slots >= since_ms
        recorded: dict[Key, Flags] = {}
        if record is not None:
            recorded = {_key(series): record.written[inside, place] for place, series in enumerate(record.labels)}
            self.has_history |= bool(record.written[inside].any())
        replayed: dict[Key, Flags] = {}
        for identity, intervals in alerts:
            for interval in intervals:
                key = _key({**dict(identity), "alertstate": interval["state"]})
                flags = replayed.setdefault(key, np.zeros(len(slots), dtype=bool))
                low, high = round(interval["start"] * 1000), round(interval["end"] * 1000)
                flags |= (slots >= low) & (slots <= high)
        if replayed and record is None:
            self.unrecorded.add(name)
        nothing = np.zeros(len(slots), dtype=bool)
        for key in sorted({*recorded, *replayed}):
            theirs, ours = recorded.get(key, nothing), replayed.get(key, nothing)
            either, both = (theirs | ours) & known, theirs & ours & known
            self.compared += int(either.sum())
            self.equal += int(both.sum())
            for place in np.flatnonzero(either & ~both)[: SHOWN - len(self.differing)]:
                self.differing.append(
                    {
                        "alert": name,
                        "labels": dict(key[0]),
                        "at": int(slots[place]) / 1000,
                        "recorded": key[1] if theirs[place] else None,
                        "replayed": key[1] if ours[place] else None,
                        "reason": _reason(theirs, ours, known, int(place)),
                    }
                )

    def join(self, other: "Agreement") -> None:
        """Add what was compared elsewhere."""
        self.compared, self.equal = self.compared + other.compared, self.equal + other.equal
        self.has_history |= other.has_history
        self.unrecorded |= other.unrecorded
        self.differing += other.differing[: SHOWN - len(self.differing)]

    def document(self) -> dict[str, Any] | None:
        """For the replay's document; None where the server has no history of these alerts."""
        if not self.has_history:
            return None
        return {"compared": self.compared, "equal": self.equal, "differing": self.differing}


def _reason(theirs: Flags, ours: Flags, known: Flags, place: int) -> str:
    """What explains a sample that only one side has: the known limits of asking afterwards."""
    around = slice(max(0, place - BESIDE), place + BESIDE + 1)
    if not known[around].all():
        return OUTAGE
    if not ours.any():
        return ANOTHER_RULE
    if not theirs.any():
        return NEVER_RECORDED
    return LATE


def _key(series: Mapping[str, str]) -> Key:
    labels = {n: v for n, v in series.items() if n not in ("__name__", "alertname", "alertstate")}
    return tuple(sorted(labels.items())), series.get("alertstate", "")
