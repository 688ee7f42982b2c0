"""The service level and the use of the platform, as the business asks for them."""

from monitoring.grafana.builder.frame import Panel
from monitoring.grafana.builder.limits import Limit, limit
from monitoring.grafana.builder.panels import Query, graph, number

OBJECTIVE = 0.995  # share of requests that succeed: the objective of sla-rules.yml
CHOSEN = 'service=~"$service"'
FAILED = 'code=~"5.."'


def _failed(over: str) -> str:
    """Share of requests that failed; zero where there were requests and none has ever failed."""
    every = f"sum by (service) (increase(http_requests_total{{{CHOSEN}}}[{over}]))"
    return f"(sum by (service) (increase(http_requests_total{{{FAILED},{CHOSEN}}}[{over}])) or 0 * {every}) / {every}"


def objective() -> list[Panel]:
    """Requests that failed, against the objective and its budget."""
    budget = f"{1 - OBJECTIVE:g}"
    return [
        number(
            "Requests that succeeded, in the chosen range",
            "Share of requests without an error of the server; orange below the objective of 99.5 %.",
            "percentunit",
            Query(f"1 - {_failed('$__range')}", "{{service}}"),
            Limit("<", OBJECTIVE),
        )
        .decimals(2)
        .span(12),
        number(
            "Error budget left, in the chosen range",
            "1 where nothing failed, 0 where 0.5 % failed; below zero the objective is missed.",
            "percentunit",
            Query(f"1 - {_failed('$__range')} / {budget}", "{{service}}"),
            Limit("<", 0.0),
        )
        .decimals(0)
        .span(12),
        graph(
            "Requests that fail, over an hour",
            "ErrorBudgetBurnFast begins where this and the last five minutes exceed the dashed line, 14.4 budgets.",
            "percentunit",
            Query(f"service:http_errors:ratio1h{{{CHOSEN}}}", "{{service}}"),
            limit=limit("ErrorBudgetBurnFast"),
        ),
        graph(
            "Requests that fail, over six hours",
            "ErrorBudgetBurnSlow begins where this and the last half hour exceed the dashed line, 6 budgets.",
            "percentunit",
            Query(f"service:http_errors:ratio6h{{{CHOSEN}}}", "{{service}}"),
            limit=limit("ErrorBudgetBurnSlow"),
        ),
    ]


def use() -> list[Panel]:
    """How much the platform is used."""
    return [
        graph(
            "Logins that succeeded, per hour",
            "How much the platform is used; the sum over the last hour at each moment.",
            "short",
            Query('sum(increase(auth_requests_total{status="success"}[1h]))', "logins"),
        ),
        graph(
            "Users with an open session",
            "Sessions open at each moment, all instances.",
            "short",
            Query("sum(auth_active_sessions)", "sessions"),
        ),
    ]
