"""How often an alert really began to fire: counted on the ``ALERTS`` that the server recorded itself."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from analysis.prometheus import Prometheus
from analysis.prometheus.promql import selector
from analysis.prometheus.rules import ZERO, Rule, RuleGroup
from analysis.thresholds.collect import Grid
from analysis.thresholds.lives import Flags
from analysis.thresholds.templates import is_template
from analysis.window import Window

AT_WORK = "group(up)"  # has a result while the server scrapes


@dataclass(frozen=True)
class Recorded:
    """What the server itself recorded of one rule.

    Attributes:
        days: days of the window in which the server was at work.
        alerts: label sets that entered firing; None where the server recorded no alert of any rule.
        first_at: when the first of them did.
    """

    days: float
    alerts: int | None
    first_at: datetime | None = None


def recorded_alerts(prom: Prometheus, group: RuleGroup, rule: Rule, grid: Grid, window: Window) -> Recorded:
    """Count the alerts of one rule that entered firing in the half-open window.

    An alert that fired before and after an outage of the server did not enter firing in between.

    Raises:
        SourceError: the server cannot be asked.
    """
    offset = group.query_offset or ZERO
    asked = Window(window.start - grid.interval - offset, window.end - offset)
    shifted = Grid(grid.interval, (grid.phase - offset) % grid.interval, grid.source)
    working = _present(prom, AT_WORK, shifted, asked)
    working |= not working.any()  # it scrapes nothing and is written to: nothing says when it was at work
    days = float(working[1:].sum() * (grid.interval / timedelta(days=1)))
    if not _present(prom, "group(ALERTS)", shifted, asked).any():
        return Recorded(days, None)
    labels = {name: value for name, value in rule.labels.items() if value and not is_template(value)}
    name = selector("ALERTS", {**labels, "alertname": rule.name, "alertstate": "firing"})
    stamps = prom.decoded(f"timestamp({name})", asked.start, asked.end, shifted.interval, shifted.phase)
    slots = stamps.frame.index[working]
    age = slots.as_unit("ms").asi8[:, None] / 1000 - stamps.frame.to_numpy()[working]
    firing = np.where(stamps.present[working], age < grid.interval.total_seconds(), False)
    entered = firing[1:] & ~firing[:-1]
    places = np.flatnonzero(entered.any(axis=1))
    first = slots[1:][places[0]].to_pydatetime() + offset if len(places) else None
    return Recorded(days, int(entered.sum()), first)


def _present(prom: Prometheus, expr: str, grid: Grid, asked: Window) -> Flags:
    """Whether an expression has a result, per slot."""
    present = prom.decoded(expr, asked.start, asked.end, grid.interval, grid.phase).present
    return np.asarray(present.any(axis=1), dtype=np.bool_)
