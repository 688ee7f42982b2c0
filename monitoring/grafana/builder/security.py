"""Security overview: logins, sessions, events, countries, threat intelligence."""

from grafana_foundation_sdk.models import dashboard as models

from monitoring.grafana.builder import origins
from monitoring.grafana.builder.frame import Panel, Section, dashboard, variable
from monitoring.grafana.builder.limits import ANY, limit
from monitoring.grafana.builder.origins import CHOSEN
from monitoring.grafana.builder.panels import ALARM, WAITING, Query, graph, number, timeline

PENDING, FIRING = 1, 2


def build() -> models.Dashboard:
    """The dashboard for the security team."""
    return dashboard(
        uid="security-overview",
        title="Security overview",
        description="For the security team: who logs in, who fails to, from where, and what the alerts say.",
        since="now-6h",
        alerts='category="security"',
        variables=[
            variable("instance", "Instance", "label_values(auth_requests_total, instance)"),
            variable("country", "Country", "label_values(auth_requests_total, country)"),
        ],
        sections=[
            Section("Now", _now()),
            Section("Authentication", _authentication()),
            Section("Events", [_events()]),
            Section("Where logins come from", origins.countries()),
            Section("Tokens and the database", _tokens()),
            Section("Threat intelligence", origins.threats()),
        ],
    )


def _now() -> list[Panel]:
    return [
        number(
            "Failed logins per minute",
            "The whole service, over five minutes; orange above the threshold of FailedLoginThresholdExceeded.",
            "short",
            Query("auth:failed_logins:per_minute"),
            limit("FailedLoginThresholdExceeded"),
        ),
        number(
            "Share of logins that fail",
            "The whole service, over 15 minutes; orange above the threshold of SuspiciousAuthenticationPattern.",
            "percentunit",
            Query(
                'sum(rate(auth_requests_total{status="failure"}[15m])) / sum(rate(auth_requests_total[15m]))',
            ),
            limit("SuspiciousAuthenticationPattern"),
        ),
        number(
            "Active sessions",
            "Sessions open now on the chosen instances.",
            "short",
            Query('sum(auth_active_sessions{instance=~"$instance"})'),
        ),
        number(
            "Security alerts firing",
            "None where Prometheus evaluates the rules and no alert fires; no data where it does not evaluate them.",
            "short",
            Query(
                'count(ALERTS{alertstate="firing",category="security"})'
                ' or 0 * sum(prometheus_rule_group_rules{rule_group=~".*;security"})'
            ),
            ANY,
        ),
    ]


def _authentication() -> list[Panel]:
    return [
        graph(
            "Logins per minute, by outcome",
            "Attempts that succeeded and attempts that failed.",
            "short",
            Query(f"60 * sum by (status) (rate(auth_requests_total{{{CHOSEN}}}[$__rate_interval]))", "{{status}}"),
        ),
        graph(
            "Share of logins that fail, over time",
            "Of the chosen instances and countries, over 15 minutes as in the alert, whose threshold is dashed.",
            "percentunit",
            Query(
                f'sum(rate(auth_requests_total{{status="failure",{CHOSEN}}}[15m]))'
                f" / sum(rate(auth_requests_total{{{CHOSEN}}}[15m]))",
                "failed",
            ),
            limit=limit("SuspiciousAuthenticationPattern"),
        ),
        graph(
            "Failed logins per minute, by reason",
            "Over five minutes as in the alert; the sum of all reasons alerts above the dashed line.",
            "short",
            Query(f"60 * sum by (reason) (rate(auth_failed_logins_total{{{CHOSEN}}}[5m]))", "{{reason}}"),
            limit=limit("FailedLoginThresholdExceeded"),
            stacked=True,
        ),
        graph(
            "Active user sessions, by instance",
            "Sessions open at each moment.",
            "short",
            Query('sum by (instance) (auth_active_sessions{instance=~"$instance"})', "{{instance}}"),
            stacked=True,
        ),
    ]


def _events() -> Panel:
    return timeline(
        "Security event timeline",
        "When each security alert was pending and when it fired; where nothing is drawn, none was active.",
        Query(
            f'max by (alertname, escalated) ({FIRING} * ALERTS{{alertstate="firing",category="security"}}'
            f' or {PENDING} * ALERTS{{alertstate="pending",category="security"}})',
            "{{alertname}} {{escalated}}",
        ),
        {PENDING: ("pending", WAITING), FIRING: ("firing", ALARM)},
    ).no_value("No security alert was active.")


def _tokens() -> list[Panel]:
    chosen = 'instance=~"$instance"'
    return [
        graph(
            "Tokens that fail validation per minute, by reason",
            "Over five minutes as in the alert, which begins above the dashed line for every reason but expired.",
            "short",
            Query(
                f"60 * sum by (reason) (rate(auth_jwt_validation_failures_total{{{chosen}}}[5m]))",
                "{{reason}}",
            ),
            limit=limit("JwtValidationFailures"),
        ),
        graph(
            "Tokens issued per minute",
            "A token for each login, and refreshes.",
            "short",
            Query(
                f"60 * sum by (instance) (rate(auth_jwt_tokens_issued_total{{{chosen}}}[$__rate_interval]))",
                "{{instance}}",
            ),
        ),
        graph(
            "Database connections in use",
            "Share of each instance's pool that is active; DatabaseConnectionAnomaly begins at the dashed line.",
            "percentunit",
            Query(
                f'sum by (instance) (auth_database_connections{{state="active",{chosen}}})'
                f" / sum by (instance) (auth_database_connections{{{chosen}}})",
                "{{instance}}",
            ),
            limit=limit("DatabaseConnectionAnomaly"),
        ),
        graph(
            "Policy decisions per minute, by outcome",
            "What the policy service allowed and denied; many denials can be somebody trying doors.",
            "short",
            Query("60 * sum by (decision) (rate(policy_evaluations_total[$__rate_interval]))", "{{decision}}"),
        ),
    ]
