"""Links that open a query pinned to a window, in Prometheus and in Grafana."""

import json
from datetime import timedelta
from urllib.parse import quote, urlencode

from analysis.window import Window, format_duration, format_time, unix_ms

MARGIN = 0.5  # share of the window that is shown on either side of it, so that the edges can be seen
SHORTEST_MARGIN = timedelta(minutes=10)  # so that a short event is shown with its surroundings


def with_margin(window: Window) -> Window:
    """The window with its surroundings."""
    margin = max(window.duration * MARGIN, SHORTEST_MARGIN)
    return Window(window.start - margin, window.end + margin)


def prometheus_graph(url: str, expr: str, window: Window) -> str:
    """The graph page of a Prometheus, pinned to the window and its surroundings.

    Args:
        url: base URL without credentials.
        expr: PromQL, written into the link as data.
        window: what to show.
    """
    shown = with_margin(window)
    seconds = timedelta(seconds=max(1, -(-shown.duration // timedelta(seconds=1))))
    query = {
        "g0.expr": expr,
        "g0.tab": "0",
        "g0.range_input": format_duration(seconds),
        "g0.end_input": format_time(shown.end).replace("T", " ").removesuffix("Z"),
        "g0.moment_input": format_time(shown.end).replace("T", " ").removesuffix("Z"),
    }
    return f"{url.rstrip('/')}/graph?{urlencode(query, quote_via=quote)}"


def grafana_explore(url: str, datasource_uid: str, expr: str, window: Window) -> str:
    """Grafana's Explore page, pinned to the window and its surroundings."""
    shown = with_margin(window)
    panes = {
        "promreview": {
            "datasource": datasource_uid,
            "queries": [{"refId": "A", "expr": expr, "datasource": {"type": "prometheus", "uid": datasource_uid}}],
            "range": {"from": str(unix_ms(shown.start)), "to": str(unix_ms(shown.end))},
        }
    }
    query = {"schemaVersion": "1", "panes": json.dumps(panes, separators=(",", ":"))}
    return f"{url.rstrip('/')}/explore?{urlencode(query, quote_via=quote)}"
