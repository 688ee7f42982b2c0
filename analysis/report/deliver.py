"""Delivery: a message and the page to wherever the team reads, through apprise.

Addresses come from ``PROMREVIEW_NOTIFY_URLS`` (or ``_FILE``), and for runs that failed from
``PROMREVIEW_FAILURE_URLS`` (or ``_FILE``); one per line or separated by white space.
"""

import json
import os
import re
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from analysis.errors import ParameterError
from analysis.findings import FindingsDocument
from analysis.report.compare import ALARMS, documents_of, open_alarms
from analysis.report.decisions import decided_in
from analysis.report.files import write_whole
from analysis.report.fleet.page import overview_name
from analysis.report.periods import period_of
from analysis.report.secrets import strike
from analysis.report.status import Status
from analysis.report.verdict import titled, verdict
from analysis.window import format_time
from analysis.words import in_order

NOTIFY, FAILURES = "PROMREVIEW_NOTIFY_URLS", "PROMREVIEW_FAILURE_URLS"
ATTEMPTS = 3
PAUSE_SECONDS = 2.0  # before the second attempt; doubled before the third
SHOWN = 5  # findings in a message; the page has the rest
_LINK = re.compile(
    r":(?=//)|(?<=\bwww)(?=\.)", re.IGNORECASE
)  # what chats make a link of is broken by a space of no width
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


def check_addresses() -> None:
    """Find out before a review, and not after it, that a file of addresses cannot be read.

    Raises:
        ParameterError: names the variable and the file.
    """
    for variable in (NOTIFY, FAILURES):
        addresses(variable)


def harmless(text: str) -> str:
    """A value from outside in a chat message: one line, no mention, no link, no markup."""
    return _LINK.sub("\\g<0>\u200b", " ".join(in_order(text).split()).translate(_HARMLESS))


def message(folder: Path, statuses: Sequence[Status]) -> tuple[str, str]:
    """Title and body: counts, the verdict, the gravest findings with what to do, what failed."""
    documents = documents_of(folder)
    findings = [finding for document in documents.values() for finding in document["findings"]]
    alarms = open_alarms(findings, decided_in(folder))
    counts, lines = _told(alarms)
    lines = [harmless(said), *lines] if (said := _verdict(documents, statuses, alarms)) else lines
    lines += [f"FAILED: {s.report}: {harmless(s.reason)}" for s in statuses if s.state == "failed"]
    return f"{named(folder)}: {counts or 'no alarm'}", strike("\n".join(lines) or "Nothing found.")


def _told(alarms: Sequence[Mapping[str, Any]]) -> tuple[str, list[str]]:
    """How many there are of each severity, and the gravest with what to do."""
    lines = []
    for f in alarms[:SHOWN]:
        lines += [f"{f['severity'].upper()}: {harmless(f['title'])}", f"    Do: {harmless(f['action'])}"]
    lines += [f"and {len(alarms) - SHOWN} more on the page"] if len(alarms) > SHOWN else []
    return ", ".join(f"{n} {s}" for s in ALARMS if (n := sum(f["severity"] == s for f in alarms))), lines


def named(folder: Path) -> str:
    """What a message is about: the review of a month, and of which environment."""
    month = folder.name if period_of(folder.name) else f"{folder.parent.name}, {folder.name}"
    return f"Monthly review {month}"


def _verdict(documents: Mapping[str, Any], statuses: Sequence[Status], alarms: Sequence[Mapping[str, Any]]) -> str:
    ran = [status for status in statuses if status.report in documents or status.state == "failed"]
    shares = {name: document["coverage"]["share"] for name, document in documents.items()}
    reports = [{"title": titled(s.report), "state": s.state, "share": shares.get(s.report)} for s in ran]
    return verdict(reports, alarms) if reports else ""


def deliver(folder: Path, statuses: Sequence[Status], pause_seconds: float = PAUSE_SECONDS) -> list[dict[str, Any]]:
    """Send the review, and a failed run to its own addresses too; what was sent lands in ``delivery.json``.

    Returns:
        One record per address, without any secret: the service, kind, time, attempts, whether it arrived.
    """
    title, body = message(folder, statuses)
    failed = [status.report for status in statuses if status.state == "failed"]
    page, told = folder / "index.html", f"{named(folder)}: {', '.join(failed)} failed"
    records = _send_all("review", NOTIFY, (title, body), page, pause_seconds)
    records += _send_all("failure", FAILURES, (told, body), page, pause_seconds) if failed else []
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
    said = (f"{named(folder)}: did not begin", strike(f"FAILED: {harmless(reason)}"))
    records = _send_all("failure", FAILURES, said, None, pause_seconds)
    if records:
        write_whole(folder / "delivery.json", json.dumps(records, indent=1))
    return records


def deliver_fleet(
    month: Path, document: FindingsDocument, pause_seconds: float = PAUSE_SECONDS
) -> list[dict[str, Any]]:
    """Send what is true of a fleet as a whole, with the page above; where a server is gone to those for failures too.

    Args:
        month: folder of the month; the record goes there.
        document: of the fleet.
        pause_seconds: before the second attempt.

    Returns:
        One record per address.
    """
    body = document.model_dump()
    counts, lines = _told(open_alarms(body["findings"], decided_in(month)))
    title, said = f"{named(month)}, the fleet: {counts or 'no alarm'}", strike("\n".join(lines) or "Nothing found.")
    gone = [row["name"] for row in body["members"] if row["state"] == "unreachable"]
    page = month / overview_name(month)
    records = _send_all("review", NOTIFY, (title, said), page, pause_seconds)
    if gone:
        told = harmless(f"{named(month)}: no answer from {', '.join(gone)}")
        records += _send_all("failure", FAILURES, (told, said), page, pause_seconds)
    if records:
        write_whole(month / "delivery.json", json.dumps(records, indent=1))
    return records


def _send_all(
    kind: str, variable: str, said: tuple[str, str], page: Path | None, pause_seconds: float
) -> list[dict[str, Any]]:
    """Send to every address of a variable; a record tells which one it was by its place among them."""
    urls = addresses(variable)
    return [{"address": place, **_send(kind, url, *said, page, pause_seconds)} for place, url in enumerate(urls, 1)]


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
