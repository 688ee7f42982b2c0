"""What a run leaves for Prometheus: a file for node_exporter's textfile collector, written whole."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import time
from typing import Any

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from analysis.findings import SEVERITIES, FindingsDocument
from analysis.report.compare import documents_of
from analysis.report.files import write_whole
from analysis.report.status import Status

WHOLE = "monthly_review"
_SUCCESS = re.compile(r'^promreview_last_success_timestamp_seconds\{.*?report="(\w+)".*?\} (\S+)$', re.MULTILINE)


def write_metrics(
    directory: Path, folder: Path, environment: str, statuses: Sequence[Status], *, whole: bool = True
) -> Path:
    """Write ``promreview[-ENVIRONMENT].prom``; the last success of a report that failed now is kept.

    Args:
        directory: the folder that the textfile collector reads.
        folder: the month's folder, whose findings are counted.
        environment: its name, empty where there is only one.
        statuses: how each report of the run ended.
        whole: whether every report of the review is done, be it by this run or by one before it.
    """
    path = directory / (f"promreview-{environment}.prom" if environment else "promreview.prom")
    registry = CollectorRegistry()
    _add_runs(registry, environment, statuses, _last_successes(path), whole=whole)
    _add_findings(registry, environment, documents_of(folder))
    write_whole(path, generate_latest(registry).decode())
    return path


def _add_runs(
    registry: CollectorRegistry,
    environment: str,
    statuses: Sequence[Status],
    earlier: dict[str, float],
    *,
    whole: bool,
) -> None:
    names, now = ["environment", "report"], time()
    ran = Gauge("promreview_last_run_timestamp_seconds", "When the report last ran.", names, registry=registry)
    well = Gauge("promreview_last_success_timestamp_seconds", "When it last ran through.", names, registry=registry)
    took = Gauge("promreview_run_duration_seconds", "How long the report took.", names, registry=registry)
    ended = [status.report for status in statuses if status.state == "done"]
    done = dict.fromkeys([report for report in ended if report != WHOLE], now)
    if whole and all(status.state == "done" for status in statuses):
        done[WHOLE] = now
    for status in statuses:
        ran.labels(environment, status.report).set(now)
        took.labels(environment, status.report).set(status.seconds)
    for report, at in (earlier | done).items():
        well.labels(environment, report).set(at)


def write_fleet_metrics(directory: Path, document: FindingsDocument) -> Path:
    """Write ``promreview.fleet.prom``: the findings of a fleet as a whole; no environment's file has such a name.

    Args:
        directory: the folder that the textfile collector reads.
        document: of the fleet.
    """
    path, registry = directory / "promreview.fleet.prom", CollectorRegistry()
    _add_findings(registry, "", {document.report: document.model_dump()})
    write_whole(path, generate_latest(registry).decode())
    return path


def _add_findings(registry: CollectorRegistry, environment: str, documents: Mapping[str, Mapping[str, Any]]) -> None:
    found = Gauge(
        "promreview_findings", "Findings of the last run.", ["environment", "report", "severity"], registry=registry
    )
    covered = Gauge(
        "promreview_coverage_ratio",
        "Share of the window that had data; absent where it is not known.",
        ["environment", "report"],
        registry=registry,
    )
    for report, document in documents.items():
        for severity in SEVERITIES:
            count = sum(finding["severity"] == severity for finding in document["findings"])
            found.labels(environment, report, severity).set(count)
        if document["coverage"]["share"] is not None:
            covered.labels(environment, report).set(document["coverage"]["share"])


def _last_successes(path: Path) -> dict[str, float]:
    try:
        return {name: float(at) for name, at in _SUCCESS.findall(path.read_text(encoding="utf-8"))}
    except (OSError, ValueError):
        return {}


def write_sync(directory: Path, environment: str) -> Path:
    """Write ``promreview-archive[-ENVIRONMENT].prom``: the archive was synced now, and whole.

    Args:
        directory: the folder that the textfile collector reads.
        environment: its name, empty where there is only one.
    """
    path = directory / (f"promreview-archive-{environment}.prom" if environment else "promreview-archive.prom")
    registry = CollectorRegistry()
    help_text = "When the archive was last synced without a failure."
    synced = Gauge("promreview_archive_last_sync_timestamp_seconds", help_text, ["environment"], registry=registry)
    synced.labels(environment).set(time())
    write_whole(path, generate_latest(registry).decode())
    return path
