"""The shipped Grafana dashboards: ``python -m monitoring.grafana.builder`` writes them as JSON."""
