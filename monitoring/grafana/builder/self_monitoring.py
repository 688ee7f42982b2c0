"""What the monitoring shows of itself: Prometheus's own resources, its rules, and the way of notifications."""

from monitoring.grafana.builder.frame import Panel
from monitoring.grafana.builder.limits import limit
from monitoring.grafana.builder.panels import Query, graph


def panels() -> list[Panel]:
    """Resources first, then rules, then scrapes and notifications."""
    return [*_resources(), *_rules(), *_ways()]


def _resources() -> list[Panel]:
    return [
        graph(
            "Series in Prometheus's head",
            "What costs it memory; PrometheusSeriesHigh begins at the dashed line.",
            "short",
            Query("prometheus_tsdb_head_series", "{{instance}}"),
            limit=limit("PrometheusSeriesHigh"),
        ),
        graph(
            "Memory of Prometheus",
            "Resident memory; PrometheusMemoryHigh begins at the dashed line.",
            "bytes",
            Query('process_resident_memory_bytes{job="prometheus"}', "{{instance}}"),
            limit=limit("PrometheusMemoryHigh"),
        ),
        graph(
            "Storage of Prometheus",
            "Blocks on disk, without the last two to three hours; PrometheusStorageLarge begins at the dashed line.",
            "bytes",
            Query("prometheus_tsdb_storage_blocks_bytes", "{{instance}}"),
            limit=limit("PrometheusStorageLarge"),
        ),
        graph(
            "Places for queries that are taken",
            "Share of the queries that Prometheus runs at once; PrometheusQueriesWait begins at the dashed line.",
            "percentunit",
            Query("prometheus_engine_queries / prometheus_engine_queries_concurrent_max", "{{instance}}"),
            limit=limit("PrometheusQueriesWait"),
        ),
    ]


def _rules() -> list[Panel]:
    return [
        graph(
            "Duration of rule groups, as a share of their interval",
            "The ten slowest groups; PrometheusRulesSlow begins at the dashed line.",
            "percentunit",
            Query(
                "topk(10, prometheus_rule_group_last_duration_seconds / prometheus_rule_group_interval_seconds)",
                "{{rule_group}}",
            ),
            limit=limit("PrometheusRulesSlow"),
        ),
        graph(
            "Rule evaluations that failed in 15 minutes",
            "PrometheusRuleFailures begins above zero.",
            "short",
            Query("sum by (rule_group) (increase(prometheus_rule_evaluation_failures_total[15m]))", "{{rule_group}}"),
            limit=limit("PrometheusRuleFailures"),
        ),
    ]


def _ways() -> list[Panel]:
    return [
        graph(
            "Duration of scrapes, by job",
            "The slowest target of each job.",
            "s",
            Query("max by (job) (scrape_duration_seconds)", "{{job}}"),
        ),
        graph(
            "Notifications that Alertmanager failed to send, per minute",
            "By way; anything above zero means that somebody was not told.",
            "short",
            Query("60 * sum by (integration) (rate(alertmanager_notifications_failed_total[5m]))", "{{integration}}"),
        ),
    ]
