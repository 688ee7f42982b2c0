"""Whether the connection works, said in a notebook in a few lines instead of a traceback."""

from analysis import markup
from analysis.errors import PromreviewError
from analysis.prometheus import Prometheus


class Look:
    """What `look` found, shown as a short list."""

    def __init__(self, lines: list[tuple[str, str]]) -> None:
        """Keep the lines: what, and how it is."""
        self.lines = lines

    def __repr__(self) -> str:
        """One line each."""
        return "\n".join(f"{what}: {how}" for what, how in self.lines)

    def _repr_html_(self) -> str:
        """A table; every value is escaped."""
        return markup.pairs(dict(self.lines))


def look(prom: Prometheus) -> Look:
    """Ask a server who it is; an error says what to do, and is no traceback.

    Example:
        >>> look(prom).lines[0][0]
        'connected'
    """
    try:
        source = prom.source()
        groups = prom.rules()
        series = prom.instant("count({__name__!=''})")
    except PromreviewError as error:
        advice = "set PROMETHEUS_URL (and PROMETHEUS_BEARER_TOKEN_FILE or the like), then restart the kernel"
        return Look([("not connected", str(error)), ("do", advice)])
    rules = sum(rule.get("type") == "alerting" for group in groups for rule in group.get("rules", []))
    return Look(
        [
            ("connected", f"{source.url}, {source.kind} {source.version}"),
            ("keeps samples for", prom.retention() or "the server does not say how long"),
            ("alerting rules", f"{rules:,}"),
            ("series now", f"{series.iloc[0]:,.0f}" if len(series) else "none at this moment"),
        ]
    )
