"""The servers around Prometheus: Alertmanager, Grafana, their health, and the doctor."""
