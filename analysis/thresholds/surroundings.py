"""Incidents, maintenance, silences and decisions of the settings, read once for all rules."""

from pathlib import Path

from analysis.decisions import Decision, read_decisions
from analysis.errors import ParameterError
from analysis.settings import ConnectionSettings
from analysis.settings.thresholds import ThresholdDriftSettings
from analysis.stack.silences import silences
from analysis.thresholds.excuses import Context, pardons_of, read_incidents, read_maintenance
from analysis.window import parse_duration


def context_of(settings: ThresholdDriftSettings) -> Context:
    """Everything that the settings name about the alerts of a window.

    Raises:
        ParameterError: a file is named that does not exist, or holds something else.
        SourceError: Alertmanager does not give its silences.
    """
    incidents = _named(settings, "incidents_file")
    maintenance = _named(settings, "maintenance_file")
    pardons = read_maintenance(maintenance) if maintenance else ()
    if settings.alertmanager_url:
        pardons += pardons_of(silences(settings.alertmanager_url))
    return Context(read_incidents(incidents, parse_duration(settings.late)) if incidents else (), pardons)


def decisions_of(settings: ThresholdDriftSettings) -> list[Decision]:
    """The decisions of the file that the settings name, but for those on other environments.

    Raises:
        ParameterError: a file is named that does not exist, or holds something else.
    """
    path = _named(settings, "decisions_file")
    environment = ConnectionSettings().environment
    return [decision for decision in read_decisions(path) if decision.counts_in(environment)] if path else []


def _named(settings: ThresholdDriftSettings, field: str) -> Path | None:
    """The file of a parameter: None where it is empty, or where the default one does not exist."""
    value = getattr(settings, field)
    path = Path(value)
    if not value or path.is_file():
        return path if value else None
    if value == type(settings).model_fields[field].default:
        return None
    raise ParameterError(f"parameter {field!r}: there is no file {path}; correct it, or leave it empty")
