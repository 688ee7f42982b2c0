"""Panels of database and Redis that operations and the business both look at."""

from grafana_foundation_sdk.builders import timeseries

from monitoring.grafana.builder.limits import limit
from monitoring.grafana.builder.panels import Query, graph

DURATIONS = "rate(auth_database_query_duration_seconds_bucket[5m])"
HITS, MISSES = "rate(redis_keyspace_hits_total[5m])", "rate(redis_keyspace_misses_total[5m])"


def database_queries() -> timeseries.Panel:
    """How long the auth service waits for its database."""
    return graph(
        "Database queries: 95th percentile, by operation",
        "Of the auth service; DatabaseQuerySlow begins at the dashed line.",
        "s",
        Query(f"histogram_quantile(0.95, sum by (operation, le) ({DURATIONS}))", "{{operation}}"),
        limit=limit("DatabaseQuerySlow"),
    )


def redis_lookups() -> timeseries.Panel:
    """How often Redis had what it was asked for."""
    return graph(
        "Redis cache: share of lookups that hit",
        "Keys that were there when asked for, over five minutes; nothing is drawn while nothing is asked for.",
        "percentunit",
        Query(f"{HITS} / ({HITS} + {MISSES} > 0)", "{{instance}}"),
    )
