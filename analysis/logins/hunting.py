"""A second opinion for hunting: days and hours that are odd in their whole, ranked, apart from the findings.

Two views that know nothing of attacks: the shape of whole days, judged by what the main components of all
days cannot draw, and an isolation forest over what every watch did in each hour. Nothing here is an alarm:
there is always a strangest hour.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from analysis.logins.detect import Detection
from analysis.series.estimators import ComponentsDetector, Detector, ForestDetector
from analysis.window import Window, format_time

SHOWN = {"day": 5, "hour": 10}  # as many as a person looks through
PER_DAY = 2
STRONGEST = 3  # watches named for each
LEAST_ROWS = 14  # days or hours below which nothing is told from nothing
WHOLE = 0.8  # share of an hour's steps, or a day's hours, that must have been judged


def hunting(detection: Detection, window: Window, timezone: str) -> list[dict[str, Any]]:
    """The strangest days and hours of the window, the strangest first.

    Args:
        detection: what was counted and expected.
        window: what is reported; the history before it says what is usual.
        timezone: zone whose days are compared.

    Returns:
        Rows ``view`` (``day`` or ``hour``), ``start``, ``end``, ``score`` (1 is the strangest of
        its view), ``strongest`` (watches and their errors in standard deviations).
    """
    hours = _hours(detection)
    if not hours.shape[1]:
        return []
    rows: list[dict[str, Any]] = []
    for view, table, estimator in (
        ("day", _days(hours, timezone), ComponentsDetector()),
        ("hour", hours, ForestDetector()),
    ):
        rows += _ranked(view, table, estimator, hours, window)
    return rows


def _hours(detection: Detection) -> pd.DataFrame:
    """Errors of every rising watch by hour, in standard deviations of a Poisson count."""
    columns: dict[str, pd.Series] = {}
    least = WHOLE * pd.Timedelta(hours=1) / detection.step
    for watch in detection.watches:
        if watch.direction > 0 and watch.signal != "sessions":
            usual = watch.expected if watch.by_hindsight is None else watch.by_hindsight
            known = watch.actual.notna() & usual.notna()
            parts = pd.DataFrame({"seen": watch.actual.where(known), "usual": usual.where(known), "n": known})
            sums = parts.resample("1h", closed="right", label="left").sum()
            error = 2 * (np.sqrt(sums["seen"] + 0.375) - np.sqrt(sums["usual"] + 0.375))
            columns[watch.name] = error.where(sums["n"] >= least)
    table = pd.DataFrame(columns)
    kept = table.loc[:, table.notna().mean() > WHOLE / 2]  # a watch of the nights alone says nothing at noon
    return kept.dropna()


def _days(hours: pd.DataFrame, timezone: str) -> pd.DataFrame:
    """Whole local days in a row each: every hour of the totals."""
    totals = hours.loc[:, ["=" not in name for name in hours.columns]]
    local = hours.index.tz_convert(timezone)
    wide = totals.set_axis(pd.MultiIndex.from_arrays([local.normalize(), local.hour])).groupby(level=[0, 1]).mean()
    table = wide.unstack(1)  # noqa: PD010 - rows of days, columns of hours
    kept = table[table.notna().mean(axis=1) >= WHOLE]
    return kept.fillna(0.0).tz_convert("UTC")


def _ranked(
    view: str, table: pd.DataFrame, estimator: Detector, hours: pd.DataFrame, window: Window
) -> list[dict[str, Any]]:
    if len(table) < LEAST_ROWS or not table.shape[1]:
        return []
    values = table.to_numpy("float64")
    strange = pd.Series(-estimator.fit(values).score_samples(values), index=table.index)
    length = pd.Timedelta(days=1) if view == "day" else pd.Timedelta(hours=1)
    inside = strange[(strange.index >= window.start) & (strange.index < window.end)]
    low, high = float(strange.min()), float(inside.max())
    return [
        {
            "view": view,
            "start": format_time(at.to_pydatetime()),
            "end": format_time((at + length).to_pydatetime()),
            "score": (float(score) - low) / max(high - low, 1e-9),
            "strongest": _strongest(hours.loc[at : at + length - pd.Timedelta(hours=1)]),
        }
        for at, score in _apart(inside).nlargest(SHOWN[view]).items()
    ]


def _apart(scores: pd.Series) -> pd.Series:
    """The strangest two of each day: one odd holiday must not fill the list."""
    ordered = scores.sort_values(ascending=False, kind="stable")
    return ordered.groupby(ordered.index.floor("1D")).head(PER_DAY)


def _strongest(part: pd.DataFrame) -> list[Mapping[str, Any]]:
    whole = part.sum() / np.sqrt(max(1, len(part)))
    names = whole.abs().nlargest(STRONGEST).index
    return [{"watch": str(name), "standard_deviations": float(whole[name])} for name in names]
