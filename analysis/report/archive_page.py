"""The page over all months: what each one found, with small trends."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from analysis.findings import SEVERITIES
from analysis.report.compare import ALARMS, documents_of
from analysis.report.files import write_whole
from analysis.report.fleet.page import overview_name
from analysis.report.measures import alerts_per_week
from analysis.report.notebook_html import environment
from analysis.report.shown import is_month, month_before, shown_month, shown_number, shown_share

SPARK_WIDTH, SPARK_HEIGHT = 160.0, 36.0  # pixels of one small trend


def write_archive(outputs: Path, title: str) -> Path:
    """Write ``index.html`` of the folder of all months, from the ``findings.json`` of each."""
    rows = [_row(outputs, folder) for folder in month_folders(outputs)]
    environments = sorted({row["environment"] for row in rows})
    groups = [_group(name, [row for row in rows if row["environment"] == name]) for name in environments]
    months = list(dict.fromkeys(row["folder"] for row in rows if row["environment"]))
    html = (
        environment()
        .get_template("archive.html")
        .render(
            title=title,
            groups=groups,
            severities=SEVERITIES,
            overviews=[(shown_month(month), f"{month}/{overview_name(outputs / month)}") for month in months],
        )
    )
    write_whole(outputs / "index.html", html)
    return outputs / "index.html"


def month_folders(outputs: Path) -> Iterator[Path]:
    """Every folder with a page: ``YYYY-MM`` and ``YYYY-MM/ENVIRONMENT``, the newest month first."""
    months = sorted((path for path in outputs.iterdir() if path.is_dir() and is_month(path.name)), reverse=True)
    for month in months:
        inside = sorted(path for path in month.iterdir() if path.is_dir() and (path / "index.html").exists())
        yield from (folder for folder in (month, *inside) if (folder / "findings.json").exists())


def _row(outputs: Path, folder: Path) -> dict[str, Any]:
    documents = documents_of(folder)
    findings = [finding for document in documents.values() for finding in document["findings"]]
    shares = [d["coverage"]["share"] for d in documents.values() if d["coverage"]["share"] is not None]
    parts = folder.relative_to(outputs).parts
    return {
        "folder": parts[0],
        "month": shown_month(parts[0]),
        "environment": parts[1] if len(parts) > 1 else "",
        "link": "/".join((*parts, "index.html")),
        "counts": {s: sum(f["severity"] == s for f in findings) for s in SEVERITIES},
        "covered": shown_share(min(shares, default=None)),
        "reports": len(documents),
        "anomalies": _anomalies(documents),
        "series": _series(documents),
        "alerts": alerts_per_week(documents),
    }


def _anomalies(documents: Mapping[str, Any]) -> float | None:
    document = documents.get("login_anomalies")
    return float(sum(f["severity"] in ALARMS for f in document["findings"])) if document else None


def _series(documents: Mapping[str, Any]) -> float | None:
    edges = documents.get("cardinality_growth", {}).get("series")
    end = edges.get("end") if isinstance(edges, dict) else None
    return float(end) if isinstance(end, int | float) else None


def _group(name: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    trends = (("Login alarms", "anomalies"), ("Series at the month's end", "series"), ("Alerts per week", "alerts"))
    by_month = {row["folder"]: row for row in rows}
    months = [max(by_month)]
    while months[-1] > min(by_month):
        months.append(month_before(months[-1]))
    oldest_first = [by_month.get(month, {}) for month in reversed(months)]
    return {
        "name": name,
        "rows": rows,
        "trends": [t for label, key in trends if (t := spark(label, [row.get(key) for row in oldest_first]))],
    }


def spark(label: str, values: list[float | None]) -> dict[str, Any] | None:
    """A small line over the months; a month without a value is a gap, never zero. None below two values."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return None
    low, high = min(known), max(known)
    step = SPARK_WIDTH / (len(values) - 1)
    rise = (SPARK_HEIGHT - 8) / (high - low) if high > low else 0.0
    runs: list[list[str]] = [[]]
    for place, value in enumerate(values):
        if value is None:
            runs.append([])
            continue
        runs[-1].append(f"{place * step:.1f},{SPARK_HEIGHT - 4 - (value - low) * rise:.1f}")
    return {
        "label": label,
        "lines": [" ".join(run) for run in runs if len(run) > 1],
        "points": [point.split(",") for run in runs for point in run],
        "first": shown_number(known[0]),
        "last": shown_number(known[-1]),
        "low": shown_number(low),
        "high": shown_number(high),
        "width": SPARK_WIDTH,
        "height": SPARK_HEIGHT,
    }
