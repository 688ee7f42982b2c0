"""Application performance and service level: is the platform fast and right enough for those who pay for it?"""

from grafana_foundation_sdk.models import dashboard as models

from monitoring.grafana.builder import service_level
from monitoring.grafana.builder.frame import Panel, Section, dashboard, variable
from monitoring.grafana.builder.limits import factor, limit, opposite
from monitoring.grafana.builder.panels import ALARM, WELL, Query, bars, graph, timeline
from monitoring.grafana.builder.service_level import CHOSEN, FAILED
from monitoring.grafana.builder.stores import database_queries, redis_lookups

RATE = f"service:http_requests:rate5m{{{CHOSEN}}}"

TIMED = (("login", "auth_request_duration_seconds"), ("policy", "policy_evaluation_duration_seconds"))


def build() -> models.Dashboard:
    """The dashboard for those who answer for the service."""
    return dashboard(
        uid="application-performance",
        title="Application performance and service level",
        description="For the business: is the service level kept, how much is the platform used, and where is it slow?",
        since="now-24h",
        alerts='category=~"performance|sla"',
        variables=[variable("service", "Service", "label_values(service:http_requests:rate5m, service)")],
        sections=[
            Section("Service level: 99.5 % of requests succeed", service_level.objective()),
            Section("Use", service_level.use()),
            Section("Requests and response times", _requests()),
            Section("Errors", _errors()),
            Section("Database and caches", _stores()),
            Section("Service dependencies", [_dependencies()]),
        ],
    )


def _requests() -> list[Panel]:
    return [
        graph(
            "Requests per second, by service",
            "Over five minutes.",
            "reqps",
            Query(RATE, "{{service}}"),
        ),
        graph(
            "Requests as a multiple of the day's mean",
            "1 is an average moment of the last day; RequestRateAnomaly begins at the dashed line.",
            "none",
            Query(
                f"{RATE} / avg_over_time({RATE}[1d])",
                "{{service}}",
            ),
            limit=factor("RequestRateAnomaly"),
        ),
        graph(
            "Response time: 95th percentile, by service",
            "Nineteen of twenty requests are answered faster; HighResponseTime begins at the dashed line.",
            "s",
            Query(f"service:http_request_duration_seconds:p95_5m{{{CHOSEN}}}", "{{service}}"),
            limit=limit("HighResponseTime"),
        ),
        graph(
            "Response time of logins and policy decisions",
            "Median and 95th percentile inside the auth and the policy service.",
            "s",
            *(_quantile(*of, *which) for of in TIMED for which in ((0.5, "median"), (0.95, "95th percentile"))),
        ),
    ]


def _quantile(name: str, metric: str, quantile: float, called: str) -> Query:
    expr = f"histogram_quantile({quantile}, sum by (le) (rate({metric}_bucket[$__rate_interval])))"
    return Query(expr, f"{name} {called}")


def _errors() -> list[Panel]:
    return [
        graph(
            "Requests that fail, by endpoint",
            "Share of each endpoint's requests over the last hour: the ten endpoints with the highest.",
            "percentunit",
            Query(
                f"topk(10, sum by (service, endpoint) (rate(http_requests_total{{{FAILED},{CHOSEN}}}[1h]))"
                f" / sum by (service, endpoint) (rate(http_requests_total{{{CHOSEN}}}[1h])))",
                "{{service}} {{endpoint}}",
            ),
        ),
        bars(
            "Failed requests by endpoint, in the chosen range",
            "Errors of the server: the ten endpoints with most.",
            "short",
            Query(
                f"sort_desc(topk(10, sum by (service, endpoint)"
                f" (increase(http_requests_total{{{FAILED},{CHOSEN}}}[$__range]))))",
                "{{service}} {{endpoint}}",
            ),
        ),
        graph(
            "Errors of the policy service per minute, by kind",
            "Evaluations that could not be finished.",
            "short",
            Query("60 * sum by (kind) (rate(policy_errors_total[$__rate_interval]))", "{{kind}}"),
        ).span(24),
    ]


def _stores() -> list[Panel]:
    return [
        database_queries(),
        graph(
            "Database queries per second, by operation",
            "Of the auth service.",
            "ops",
            Query(
                "sum by (operation) (rate(auth_database_query_duration_seconds_count[$__rate_interval]))",
                "{{operation}}",
            ),
        ),
        graph(
            "Policy cache: share of lookups that hit",
            "Over ten minutes; CacheMissRateHigh begins below the dashed line.",
            "percentunit",
            Query(
                "sum(rate(policy_cache_hits_total[10m]))"
                " / (sum(rate(policy_cache_hits_total[10m])) + sum(rate(policy_cache_misses_total[10m])))",
                "policy cache",
            ),
            limit=opposite("CacheMissRateHigh"),
        ),
        redis_lookups(),
    ]


def _dependencies() -> Panel:
    return timeline(
        "Services and what they depend on",
        "Whether each service reaches its dependency; ServiceDependencyDown begins after two minutes without.",
        Query(f"min by (service, dependency) (service_dependency_up{{{CHOSEN}}})", "{{service}} → {{dependency}}"),
        {0: ("not reached", ALARM), 1: ("reached", WELL)},
    )
