"""What was asked, of whom: kept by the client, shown in every report."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Source:
    """The server that was asked; the URL holds no credentials."""

    url: str
    kind: str = "prometheus"
    version: str = ""


@dataclass(frozen=True)
class QueryRecord:
    """One query that was asked; `step` in Prometheus syntax, empty for an instant query."""

    expr: str
    step: str
    series: int
    samples: int
    warnings: list[str] = field(default_factory=list)


def record_of(path: str, params: Mapping[str, Any], data: Any, warnings: list[str]) -> QueryRecord:
    """What is told of an answer that is no range: an instant query, or another page that warned of something."""
    is_table = isinstance(data, dict) and data.get("resultType") in ("vector", "matrix")
    series = data["result"] if is_table else ()
    samples = sum(len(row.get("values", "1")) for row in series)
    return QueryRecord(str(params.get("query") or f"/api/v1/{path}"), "", len(series), samples, warnings)
