"""Which alerts were told, from the ``ALERTS`` that the server recorded."""

import pandas as pd

from analysis.prometheus import Prometheus
from analysis.window import Window, parse_duration

_HIDDEN = ("__name__", "alertstate")


_OF_THE_RULE = ("alertname", "severity", "category", "respond_within", "service")


def which(labels: dict[str, str]) -> str:
    """What tells this alert from others of its rule: the labels that the rule did not give it."""
    return ", ".join(f"{name} {value}" for name, value in sorted(labels.items()) if name not in _OF_THE_RULE)


def firings(prom: Prometheus, window: Window, step: str) -> pd.DataFrame:
    """One row per stretch of an alert firing; a heartbeat, which always does, says ``none`` as its severity.

    Args:
        prom: the server.
        window: what is looked at.
        step: distance of the values; a stretch that is shorter may be missed.

    Returns:
        Columns ``alert``, ``severity``, ``labels``, ``start``, ``end``; ``end`` is missing while it goes on.
    """
    frame = prom.range('ALERTS{alertstate="firing"}', window.start, window.end, step)
    rows, distance = [], parse_duration(step)
    names = list(frame.columns.names)
    for key in frame.columns:
        values = key if isinstance(key, tuple) else (key,)
        labels = {n: v for n, v in zip(names, values, strict=True) if v and n not in _HIDDEN}
        on = frame[key].notna()
        for _, run in frame.index.to_series()[on].groupby((~on).cumsum()[on]):
            goes_on = run.iloc[-1] == frame.index[-1]
            rows.append(
                {
                    "alert": labels.get("alertname", ""),
                    "severity": labels.get("severity", "none"),
                    "labels": labels,
                    "start": run.iloc[0],
                    "end": None if goes_on else run.iloc[-1] + distance,
                }
            )
    table = pd.DataFrame(rows, columns=["alert", "severity", "labels", "start", "end"])
    times = {name: pd.to_datetime(table[name], utc=True) for name in ("start", "end")}  # also where none has ended
    return table.assign(**times).sort_values("start", kind="stable", ignore_index=True)


def is_heartbeat(fired: pd.DataFrame) -> pd.Series:
    """Which rows are of an alert that fires by design: its rule says that its severity is ``none``."""
    return fired["labels"].map(lambda labels: labels.get("severity") == "none").astype(bool)


def shares_up(prom: Prometheus, window: Window, step: str) -> pd.DataFrame:
    """Share of the window in which each target answered; missing where it was not scraped at all.

    Returns:
        Columns ``job``, ``instance``, ``up`` (share of its scrapes that were answered), ``seen`` (share of
        the window in which it was scraped), ``now`` (whether it is up at the end).
    """
    frame = prom.range("up", window.start, window.end, step)
    rows = []
    for key in frame.columns:
        labels = dict(zip(frame.columns.names, key if isinstance(key, tuple) else (key,), strict=True))
        values = frame[key]
        rows.append(
            {
                "job": labels.get("job", ""),
                "instance": labels.get("instance", ""),
                "up": values.mean(),
                "seen": values.notna().mean(),
                "now": bool(values.iloc[-1] == 1),
            }
        )
    return pd.DataFrame(rows, columns=["job", "instance", "up", "seen", "now"])
