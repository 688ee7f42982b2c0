"""Settings: the connection from the environment, one model per report from ``params/``."""

from analysis.settings.base import ReportSettings, load_settings
from analysis.settings.connection import ConnectionSettings

__all__ = ["ConnectionSettings", "ReportSettings", "load_settings"]
