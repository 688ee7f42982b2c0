"""What a server itself recorded of a group's alerts, at the group's own slots."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from analysis.errors import PromreviewError, UnreachableError
from analysis.prometheus import Prometheus
from analysis.prometheus.promql import selector
from analysis.prometheus.rules import ZERO, RuleGroup
from analysis.thresholds.collect import Grid
from analysis.thresholds.lives import Flags, Milliseconds
from analysis.window import Window

MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True)
class Record:
    """Series that were written at the slots of a group.

    Attributes:
        slots_ms: the slots, Unix milliseconds.
        labels: of each series.
        written: whether it has a sample of each slot; shape (slots, series).
        lingering_ms: per slot, the latest sample of a series that has none of this slot and was not ended; 0 where
            there is no such series. An evaluation ends what it does not write, so this one was missed or failed,
            unless the server has started since: it forgets what it had written.
    """

    slots_ms: Milliseconds
    labels: list[dict[str, str]]
    written: Flags
    lingering_ms: Milliseconds

    @property
    def written_at_all(self) -> Flags:
        """Per slot, whether any series was written."""
        return np.asarray(self.written.any(axis=1), dtype=np.bool_)

    def missed(self, started_ms: Milliseconds) -> Flags:
        """Per slot, whether nothing was written though something would have been, or been ended.

        Args:
            started_ms: per slot, since when the server remembers.
        """
        return (self.lingering_ms > 0) & (self.lingering_ms >= started_ms) & ~self.written_at_all


def record_of(prom: Prometheus, stamps: str, group: RuleGroup, grid: Grid, window: Window) -> Record:
    """What was written, by an expression that gives the stamps of samples; the group's offset shifts them back."""
    offset = group.query_offset or ZERO
    shifted = Window(window.start - offset, window.end - offset)
    phase = (grid.phase - offset) % grid.interval
    decoded = prom.decoded(stamps, shifted.start, shifted.end, grid.interval, phase)
    stamps_ms = np.rint(np.where(decoded.present, decoded.frame.to_numpy(), -1) * 1000).astype("int64")
    asked_ms = decoded.frame.index.as_unit("ms").asi8[:, None]
    interval_ms = grid.interval // MILLISECOND
    written = stamps_ms == asked_ms
    lingering = decoded.present & ~written & ((asked_ms - stamps_ms) % interval_ms == 0)
    names = decoded.frame.columns.names
    labels = [{n: v for n, v in zip(names, key, strict=True) if v} for key in decoded.frame.columns]
    slots = asked_ms[:, 0] + offset // MILLISECOND
    return Record(slots, labels, written, np.where(lingering, stamps_ms, 0).max(axis=1, initial=0))


def alert_records(
    prom: Prometheus, group: RuleGroup, names: Iterable[str], grid: Grid, window: Window
) -> dict[str, Record]:
    """The record of each alert of these names that the server has any sample of."""
    known = recorded_names(prom, group, list(dict.fromkeys(names)), window)
    stamps = {name: f"timestamp({selector('ALERTS', {'alertname': name})})" for name in known}
    records = {name: record_of(prom, asked, group, grid, window) for name, asked in stamps.items()}
    return {name: record for name, record in records.items() if record.written.any()}


def recorded_names(prom: Prometheus, group: RuleGroup, names: list[str], window: Window) -> list[str]:
    """Those of which there is a series at all, which is asked for once."""
    offset = group.query_offset or ZERO
    asked = Window(window.start - offset, window.end - offset)
    try:
        found = prom.series([selector("ALERTS", {"alertname": name}) for name in names], asked) if names else []
    except UnreachableError:
        raise
    except PromreviewError:  # a source that lists no series
        return names
    there = {series.get("alertname") for series in found}
    return [name for name in names if name in there]
