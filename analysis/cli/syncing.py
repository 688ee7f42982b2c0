"""The queries of all reports over some days, so that the archive has what next month's review asks for."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from analysis.errors import PromreviewError, UnreachableError
from analysis.prometheus import Prometheus
from analysis.prometheus.archive.recorder import NOT_KEPT
from analysis.settings import load_settings
from analysis.settings.cardinality import CardinalityGrowthSettings
from analysis.settings.logins import LoginAnomaliesSettings
from analysis.settings.thresholds import ThresholdDriftSettings
from analysis.settings.upkeep import MonitoringGapsSettings
from analysis.window import Window, format_time


def last_days(days: int) -> Window:
    """So many whole UTC days, up to last midnight."""
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return Window(midnight - timedelta(days=days), midnight)


def sync_reports(prom: Prometheus, days: int) -> list[str]:
    """Run each report's own queries over the last whole UTC days; nothing is judged from them here.

    Returns:
        Why a report's data could not be had, one line each.

    Raises:
        UnreachableError: the server is gone.
    """
    whole = last_days(days)
    window = {"start": format_time(whole.start), "end": format_time(whole.end)}
    failed = []
    for name, model, review in tqdm(_reports(), desc="archive", unit="report"):
        file = Path("params") / f"{name}.yaml"
        settings: Any = load_settings(model, file if file.exists() else None, {**window, "month": ""})
        try:
            review(prom, settings, settings.window())
        except UnreachableError:
            raise
        except PromreviewError as error:
            failed.append(f"{name}: {error}")
    return failed + not_kept(prom)


def not_kept(prom: Prometheus) -> list[str]:
    """Why the archive, whose filling all this was for, has not kept something; wherever it was to be written."""
    said = (text for query in prom.queries for text in query.warnings if text.startswith(NOT_KEPT))
    return list(dict.fromkeys(said))


def _reports() -> list[tuple[str, Any, Any]]:
    from analysis import cardinality, logins, thresholds, upkeep

    return [
        ("login_anomalies", LoginAnomaliesSettings, logins.review),
        ("cardinality_growth", CardinalityGrowthSettings, cardinality.review),
        ("threshold_drift", ThresholdDriftSettings, thresholds.review),
        ("monitoring_gaps", MonitoringGapsSettings, upkeep.review_gaps),
    ]
