"""Where data comes from: a Prometheus, or anything that speaks its HTTP API."""

from analysis.prometheus.client import Prometheus, connect
from analysis.prometheus.pulled import series_name
from analysis.prometheus.units import unit_of

__all__ = ["Prometheus", "connect", "series_name", "unit_of"]
