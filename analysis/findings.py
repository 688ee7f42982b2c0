"""The finding, the findings document, and the result every review hands to its notebook.

``findings.json`` is the source of truth of a report; pages are rendered from it.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, model_validator

from analysis import markup
from analysis.window import Window, format_time
from analysis.words import counted

SCHEMA_VERSION = 1
SHOWN_GAPS = 20  # in a notebook; all of them are in findings.json
SHOWN_FINDINGS = 25  # in a notebook, beyond those that are grave: nobody reads further

Severity = Literal["critical", "high", "medium", "low", "info", "unknown"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)  # worst first; unknown stands apart
Time = Annotated[datetime, PlainSerializer(format_time, return_type=str, when_used="json")]


def finding_id(report: str, kind: str, *identity: object) -> str:
    """An id that is the same from run to run and month to month for the same thing.

    Args:
        report: name of the report.
        kind: kind of the finding.
        identity: what makes it this thing and no other: labels, a rule's name, a start.

    Example:
        >>> finding_id("threshold_drift", "dead", "Idle") == finding_id("threshold_drift", "dead", "Idle")
        True
    """
    text = json.dumps([report, kind, *identity], sort_keys=True, default=str)
    return f"{report}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


class TimeSpan(BaseModel):
    """A half-open stretch of time."""

    start: Time
    end: Time

    @classmethod
    def of(cls, window: Window) -> "TimeSpan":
        """The same stretch as a window."""
        return cls(start=window.start, end=window.end)


class Gap(TimeSpan):
    """A stretch that could not be judged: for which signal or instance, and why."""

    scope: str
    reason: str

    def __repr__(self) -> str:
        """One line."""
        return f"{self.scope}: {format_time(self.start)} to {format_time(self.end)}, {self.reason}"


class Coverage(BaseModel):
    """Which share of the window had data, and where it had none."""

    share: float | None = Field(ge=0, le=1)
    gaps: list[Gap] = []

    def __repr__(self) -> str:
        """The share, and one line per gap."""
        return "\n".join([self.headline, *(repr(gap) for gap in self.gaps)])

    @property
    def headline(self) -> str:
        """The share in words; 100 % is said of the whole alone."""
        if self.share is None:
            return "coverage unknown"
        return f"{'over 99.9%' if 0.9995 <= self.share < 1 else f'{self.share:.1%}'} of the window had data"

    def _repr_html_(self) -> str:
        """The gaps as a table; every value is escaped."""
        rows = [(gap.scope, gap.start, gap.end, gap.reason) for gap in self.gaps[:SHOWN_GAPS]]
        rest = f"; the first {SHOWN_GAPS} of {len(self.gaps)} gaps" if len(self.gaps) > SHOWN_GAPS else ""
        share = self.headline
        return markup.table(("what", "from", "to", "why"), rows, share + rest) if rows else f"<p>{share}</p>"


class Source(BaseModel):
    """The server that was asked; the URL holds no credentials."""

    model_config = ConfigDict(from_attributes=True)

    url: str
    kind: str = "prometheus"
    version: str = ""


class QueryRecord(BaseModel):
    """One range or instant query that was asked; ``step`` in Prometheus syntax, empty for an instant."""

    model_config = ConfigDict(from_attributes=True)

    expr: str
    step: str
    series: int
    samples: int
    warnings: list[str] = []

    def __repr__(self) -> str:
        """One line."""
        return f"{self.expr} (step {self.step or 'none'}): {self.series:,} series, {self.samples:,} samples"


class Finding(BaseModel):
    """One result: what, when, how sure, on which evidence, and what to do about it."""

    id: str
    report: str
    kind: str
    severity: Severity
    title: str
    start: Time
    end: Time | None = None
    detected_at: Time
    peak_at: Time | None = None
    labels: dict[str, str] = {}
    score: float | None = None
    evidence: dict[str, Any] = {}
    action: str = ""
    links: dict[str, str] = {}

    @property
    def shown_links(self) -> list[markup.Link]:
        """Where to look, as a notebook shows it."""
        return [markup.Link(address, name) for name, address in self.links.items()]

    def __repr__(self) -> str:
        """One line: how grave, what, since when, and what to do."""
        return f"{self.severity} {self.kind}: {self.title} (since {format_time(self.start)}); {self.action}"

    def _repr_html_(self) -> str:
        """Everything that is known of it; every value is escaped."""
        until = format_time(self.end) if self.end else "still going on"
        known = {"since": format_time(self.start), "until": until, **self.labels, **self.evidence}
        return markup.pairs(
            {**known, "what to do": self.action, "look": self.shown_links}, f"{self.severity}: {self.title}"
        )


class FindingsDocument(BaseModel):
    """What ``findings.json`` holds; a report may add keys of its own.

    ``source`` and ``queries`` take the client's own records (``prom.source()``, ``prom.queries``).
    """

    model_config = ConfigDict(extra="allow", from_attributes=True)

    schema_version: int = SCHEMA_VERSION
    report: str
    window: TimeSpan
    generated_at: Time = Field(default_factory=lambda: datetime.now(UTC))
    source: Source
    queries: list[QueryRecord] = []
    coverage: Coverage
    findings: list[Finding] = []

    @model_validator(mode="after")
    def _tell_warnings(self) -> "FindingsDocument":
        """What was warned of is a gap: partial answers must not pass for whole ones."""
        told = {gap.reason for gap in self.coverage.gaps}
        for query in self.queries:
            for warning in query.warnings:
                if warning not in told:
                    told.add(warning)
                    gap = Gap(start=self.window.start, end=self.window.end, scope=query.expr, reason=warning)
                    self.coverage.gaps.append(gap)
        return self

    def to_json(self) -> str:
        """The document as JSON: NaN is null, infinities are texts."""
        return json.dumps(json_value(self.model_dump()), indent=1, ensure_ascii=False, allow_nan=False)

    @property
    def headline(self) -> str:
        """The report, how many findings it has, and what they stand on."""
        return f"{self.report}: {counted(len(self.findings), 'finding')}, {self.coverage.headline}"

    def __repr__(self) -> str:
        """One line per finding, the gravest first."""
        return "\n".join([self.headline, *(f"{f.severity:>8}  {f.title}" for f in sort_findings(self.findings))])

    def _repr_html_(self) -> str:
        """The findings as a table; every value is escaped."""
        grave = sum(finding.severity in ("critical", "high") for finding in self.findings)
        shown = sort_findings(self.findings)[: max(SHOWN_FINDINGS, grave)]
        rows = [(f.severity, f.title, f.start, f.action, f.shown_links) for f in shown]
        left = len(self.findings) - len(shown)
        rest = f"; the gravest {len(shown)} here, {left} more in findings.json" if left else ""
        return markup.table(("severity", "finding", "since", "what to do", "look"), rows, self.headline + rest)

    @classmethod
    def read(cls, path: Path) -> "FindingsDocument":
        """Read a document that was written with `to_json`."""
        return cls.model_validate_json(path.read_text(encoding="utf-8"))


@dataclass(frozen=True)
class ReportResult:
    """What a review returns: the document, its tables by name, and the frames that plots need."""

    document: FindingsDocument
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    frames: Mapping[str, pd.DataFrame] = field(default_factory=dict)

    def __repr__(self) -> str:
        """One line per finding, the gravest first."""
        return repr(self.document)

    def _repr_html_(self) -> str:
        """The findings as a table; every value is escaped."""
        return self.document._repr_html_()


def document_json(document: BaseModel) -> str:
    """A typed document as one line of JSON: NaN is null, infinities are texts."""
    return json.dumps(json_value(document.model_dump(mode="json")), ensure_ascii=False, allow_nan=False)


def json_value(value: Any) -> Any:
    """Turn numbers, times and containers into what JSON can hold.

    NaN becomes null, infinities ``"+Inf"`` and ``"-Inf"``, times RFC 3339 in UTC.
    """
    if isinstance(value, Mapping):
        return {str(key): json_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [json_value(item) for item in value]
    if value is None or value is pd.NaT or isinstance(value, bool | str | int):
        return None if value is pd.NaT else value
    if isinstance(value, datetime):
        return format_time(value)
    return json_value(value.item()) if hasattr(value, "item") else _json_number(value)


def _json_number(value: Any) -> float | str | None:
    number = float(value)
    if math.isnan(number):
        return None
    if number in (float("inf"), float("-inf")):
        return "+Inf" if number > 0 else "-Inf"
    return number


def table_json(table: pd.DataFrame) -> str:
    """A table as a JSON list of rows; raw values, to be escaped where they are shown."""
    rows = table.reset_index(drop=isinstance(table.index, pd.RangeIndex)).to_dict(orient="records")
    return json.dumps(json_value(rows), indent=1, ensure_ascii=False, allow_nan=False)


def sort_findings(findings: list[Finding]) -> list[Finding]:
    """Worst first: by severity, then score, then start."""
    return sorted(findings, key=lambda f: (SEVERITIES.index(f.severity), -(f.score or 0), f.start))
