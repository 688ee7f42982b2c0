"""What was asked, of whom: kept by the client, shown in every report."""

from dataclasses import dataclass, field


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
