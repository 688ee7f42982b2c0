"""Where data comes from: a Prometheus, or anything that speaks its HTTP API."""

from analysis.prometheus.client import Prometheus, connect

__all__ = ["Prometheus", "connect"]
