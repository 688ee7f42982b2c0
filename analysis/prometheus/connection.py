"""The HTTP session: credentials, time-outs, retries, and errors that say what to do."""

import random
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn, Protocol, TypeVar
from urllib.parse import quote, quote_plus, unquote, urlencode, urljoin, urlunsplit

import requests
import urllib3

from analysis.errors import (
    AccessError,
    InputError,
    NotPrometheusError,
    QueryError,
    RateLimitError,
    TooLargeError,
    UnreachableError,
)
from analysis.prometheus.engine import AS_PROMETHEUS
from analysis.prometheus.refusals import Again, check
from analysis.prometheus.restriction import Restriction
from analysis.prometheus.shapes import Envelope, opened, strange
from analysis.prometheus.sigv4 import SigV4
from analysis.prometheus.transport import (
    REFUSED,
    BoundedAdapter,
    accepted_encoding,
    checked_headers,
    checked_url,
    http_date,
    reason_of,
    same_place,
    tls_reason,
    without_user,
)
from analysis.settings import ConnectionSettings

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.2, 15.0
ATTEMPTS = 6
MAXIMUM_BYTES = 512 * 1024**2  # an answer above this is split, not read
LONGEST_URL = 4096  # of what is asked; proxies refuse URLs from 8 KiB on
POSTED = ("query", "query_range", "series", "labels")  # pages that take what is asked in the body too
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
CHUNK_BYTES = 1 << 18
MAXIMUM_REDIRECTS = 5
_QUERIES = ("query", "series", "label")  # the pages that read stored samples or their index
SHOWN_CHARACTERS = 300


class _Late(Exception):  # noqa: N818 - what it means depends on what was answered before
    """The time-out ended while the answer was still coming."""


class Body(Protocol):
    """What takes the bytes of an answer as they come."""

    def feed(self, piece: bytes) -> None:
        """Take the next bytes."""

    def text(self) -> bytes:
        """All of them, or what stands for them."""


S = TypeVar("S", bound=Body)


class Whole:
    """An answer as it is."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._pieces: list[bytes] = []

    def feed(self, piece: bytes) -> None:
        """Take the next bytes."""
        self._pieces.append(piece)

    def text(self) -> bytes:
        """All of them."""
        return b"".join(self._pieces)


class Api:
    """``/api/v1`` of one server.

    Args:
        settings: where it is and how to get in; every secret in it is struck out of what is shown.

    Attributes:
        clock_ahead: how far the server's clock was ahead of ours at its last answer.
        restriction: to the series of one cluster, where the settings name one.
    """

    def __init__(self, settings: ConnectionSettings) -> None:
        """Prepare the session; nothing is asked yet."""
        self.settings = settings
        parts = checked_url(settings.url.get_secret_value())
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
        netloc = f"{host}:{parts.port}" if parts.port else host
        self.url = urlunsplit((parts.scheme, netloc, parts.path.rstrip("/"), "", ""))
        self.shown_url = self.url
        self.clock_ahead = timedelta()
        self._turns = threading.BoundedSemaphore(settings.connections)
        self.session = requests.Session()
        self.bound_waits()
        encoding = accepted_encoding(parts.hostname or "", settings.compression)
        self.session.headers.update({"Accept-Encoding": encoding, **checked_headers(settings.extra_headers())})
        self._carried = {**AS_PROMETHEUS, **settings.extra_parameters()}
        self.restriction = Restriction(settings.series_matchers())
        self._authenticate(unquote(parts.username or ""), unquote(parts.password or ""))
        self.session.verify = False if settings.insecure else str(settings.ca_file) if settings.ca_file else True
        if settings.cert_file:
            key = settings.key_file or settings.cert_file
            self.session.cert = (str(settings.cert_file), str(key))
        if settings.insecure:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)

    def bound_waits(self) -> None:
        """Let the session reach the server through connections whose waits are bounded, and which never retry."""
        self.session.mount(self.url, BoundedAdapter(self.settings.idle_timeout_seconds))

    def _authenticate(self, username: str, password: str) -> None:
        settings = self.settings
        given = settings.password.get_secret_value() if settings.password else ""
        token = settings.bearer_token.get_secret_value() if settings.bearer_token else ""
        user, word = (settings.username or username).encode(), (given or password).encode()
        self.session.trust_env = False  # no stranger's credentials out of a .netrc, but the way to the server
        self.session.proxies.update(requests.utils.get_environ_proxies(self.url))
        if settings.sigv4_region:
            self.session.auth = SigV4(settings.sigv4_region, settings.sigv4_service)
        elif user:
            self.session.auth = requests.auth.HTTPBasicAuth(user, word)  # as bytes: in UTF-8, as RFC 7617 has it
        if token:
            self.session.headers.update(checked_headers({"Authorization": f"Bearer {token}"}))
        secrets = [given, password, token, *settings.extra_headers().values()]
        secrets += [b64encode(user + b":" + word).decode()] if word else []
        forms = {form for secret in secrets if secret for form in (secret, quote(secret, safe=""), quote_plus(secret))}
        self._secrets = sorted(forms, key=len)

    def get(self, path: str, params: dict[str, Any] | None = None) -> Any:
        """The ``data`` of one answer; see `asked`."""
        return self.asked(path, params)[0]

    def asked(self, path: str, params: dict[str, Any] | None = None) -> tuple[Any, list[str]]:
        """The ``data`` of one answer, and what the server warned of.

        Raises:
            QueryError: the server calls the query wrong; not tried again.
            SourceError: the server failed, after as many attempts as the time-out allows.
        """
        data, warnings = self.opened(path, self.read(path, params, Whole)[1])
        return self.restriction.data(path, data), warnings

    def get_of_all(self, path: str, params: dict[str, Any]) -> Any:
        """Like `get`, of all series of the server, whatever part of them this client is restricted to."""
        return self.opened(path, self.read(path, params, Whole, of_all=True)[1])[0]

    def read(
        self, path: str, params: dict[str, Any] | None, make: Callable[[], S], *, of_all: bool = False
    ) -> tuple[S, Envelope]:
        """One successful answer, retried with growing, jittered pauses; about this client's part of the series.

        However many threads ask, the server is asked for no more at once than the settings allow.

        Returns:
            The reader that `make` made for it, and what the reader's text says.
        """
        with self._turns:
            return self._read(path, params, make, of_all=of_all)

    def _read(  # noqa: RET503 - _give_up raises
        self, path: str, params: dict[str, Any] | None, make: Callable[[], S], *, of_all: bool
    ) -> tuple[S, Envelope]:
        deadline = time.monotonic() + self.settings.timeout_seconds
        reason = ""
        for attempt in range(ATTEMPTS):
            try:
                return self._attempt(path, self._whole(path, params, of_all=of_all), deadline, make())
            except _Late:
                if reason:  # what the server did answer says more than that time ran out
                    self._give_up(reason, None, params)
                bound = self.settings.timeout_seconds
                raise UnreachableError(
                    f"{self.shown_url} did not finish its answer within {bound:g} s (--timeout)"
                ) from None
            except Again as again:
                reason = again.reason
                pause = again.pause_seconds
                if pause is None:
                    pause = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**attempt) * random.uniform(0.5, 1)  # noqa: S311
                if time.monotonic() + pause > deadline or attempt == ATTEMPTS - 1:
                    self._give_up(reason, again.pause_seconds, params)
                time.sleep(pause)
        self._give_up(reason, None, params)

    def _whole(self, path: str, params: dict[str, Any] | None, *, of_all: bool) -> dict[str, Any]:
        """The parameters of a request with those that every query carries, restricted unless it is of all series."""
        given = {**(self._carried if path.startswith(_QUERIES) else {}), **(params or {})}
        return given if of_all else self.restriction.params(path, given)

    def _give_up(self, reason: str, retry_after: float | None, params: dict[str, Any] | None) -> NoReturn:
        asked = f"; asked: {self.shown(str((params or {}).get('query', '')))}" if (params or {}).get("query") else ""
        if retry_after is not None:
            raise RateLimitError(f"{self.shown_url} asks to come back in {retry_after:.0f} s ({reason}){asked}")
        raise UnreachableError(f"no answer from {self.shown_url}: {reason}{asked}; is it running, and is this its URL?")

    def _attempt(self, path: str, params: dict[str, Any], deadline: float, reader: S) -> tuple[S, Envelope]:
        left = max(0.05, deadline - time.monotonic())
        try:
            response = self._send(path, params, (min(self.settings.idle_timeout_seconds, left), left))
            if time.monotonic() > deadline:
                raise _Late
            with response:
                self._note_clock(response)
                for piece in self._body(response, deadline):
                    reader.feed(piece)
        except requests.exceptions.SSLError as error:
            raise AccessError(
                f"TLS with {self.shown_url} fails: {self.shown(tls_reason(error))}; look at PROMETHEUS_CA_FILE, "
                "PROMETHEUS_CERT_FILE and PROMETHEUS_KEY_FILE"
            ) from None
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidHeader) as error:
            raise InputError(f"{self.shown_url} cannot be asked: {self.shown(str(error))}") from None
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            reason = reason_of(error)
            raise (_Late if time.monotonic() > deadline and reason != REFUSED else Again(reason)) from None
        body = reader.text()
        if response.status_code != 200:
            check(response, body, self.shown_url, self.shown)
        answer = opened(body)
        if answer is None:
            raise self._stranger(body)
        return reader, answer

    def _send(self, path: str, params: dict[str, Any], bounds: tuple[float, float]) -> requests.Response:
        """One request; a redirect is followed on the same host only, for credentials must not travel.

        Args:
            path: the page of the API.
            params: what is asked; too long for a URL, it goes into the body, where the page allows that.
            bounds: longest wait for the connection, and for the headers.
        """
        url, asked = f"{self.url}/api/v1/{path}", urlencode(params, doseq=True)
        posts = path in POSTED and len(asked) > LONGEST_URL
        for _ in range(MAXIMUM_REDIRECTS):
            try:
                response = self.session.request(
                    "POST" if posts else "GET",
                    url,
                    params=None if posts else asked,
                    data=asked if posts else None,
                    headers=FORM if posts else None,
                    timeout=bounds,
                    stream=True,
                    allow_redirects=False,
                    verify=self.session.verify,  # said again: requests prefers a REQUESTS_CA_BUNDLE to the session's
                )
            except ValueError as error:  # what requests makes of a redirect to no address
                if isinstance(error, requests.RequestException):
                    raise
                raise AccessError(f"{self.shown_url} redirects to what is no address") from None
            if not response.is_redirect:
                return response
            target = response.headers["location"]
            response.close()
            if not same_place(url, target):
                place = self.shown(without_user(target))
                raise AccessError(
                    f"{self.shown_url} redirects to {place}, which is refused; set the URL to where it really is"
                )
            url, asked = urljoin(url, target), asked if posts else ""
        raise NotPrometheusError(f"{self.shown_url} redirects in circles")

    def _note_clock(self, response: requests.Response) -> None:
        """How far the server's clock is ahead of ours; its date has whole seconds and is as old as the answer."""
        stamped = http_date(response.headers.get("Date", ""))
        if stamped is not None:
            self.clock_ahead = stamped - datetime.now(UTC)

    def _body(self, response: requests.Response, deadline: float) -> Iterator[bytes]:
        size = 0
        # whatever has come so far, so that a body that trickles is noticed
        while piece := response.raw.read1(CHUNK_BYTES, decode_content=True):
            if not size and response.status_code == 200 and piece.lstrip()[:1] not in (b"{", b""):
                raise self._stranger(piece)
            size += len(piece)
            if size > MAXIMUM_BYTES:
                raise TooLargeError(f"the answer of {self.shown_url} is larger than {MAXIMUM_BYTES >> 20} MiB")
            if time.monotonic() > deadline:
                raise _Late
            yield piece

    def opened(self, path: str, answer: Envelope) -> tuple[Any, list[str]]:
        """The ``data`` of an answer, and its warnings and infos."""
        if answer.status != "success":
            raise QueryError(f"{self.shown_url} says: {self.shown(str(answer.error or answer.errorType or 'error'))}")
        wrong = strange(path, answer.data)
        if wrong:
            raise NotPrometheusError(
                f"{self.shown_url} is not a Prometheus API: its answer has another shape ({self.shown(wrong)})"
            )
        return answer.data, [self.shown(text) for text in answer.remarks]

    def _stranger(self, body: bytes) -> NotPrometheusError:
        first = self.shown(body[:120].decode("utf-8", "replace"))
        said = repr(first) if first else "nothing"
        return NotPrometheusError(f"{self.shown_url} is not a Prometheus API: it answers {said}")

    def shown(self, text: str) -> str:
        """Text from outside as it may be shown: no credential, nothing that a terminal obeys, not endless."""
        for secret in reversed(self._secrets):
            text = text.replace(secret, "***")
        printable = "".join(c if c.isprintable() else " " for c in text[: 10 * SHOWN_CHARACTERS])
        return " ".join(printable.split())[:SHOWN_CHARACTERS]
