"""Findings in words: what grows, until when, and what a person should do. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from analysis.cardinality.model import Cause
from analysis.cardinality.proposals import Proposal
from analysis.findings import Finding, Severity, finding_id
from analysis.prometheus.promql import quote
from analysis.series.forecast import Forecast
from analysis.settings.cardinality import CardinalityGrowthSettings
from analysis.stack.links import prometheus_graph
from analysis.window import Window

REPORT = "cardinality_growth"
# Growth of one metric by its part of all series: half of the server is an emergency in the making.
_SHARES: tuple[tuple[float, Severity], ...] = ((0.5, "high"), (0.05, "medium"), (0.0, "low"))
# A label that more than doubles its metric will do so again; it seldom stops by itself.
EXPLOSION = 1.0
_SOON_DAYS: tuple[tuple[float, Severity], ...] = ((14, "critical"), (60, "high"), (180, "medium"))
# Series that came and went, by those alive: beyond it, rollouts cost more memory than growth does.
HIGH_CHURN = 0.5
_PROPOSED = {
    "drop_metric": "drop {metric}",
    "drop_label": "drop the label {label} of {metric}",
    "keep_values": "keep only the values of {label} that are used, in {metric}",
    "aggregate": "record {metric} without its label {label}",
}


class Describer:
    """Makes the findings of one window.

    Args:
        window: the report's window.
        edges: the instants that are compared.
        url: base URL of the server, for links.
        settings: what is worth reporting.
        restricted: a query as the server is asked for it.
    """

    def __init__(
        self,
        window: Window,
        edges: tuple[datetime, datetime],
        url: str,
        settings: CardinalityGrowthSettings,
        restricted: Callable[[str], str] = str,
    ) -> None:
        """Keep what every finding needs."""
        self.window, self.edges, self.url, self.settings = window, edges, url, settings
        self.restricted = restricted

    def _finding(self, kind: str, identity: Sequence[str], severity: Severity, title: str, **more: Any) -> Finding:
        expr = more.pop("expr", 'count({__name__!=""})')
        return Finding(
            id=finding_id(REPORT, kind, *identity),
            report=REPORT,
            kind=kind,
            severity=severity,
            title=title,
            start=more.pop("start", self.edges[0]),
            end=None,
            detected_at=self.edges[1],
            links={"prometheus": prometheus_graph(self.url, self.restricted(expr), self.window)},
            **more,
        )

    def growth(
        self, causes: Iterable[Cause], metrics: Mapping[str, Mapping[str, Any]], proposals: Iterable[Proposal]
    ) -> Iterator[Finding]:
        """One finding for each cause that is large enough."""
        total = max(1, sum(row["series_end"] for row in metrics.values()))
        listed = list(proposals)
        advice = {p.metric: p for p in reversed(listed)}
        by_label = {(p.metric, p.label): p for p in reversed(listed) if not p.collisions}
        for cause in causes:
            row = metrics.get(cause.metric, {})
            before = row.get("series_start", 0) if cause.kind == "label_values" else 0
            large = cause.delta >= max(self.settings.min_growth_series, self.settings.min_growth_share * before)
            if cause.kind in ("label_values", "new_metric", "targets") and large:
                severity = next(s for share, s in _SHARES if cause.delta / total >= share)
                if cause.kind == "label_values" and severity == "medium" and cause.delta >= EXPLOSION * before:
                    severity = "high"
                elif cause.kind != "label_values" and severity == "high":
                    severity = "medium"  # somebody added it on purpose
                proposal = by_label.get((cause.metric, cause.label)) or advice.get(cause.metric)
                yield self._grown(cause, row, severity, proposal)

    def _grown(self, cause: Cause, row: Mapping[str, Any], severity: Severity, proposal: Proposal | None) -> Finding:
        expr = f"count({{__name__={quote(cause.metric)}}})" if cause.metric else f"count({{job={quote(cause.job)}}})"
        owner = row.get("team") or cause.job or row.get("owner") or "its owner"
        evidence = {"growth_series": cause.delta, "series_start": row.get("series_start"), "owner": owner}
        evidence |= {"series_end": row.get("series_end"), "usage": row.get("usage")}
        values = next((label for label in row.get("labels", []) if label["name"] == cause.label), None)
        if values:
            evidence |= {"label_values_start": values["values_start"], "label_values_end": values["values_end"]}
        labels = {"metric": cause.metric, "label": cause.label, "job": cause.job}
        return self._finding(
            f"growth_{cause.kind}",
            [cause.metric, cause.label, cause.job],
            severity,
            grown_title(cause, row),
            expr=expr,
            labels={name: value for name, value in labels.items() if value},
            score=float(cause.delta),
            evidence=evidence,
            action=_advice(cause, owner, proposal),
        )

    def limit(self, found: Forecast, limit: float, total: int) -> Finding:
        """When the limit is reached."""
        severity: Severity = "info"
        days = (found.reached_at - self.edges[1]).days if found.reached_at else None
        if days is not None:
            severity = next((s for most, s in _SOON_DAYS if days <= most), "low")
        if found.reason == "too_little_data":
            severity = "unknown"
        evidence: dict[str, Any] = {"limit_series": limit, "series_now": total, "growth_series_per_day": found.trend}
        evidence |= {"reached_in_days": days, "early": found.early, "late": found.late, "reason": found.reason}
        return self._finding(
            "limit_forecast",
            ["limit"],
            severity,
            limit_title(found, limit, total, days),
            labels={},
            evidence=evidence,
            score=total / limit,
            action="Apply the proposals below, or raise the limit before that date." if found.reached_at else "",
        )

    def churn(self, causes: Iterable[Cause], total: int) -> Iterator[Finding]:
        """Jobs whose series come and go."""
        jobs: dict[str, list[Cause]] = {}
        for cause in causes:
            if cause.kind == "churn":
                jobs.setdefault(cause.job, []).append(cause)
        for job, parts in jobs.items():
            created = sum(cause.created for cause in parts)
            if created >= max(self.settings.min_growth_series, HIGH_CHURN * total):
                by_label: dict[str, int] = {}
                for cause in parts:
                    by_label[cause.label] = by_label.get(cause.label, 0) + cause.created
                label = max(by_label, key=lambda name: by_label[name])
                values = f", mostly new values of {label}" if label else ""
                yield self._finding(
                    "churn",
                    [job],
                    "medium" if created >= total else "low",
                    f"{job or 'Series without a job'}: {created:,} series came and went{values}",
                    labels={name: value for name, value in (("job", job), ("label", label)) if value},
                    score=float(created),
                    evidence={"created_series": created, "alive_series": total},
                    action=f"Check whether {label or 'what changes'} has to be a label: "
                    "each new value leaves memory used for hours.",
                )

    def missing(self, missing: Mapping[str, Iterable[str]]) -> Iterator[Finding]:
        """Metrics that are asked for but not there, in one finding."""
        if missing:
            names = sorted(missing)
            shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
            yield self._finding(
                "missing_metrics",
                ["missing"],
                "low",
                f"Rules or dashboards ask for {'a metric' if len(names) == 1 else f'{len(names)} metrics'} "
                f"that nobody ingests: {shown}",
                evidence={"missing_metrics": len(names)},
                score=float(len(names)),
                action="Repair or remove what asks for them; the table says who does.",
            )

    def outcome(self, outcomes: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
        """What became of last month's proposals, in one finding."""
        if outcomes:
            applied = [o for o in outcomes if o["applied"]]
            promised, saved = (sum(o[key] for o in applied) for key in ("promised", "saved"))
            tail = f", saving {saved:,} series of {promised:,} promised" if applied else ""
            yield self._finding(
                "last_month",
                ["last_month"],
                "info",
                f"{len(applied)} of last month's {len(outcomes)} proposals were applied{tail}",
                evidence={"applied": len(applied), "promised_series": promised, "saved_series": saved},
            )


def grown_title(cause: Cause, row: Mapping[str, Any]) -> str:
    """One line on a cause of growth."""
    if cause.kind == "targets":
        return f"Targets of job {cause.job} brought {cause.delta:,} series"
    if cause.kind == "new_metric":
        return f"New metric {cause.metric} of job {cause.job} brought {cause.delta:,} series"
    of = f"{row.get('series_start', 0):,} to {row.get('series_end', 0):,} series"
    if not cause.label:
        return f"{cause.metric} grew from {of}; its labels were beyond the budget"
    return f"{cause.metric} grew by {cause.delta:,} series through its {_labels(cause)}, from {of}"


def _labels(cause: Cause) -> str:
    """The label, or those that moved together, in words."""
    *others, last = cause.label.split(",")
    return f"labels {', '.join(others)} and {last}" if others else f"label {last}"


def _advice(cause: Cause, owner: str, proposal: Proposal | None) -> str:
    if proposal:
        what = _PROPOSED[proposal.action].format(label=proposal.label, metric=proposal.metric)
        return f"{what[:1].upper()}{what[1:]}, which saves {proposal.saved:,} series; agree on it with {owner}."
    if cause.kind == "label_values":
        whose = _labels(cause) if cause.label else "labels"
        return f"Ask {owner} whether every value of its {whose} is needed; bound it at its source."
    return f"Ask {owner} whether all of it is needed."


def limit_title(found: Forecast, limit: float, total: int, days: int | None) -> str:
    """One line on the forecast."""
    state = f"{total:,} of {limit:,.0f} series"
    if found.reason == "too_little_data":
        return f"Too little history for a forecast; {state} now"
    if found.reason == "already_reached":
        return f"The limit is reached: {state}"
    if days is None:
        why = "no growth" if found.reason == "no_growth" else "growth is slow"
        return f"The limit is not reached within two years ({why}); {state} now"
    return f"The limit is reached in about {days} day{'s' if days != 1 else ''}; {state} now"
