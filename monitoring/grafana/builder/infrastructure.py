"""Infrastructure: services, machines, database, Redis, network, and the monitoring itself."""

from grafana_foundation_sdk.models import dashboard as models

from monitoring.grafana.builder import machines, self_monitoring
from monitoring.grafana.builder.frame import Panel, Section, dashboard, variable
from monitoring.grafana.builder.limits import ANY, limit
from monitoring.grafana.builder.panels import ALARM, WELL, Query, graph, number, timeline
from monitoring.grafana.builder.stores import database_queries, redis_lookups

UP = {0: ("down", ALARM), 1: ("up", WELL)}


def build() -> models.Dashboard:
    """The dashboard for those who run the platform."""
    return dashboard(
        uid="infrastructure",
        title="Infrastructure",
        description="For operations: do services, machines, database, Redis and the monitoring have what they need?",
        since="now-6h",
        alerts='category="infrastructure"',
        variables=[variable("node", "Machine", "label_values(node_load1, instance)")],
        sections=[
            Section("Service health", _services()),
            Section("Machines", machines.resources()),
            Section("Network", machines.network()),
            Section("Database", _database()),
            Section("Redis", _redis()),
            Section("The monitoring itself", self_monitoring.panels()),
        ],
    )


def _services() -> list[Panel]:
    return [
        number(
            "Targets down",
            "Targets whose last scrape failed.",
            "short",
            Query("count(up == 0) or 0 * count(up)"),
            ANY,
        ).span(12),
        number(
            "Infrastructure alerts firing",
            "None where Prometheus evaluates the rules and no alert fires; no data where it does not evaluate them.",
            "short",
            Query(
                'count(ALERTS{alertstate="firing",category="infrastructure"})'
                ' or 0 * sum(prometheus_rule_group_rules{rule_group=~".*;infrastructure"})'
            ),
            ANY,
        ).span(12),
        timeline(
            "Targets that answer their scrapes",
            "Rows are targets; ServiceDown begins after two minutes down. Nothing drawn: not scraped at all.",
            Query("min by (job, instance) (up)", "{{job}} {{instance}}"),
            UP,
        ).height(10),
    ]


def _database() -> list[Panel]:
    return [
        database_queries(),
        graph(
            "Database connections, by state",
            "Of all instances of the auth service.",
            "short",
            Query("sum by (state) (auth_database_connections)", "{{state}}"),
            stacked=True,
        ),
    ]


def _redis() -> list[Panel]:
    return [
        graph(
            "Redis memory in use",
            "Share of its maxmemory; RedisMemoryHigh begins at the dashed line.",
            "percentunit",
            Query("redis_memory_used_bytes / (redis_memory_max_bytes > 0)", "{{instance}}"),
            limit=limit("RedisMemoryHigh"),
        ),
        redis_lookups(),
        graph(
            "Redis commands per second",
            "All commands.",
            "ops",
            Query("rate(redis_commands_processed_total[$__rate_interval])", "{{instance}}"),
        ),
        graph(
            "Redis clients",
            "Connections open.",
            "short",
            Query("redis_connected_clients", "{{instance}}"),
        ),
        graph(
            "Redis keys, by database",
            "How many keys each database holds.",
            "short",
            Query("redis_db_keys", "{{instance}} {{db}}"),
        ),
        graph(
            "Redis replicas connected",
            "Zero is right for a single server.",
            "short",
            Query("redis_connected_slaves", "{{instance}}"),
        ),
    ]
