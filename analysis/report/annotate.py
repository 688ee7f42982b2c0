"""Findings as annotations in Grafana: one each, made once and changed where the finding changes."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from analysis.errors import SourceError
from analysis.markup import escape
from analysis.report.compare import ALARMS, documents_of
from analysis.report.files import write_whole
from analysis.stack.grafana import Grafana
from analysis.window import format_time, parse_time, unix_ms

TAG = "promreview"  # what a dashboard's annotation query asks for


def annotate(folder: Path, url: str) -> dict[str, Any]:
    """Make every alarm of a period an annotation; what was sent lands in ``annotations.json``.

    Args:
        folder: of the month, whose ``findings.json`` is read.
        url: base URL of Grafana.

    Returns:
        A record without any secret: when, how many were made and changed, whether all arrived and why not.

    Raises:
        InputError: what is given is no URL, or the token file cannot be read.
    """
    alarms = [f for d in documents_of(folder).values() for f in d["findings"] if f["severity"] in ALARMS]
    record: dict[str, Any] = {"at": format_time(datetime.now(UTC)), "made": 0, "changed": 0, "arrived": True, "why": ""}
    with Grafana(url) as grafana:
        try:
            for finding in alarms:
                record[_put(grafana, finding)] += 1
        except SourceError as error:
            record |= {"arrived": False, "why": str(error)}
    write_whole(folder / "annotations.json", json.dumps(record, indent=1))
    return record


def _put(grafana: Grafana, finding: Mapping[str, Any]) -> str:
    body = annotation(finding)
    known = grafana.get("/api/annotations", {"tags": [TAG, finding["id"]], "limit": 1})
    if known:
        grafana.send("PATCH", f"/api/annotations/{int(known[0]['id'])}", body)
        return "changed"
    grafana.send("POST", "/api/annotations", body)
    return "made"


def annotation(finding: Mapping[str, Any]) -> dict[str, Any]:
    """A finding as Grafana's API takes it; its text is HTML, so every value is escaped."""
    lines = [finding["title"], finding["action"]]
    body: dict[str, Any] = {
        "time": unix_ms(parse_time(finding["start"])),
        "tags": [TAG, finding["report"], finding["kind"], finding["severity"], finding["id"]],
        "text": "<br>".join(escape(line) for line in lines if line),
    }
    return body | ({"timeEnd": unix_ms(parse_time(finding["end"]))} if finding["end"] else {})
