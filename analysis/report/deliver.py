"""Delivery: a message and the page to wherever the team reads, through apprise.

Addresses come from ``PROMREVIEW_NOTIFY_URLS`` (or ``_FILE``), and for runs that failed from
``PROMREVIEW_FAILURE_URLS`` (or ``_FILE``); one per line or separated by white space.
"""

import json
import os
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from analysis.errors import ParameterError
from analysis.findings import SEVERITIES
from analysis.report.compare import ALARMS, documents_of
from analysis.report.files import write_whole
from analysis.report.secrets import strike
from analysis.report.status import Status
from analysis.window import format_time

NOTIFY, FAILURES = "PROMREVIEW_NOTIFY_URLS", "PROMREVIEW_FAILURE_URLS"
ATTEMPTS = 3
PAUSE_SECONDS = 2.0  # before the second attempt; doubled before the third
SHOWN = 5  # findings in a message; the page has the rest
_HARMLESS = str.maketrans({"<": "(", ">": ")", "@": "@\u200b", "`": "'", "[": "(", "]": ")", "*": "·", "|": "¦"})


def addresses(variable: str, environment: Mapping[str, str] | None = None) -> list[str]:
    """The addresses in a variable, or in the file that its ``_FILE`` twin names.

    Raises:
        ParameterError: the file cannot be read.
    """
    environment = os.environ if environment is None else environment
    path = environment.get(f"{variable}_FILE")
    if path:
        try:
            return Path(path).read_text(encoding="utf-8").split()
        except OSError as error:
            raise ParameterError(f"{variable}_FILE: cannot read {path}: {error.strerror}") from None
    return environment.get(variable, "").split()


def harmless(text: str) -> str:
    """A value from outside in a chat message: one line, no mention, no link, no markup."""
    return " ".join(text.split()).translate(_HARMLESS)


def message(folder: Path, statuses: Sequence[Status]) -> tuple[str, str]:
    """Title and body: counts, the gravest findings, what failed."""
    documents = documents_of(folder)
    findings = [finding for document in documents.values() for finding in document["findings"]]
    alarms = [f for f in findings if f["severity"] in ALARMS]
    alarms.sort(key=lambda f: (SEVERITIES.index(f["severity"]), -(f["score"] or 0)))
    counts = ", ".join(f"{n} {s}" for s in ALARMS if (n := sum(f["severity"] == s for f in alarms)))
    lines = [f"{f['severity'].upper()}: {harmless(f['title'])}" for f in alarms[:SHOWN]]
    lines += [f"FAILED: {s.report}: {harmless(s.reason)}" for s in statuses if s.state == "failed"]
    return f"Monthly review {folder.name}: {counts or 'no alarm'}", strike("\n".join(lines) or "Nothing found.")


def deliver(folder: Path, statuses: Sequence[Status], pause_seconds: float = PAUSE_SECONDS) -> list[dict[str, Any]]:
    """Send the review, and a failed run to its own addresses too; what was sent lands in ``delivery.json``.

    Returns:
        One record per address, without any secret: the service, kind, time, attempts, whether it arrived.
    """
    title, body = message(folder, statuses)
    failed = any(status.state == "failed" for status in statuses)
    wanted = [("review", url) for url in addresses(NOTIFY)]
    wanted += [("failure", url) for url in addresses(FAILURES)] if failed else []
    records = [_send(kind, url, title, body, folder / "index.html", pause_seconds) for kind, url in wanted]
    if records:
        write_whole(folder / "delivery.json", json.dumps(records, indent=1))
    return records


def deliver_failure(folder: Path, reason: str, pause_seconds: float = PAUSE_SECONDS) -> list[dict[str, Any]]:
    """Tell the addresses for failures that a review could not even begin, and why; without any page.

    Args:
        folder: where its results would lie; the record goes there, where anybody was to be told.
        reason: the error, in one line.
        pause_seconds: before the second attempt.

    Returns:
        One record per address.
    """
    title = f"Monthly review {folder.name}: did not begin"
    body = strike(f"FAILED: {harmless(reason)}")
    records = [_send("failure", url, title, body, None, pause_seconds) for url in addresses(FAILURES)]
    if records:
        write_whole(folder / "delivery.json", json.dumps(records, indent=1))
    return records


def _send(kind: str, url: str, title: str, body: str, page: Path | None, pause_seconds: float) -> dict[str, Any]:
    import apprise

    notifier = apprise.Apprise()
    if not notifier.add(url):
        return _record(kind, url, 0, arrived=False)
    attach = str(page) if page and page.exists() else None
    for attempt in range(1, ATTEMPTS + 1):
        if notifier.notify(body=body, title=title, body_format=apprise.NotifyFormat.TEXT, attach=attach):
            return _record(kind, url, attempt, arrived=True)
        if attempt < ATTEMPTS:
            time.sleep(pause_seconds * 2 ** (attempt - 1))
    return _record(kind, url, ATTEMPTS, arrived=False)


def _record(kind: str, url: str, attempts: int, *, arrived: bool) -> dict[str, Any]:
    """What was sent; of the address only its scheme, since all the rest may be secret."""
    return {
        "kind": kind,
        "service": url.split("://", 1)[0] if "://" in url else "not an address",
        "at": format_time(datetime.now(UTC)),
        "attempts": attempts,
        "arrived": arrived,
    }
