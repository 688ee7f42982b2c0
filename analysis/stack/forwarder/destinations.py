"""Where alerts are sent on: the SIEM, the ticket system, chats, and whoever notices when the heartbeat stops."""

import json
import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import requests

from analysis.errors import SourceError
from analysis.stack.forwarder.notification import Alert, Notification
from analysis.window import format_time

SEND_SECONDS = 10.0  # Alertmanager waits as long as its group interval, at least ten seconds
REMEMBERED = 10_000  # deliveries kept in mind: some megabytes, and more than fire at once
GONE = (404, 410)  # what a ticket system says of a ticket that somebody has deleted
_QUIET = str.maketrans({"<": "(", ">": ")", "@": "@\u200b", "`": "'", "[": "(", "]": ")", "*": "·", "|": "¦"})


class RefusedError(SourceError):
    """A destination answered, but did not take what it was sent.

    Attributes:
        status: of its answer.
    """

    def __init__(self, message: str, status: int) -> None:
        """Keep both."""
        super().__init__(message)
        self.status = status


class Destination(Protocol):
    """Takes a notification; raises SourceError where it could not be delivered, so that it is sent again."""

    def send(self, notification: Notification) -> None:
        """Deliver every alert of the notification that was not delivered before."""


class Siem:
    """One request per alert, in the guide's body, with what else is known beside it.

    Args:
        url: where the SIEM takes alerts.
        token: its bearer token.
    """

    def __init__(self, url: str, token: str) -> None:
        """Remember where to."""
        self.url, self.token = url, token
        self._lock = threading.Lock()
        self._sent: dict[str, None] = {}

    def send(self, notification: Notification) -> None:
        """Deliver; an alert that was delivered in this state is left out, so that a retry doubles nothing."""
        with self._lock:  # a retry may come while the first attempt still waits for its answer
            for alert in notification.alerts:
                key = f"{alert.key} {alert.status}"
                if key not in self._sent:
                    _request("POST", self.url, self.token, siem_body(alert), "the SIEM")
                    _remember(self._sent, key, None)


class Heartbeat:
    """One request per notification of an alert that always fires: when they stop, the monitoring itself is dead.

    Args:
        url: of a service elsewhere that calls somebody when it hears nothing; whoever knows it can feign life.
    """

    def __init__(self, url: str) -> None:
        """Remember where to."""
        self.url = url

    def send(self, notification: Notification) -> None:
        """Tell it that alerts still come through; that one has ended is no sign of life."""
        if notification.status == "firing":
            body = {"alert": notification.alerts[0].name, "status": "firing"}
            _request("POST", self.url, "", body, "the heartbeat's service")


def _remember(kept: dict[str, Any], key: str, value: Any) -> None:
    kept[key] = value
    while len(kept) > REMEMBERED:
        kept.pop(next(iter(kept)))


def siem_body(alert: Alert) -> dict[str, Any]:
    """``alert`` and ``severity`` as the guide has them; the rest is context."""
    return {
        "alert": alert.name,
        "severity": alert.severity,
        "status": alert.status,
        "starts_at": format_time(alert.starts_at),
        "ends_at": format_time(alert.ends_at) if alert.ends_at and alert.status == "resolved" else None,
        "description": alert.description,
        "runbook_url": alert.annotations.get("runbook_url", ""),
        "labels": alert.labels,
    }


class Tickets:
    """One ticket per firing alert: made once, updated while it goes on, closed when it is resolved.

    Args:
        url: POST makes a ticket and answers with its ``id``; PATCH of URL/ID updates it.
        token: bearer token of the ticket system.
        state_file: which alert has which ticket, kept across restarts.
    """

    def __init__(self, url: str, token: str, state_file: Path) -> None:
        """Read what is open."""
        self.url, self.token, self.state_file = url.rstrip("/"), token, state_file
        self._lock = threading.Lock()
        self._open: dict[str, str] = self._read()

    def send(self, notification: Notification) -> None:
        """Make, update or close the ticket of each alert."""
        with self._lock:
            for alert in notification.alerts:
                self._one(alert)

    def _one(self, alert: Alert) -> None:
        ticket = self._open.get(alert.key)
        if ticket is not None and not self._update(alert, ticket):
            self._keep({key: value for key, value in self._open.items() if key != alert.key})
            ticket = None
        if ticket is None and alert.status == "firing":
            made = _request("POST", self.url, self.token, ticket_body(alert), "the ticket system")
            if not isinstance(made, dict) or "id" not in made:
                raise SourceError("the ticket system made a ticket but did not say its id")
            self._keep({**self._open, alert.key: str(made["id"])})

    def _update(self, alert: Alert, ticket: str) -> bool:
        """Bring a ticket up to date; whether it is open after that."""
        update = {"status": "open", "overdue": alert.overdue(datetime.now(UTC)), "comment": _comment(alert)}
        if alert.status == "resolved":
            update = {"status": "resolved", "comment": _comment(alert)}
        try:
            _request("PATCH", f"{self.url}/{quote(ticket, safe='')}", self.token, update, "the ticket system")
        except RefusedError as error:
            if error.status not in GONE:
                raise
            return False
        return alert.status == "firing"

    def _read(self) -> dict[str, str]:
        try:
            return dict(json.loads(self.state_file.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise SourceError(f"cannot read {self.state_file}: {error}; mend or remove it") from None

    def _keep(self, state: dict[str, str]) -> None:
        self._open = state  # first, so that a full disk does not make a second ticket at the next attempt
        new = self.state_file.with_name(self.state_file.name + ".new")
        try:
            new.write_text(json.dumps(state, indent=1), encoding="utf-8")
            new.replace(self.state_file)
        except OSError as error:
            raise SourceError(f"cannot write {self.state_file}: {error.strerror}") from None


def ticket_body(alert: Alert) -> dict[str, Any]:
    """What a new ticket says: the alert with its context and the way to its runbook."""
    return {
        "title": f"{alert.severity.upper()}: {alert.name}",
        "status": "open",
        "severity": alert.severity,
        "respond_within": alert.labels.get("respond_within", ""),
        "body": alert.description,
        "runbook_url": alert.annotations.get("runbook_url", ""),
        "source": alert.generator_url,
        "starts_at": format_time(alert.starts_at),
        "labels": alert.labels,
    }


def _comment(alert: Alert) -> str:
    if alert.status == "resolved":
        return f"Resolved{f' at {format_time(alert.ends_at)}' if alert.ends_at else ''}."
    return f"Still firing since {format_time(alert.starts_at)}: {alert.description}"


class Chats:
    """One message per notification through apprise: Microsoft Teams, Slack, custom webhooks.

    Args:
        name: how the destination is called in errors; its addresses are secret.
        urls: apprise addresses.
    """

    def __init__(self, name: str, urls: Iterable[str]) -> None:
        """Check every address.

        Raises:
            SourceError: apprise does not understand one; says which by its number.
        """
        import apprise

        self.name, self.format = name, apprise.NotifyFormat.TEXT
        self._lock = threading.Lock()
        self._took: dict[str, set[int]] = {}  # by message: who took it, while somebody has not
        self.notifiers = []
        for number, url in enumerate(urls, start=1):
            notifier = apprise.Apprise()
            if not notifier.add(url):
                raise SourceError(f"{name}: address {number} is none that apprise understands")
            self.notifiers.append(notifier)

    def send(self, notification: Notification) -> None:
        """Send the message to every address; a retry leaves out those that took it."""
        title, body = message(notification)
        kind = {"firing": "failure", "resolved": "success"}[notification.status]
        with self._lock:
            took = self._took.pop(f"{title}\n{body}", set())
            for number, notifier in enumerate(self.notifiers, start=1):
                if number not in took and notifier.notify(
                    title=title, body=body, body_format=self.format, notify_type=kind
                ):
                    took.add(number)
            failed = set(range(1, len(self.notifiers) + 1)) - took
            if failed:
                _remember(self._took, f"{title}\n{body}", took)
                raise SourceError(
                    f"{self.name}: address {min(failed)} of {len(self.notifiers)} did not take the message"
                )


def message(notification: Notification) -> tuple[str, str]:
    """Title and body of a chat message; values from outside carry no markup and mention nobody."""
    firing = [alert for alert in notification.alerts if alert.status == "firing"]
    first = (firing or notification.alerts)[0]
    title = f"{'FIRING' if firing else 'RESOLVED'} {first.severity}: {first.name} ({len(notification.alerts)})"
    lines = []
    for alert in notification.alerts:
        lines.append(f"{alert.status}: {_quiet(alert.description or alert.name)}")
        runbook = alert.annotations.get("runbook_url", "")
        if runbook and alert.status == "firing":
            lines.append(f"Runbook: {_quiet(runbook)}")
    return _quiet(title), "\n".join(lines)


def _quiet(text: str) -> str:
    return " ".join(text.split()).translate(_QUIET)


def _request(method: str, url: str, token: str, body: dict[str, Any], what: str) -> Any:
    """Send JSON; a redirect is not followed, since it would carry the token elsewhere."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        answer = requests.request(method, url, json=body, headers=headers, timeout=SEND_SECONDS, allow_redirects=False)
    except requests.RequestException as error:
        raise SourceError(f"{what} does not answer: {type(error).__name__}") from None
    if not 200 <= answer.status_code < 300:
        raise RefusedError(f"{what} answers {answer.status_code}", answer.status_code)
    try:
        return answer.json()
    except ValueError:
        return None
