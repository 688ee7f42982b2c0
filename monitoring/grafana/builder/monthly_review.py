"""What the reviews found, from the metrics that each run leaves for node_exporter's textfile collector."""

from grafana_foundation_sdk.models import dashboard as models

from monitoring.grafana.builder.frame import Panel, Section, dashboard, variable
from monitoring.grafana.builder.limits import ANY, Limit, limit
from monitoring.grafana.builder.panels import ALARM, WELL, Query, bars, graph, number, rows, timeline

CHOSEN = 'environment=~"$environment"'
RUN = f"promreview_last_run_timestamp_seconds{{{CHOSEN}}}"
LATEST = f'promreview_last_success_timestamp_seconds{{report="monthly_review",{CHOSEN}}}'


def build() -> models.Dashboard:
    """The dashboard for those who tune the alerts."""
    return dashboard(
        uid="monthly-review",
        title="promreview findings",
        description="For who tunes the alerts: what the last reviews found, how much they saw, and whether they ran.",
        since="now-90d",
        alerts='category="monitoring"',
        variables=[variable("environment", "Environment", "label_values(promreview_findings, environment)")],
        sections=[
            Section("Findings", _findings()),
            Section("What the reviews could see", _coverage()),
            Section("Runs", _runs()),
        ],
    )


def _findings() -> list[Panel]:
    return [
        number(
            "Findings of the last runs, by severity",
            "All reports; unknown means that the data did not suffice to judge.",
            "short",
            Query(f"sum by (severity) (promreview_findings{{{CHOSEN}}})", "{{severity}}"),
        ).span(24),
        rows(
            "Findings of the last runs, by report",
            "Only what was found; the page of the month says what each is.",
            "short",
            Query(f"sort_desc(sum by (environment, report, severity) (promreview_findings{{{CHOSEN}}}) > 0)"),
        ),
        graph(
            "Findings, by severity",
            "How many the last run before each moment had.",
            "short",
            Query(f"sum by (severity) (promreview_findings{{{CHOSEN}}})", "{{severity}}"),
            stacked=True,
        ),
    ]


def _coverage() -> list[Panel]:
    return [
        bars(
            "Share of the window that had data, by report",
            "Absent where it is not known; orange below 90 %: what was not seen was not judged.",
            "percentunit",
            Query(f"promreview_coverage_ratio{{{CHOSEN}}}", "{{report}} {{environment}}"),
            Limit("<", 0.9),
        ).max(1),
        graph(
            "Share of the window that had data",
            "By report, over time.",
            "percentunit",
            Query(f"promreview_coverage_ratio{{{CHOSEN}}}", "{{report}} {{environment}}"),
        ).max(1),
    ]


def _runs() -> list[Panel]:
    return [
        number(
            "Since the last complete monthly review",
            "MonthlyReviewOverdue begins where this is orange.",
            "s",
            Query(f"time() - max by (environment) ({LATEST})", "{{environment}}"),
            limit("MonthlyReviewOverdue"),
        ).span(12),
        number(
            "Reports that failed in their last run",
            "MonthlyReviewIncomplete names them.",
            "short",
            Query(f"count({RUN} unless {RUN} <= promreview_last_success_timestamp_seconds) or 0 * count({RUN})"),
            ANY,
        ).span(12),
        timeline(
            "Reports that ran through",
            "Whether the last run before each moment succeeded.",
            Query(
                f"promreview_last_success_timestamp_seconds >= bool {RUN} or 0 * {RUN}",
                "{{report}} {{environment}}",
            ),
            {0: ("failed", ALARM), 1: ("done", WELL)},
        ),
        graph(
            "Duration of the runs, by report",
            "Of the last run before each moment.",
            "s",
            Query(f"promreview_run_duration_seconds{{{CHOSEN}}}", "{{report}} {{environment}}"),
        ).span(24),
    ]
