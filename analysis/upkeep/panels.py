"""Dashboards whose queries show something, and those that do not."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

import pandas as pd

from analysis.errors import QueryError
from analysis.prometheus import Prometheus
from analysis.window import Window

LATELY = timedelta(hours=1)


def tried(prom: Prometheus, panels: Iterable[tuple[str, Sequence[str]]], window: Window, step: str) -> pd.DataFrame:
    """Whether the queries of dashboards give anything in the window's last hour.

    Args:
        prom: the server.
        panels: where each query stands (``dashboard: panel``), and the ways to ask it.
        window: what is looked at.
        step: distance of the values.

    Returns:
        Columns ``dashboard``, ``panel``, ``state``: ``data`` where any way of asking gives some, else ``nothing``,
        or ``wrong query`` where the server takes none of them.

    Raises:
        SourceError: the server failed.
    """
    lately = Window(max(window.start, window.end - LATELY), window.end)
    rows = [(*_place(where), _state(prom, exprs, lately, step)) for where, exprs in panels]
    return pd.DataFrame(rows, columns=["dashboard", "panel", "state"])


def _place(where: str) -> tuple[str, str]:
    dashboard, _, panel = where.partition(": ")
    return dashboard, panel or dashboard


def _state(prom: Prometheus, exprs: Sequence[str], window: Window, step: str) -> str:
    state = "wrong query"
    for expr in exprs:
        try:
            if prom.range(expr, window.start, window.end, step).notna().to_numpy().any():
                return "data"
            state = "nothing"
        except QueryError:
            continue
    return state
