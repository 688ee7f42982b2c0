"""Which engine answers, and what has to be asked of it for the same number.

VictoriaMetrics speaks PromQL with exceptions: its ranges begin behind the sample before them, and
``increase`` neither extrapolates nor loses what grew between two ranges. `docs/sources.md` has the list.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from analysis.errors import QueryError, UnsupportedError
from analysis.window import format_duration

VICTORIAMETRICS = "victoriametrics"
METRICSQL = "1 default 2"  # an expression of VictoriaMetrics's language that no PromQL parser takes
# VictoriaMetrics moves start and end to multiples of the step unless nothing may be cached, hides the last half minute,
# and looks back by a whole step; all others ignore what they do not know.
AS_PROMETHEUS = {"nocache": "1", "max_lookback": "5m"}


def kind_of(info: Mapping[str, Any], ask: Callable[[str], Any]) -> str:
    """What a server is, in lower case.

    Args:
        info: its ``buildinfo``; empty where it has none.
        ask: asks an instant query, for servers that do not say what they are.
    """
    if info.get("application"):  # Mimir says so
        return str(info["application"]).lower()
    if "goVersion" in info:
        return "thanos" if str(info.get("version", "")).startswith("0.") else "prometheus"
    try:
        ask(METRICSQL)
    except (QueryError, UnsupportedError):
        return "prometheus"
    return VICTORIAMETRICS


def increase(kind: str, chosen: str, step: timedelta, scrape: timedelta) -> tuple[str, float]:
    """How much counters grew in each step, exactly: the expression, and what its values are multiplied with.

    Prometheus: a step and one scrape interval more sees the samples at both of the step's ends and
    extrapolates by that interval; scaled back, neighbouring steps neither overlap nor leave anything out.
    VictoriaMetrics: a step alone does.

    Args:
        kind: of the server.
        chosen: selector of the counters.
        step: distance of stamps.
        scrape: distance of samples.
    """
    if kind == VICTORIAMETRICS:
        return f"increase({chosen}[{format_duration(step)}])", 1.0
    return f"increase({chosen}[{format_duration(step + scrape)}])", step / (step + scrape)


def resets(kind: str, chosen: str, step: timedelta, scrape: timedelta) -> str:
    """Counter resets since the last sample before each step."""
    return f"resets({chosen}[{format_duration(step if kind == VICTORIAMETRICS else step + scrape)}])"
