"""Below the API: connections whose waits are bounded, addresses, and what HTTP says between the lines."""

import ipaddress
import re
import socket
import threading
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from analysis.errors import InputError

REFUSED = "connection refused"


class _Bounded:
    """A connection whose wait for headers ends in time, and whose body may pause no longer than that allows.

    Without it each byte of a header starts the time-out anew.
    """

    idle_seconds = 30.0

    def getresponse(self) -> Any:
        """The response, once its headers have come."""
        connection: Any = self
        sock = connection.sock
        if sock is None:
            return super().getresponse()  # type: ignore[misc]
        watch = threading.Timer(connection.timeout or self.idle_seconds, _cut, [sock])
        watch.daemon = True
        watch.start()
        try:
            response = super().getresponse()  # type: ignore[misc]
        finally:
            watch.cancel()
        sock.settimeout(self.idle_seconds)
        return response


def _cut(sock: socket.socket) -> None:
    with suppress(OSError):  # it has ended by itself
        sock.shutdown(socket.SHUT_RDWR)


class _HTTPConnection(_Bounded, urllib3.connection.HTTPConnection):
    """Plain."""


class _HTTPSConnection(_Bounded, urllib3.connection.HTTPSConnection):
    """Over TLS."""


class BoundedAdapter(HTTPAdapter):
    """Gives a session connections whose waits are bounded.

    Args:
        idle_seconds: longest pause within a body.
    """

    def __init__(self, idle_seconds: float) -> None:
        """Remember the bound."""
        self.idle_seconds = idle_seconds
        super().__init__(pool_maxsize=16)

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """The pool of a host, whose connections are ours."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        base = _HTTPSConnection if pool.scheme == "https" else _HTTPConnection
        if not issubclass(pool.ConnectionCls, _Bounded):
            pool.ConnectionCls = type(base.__name__, (base,), {"idle_seconds": self.idle_seconds})
        return pool


def checked_url(url: str) -> SplitResult:
    """The parts of a server's URL.

    Raises:
        InputError: it is none.
    """
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        usable = False
    if not usable:
        raise InputError(f"{without_user(url)!r} is not the URL of a server; write http://HOST:9090")
    return parts


def without_user(url: str) -> str:
    """A URL as it may be shown, however wrong it is: without user info, and without what its query may hold."""
    return re.sub(r"^([a-zA-Z+.-]+:)?(//)?.*@", r"\1\2***@", url, flags=re.DOTALL).partition("?")[0]


def same_place(url: str, target: str) -> bool:
    """Whether a redirect stays at scheme, host and port."""
    try:
        here, there = urlsplit(url), urlsplit(urljoin(url, target))
        places = {(part.scheme, part.hostname, part.port) for part in (here, there)}
    except ValueError:  # no URL
        return False
    return len(places) == 1


def checked_headers(headers: dict[str, str]) -> dict[str, str]:
    """Headers that HTTP can carry.

    Raises:
        InputError: one cannot be sent; names it, and not what it holds.
    """
    for name, value in headers.items():
        if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
            raise InputError(f"PROMETHEUS_HEADERS: {name!r} is no name of a header")
        if not re.fullmatch(r"[!-~\x80-\xff]+(?:[ \t!-~\x80-\xff]*[!-~\x80-\xff])?", value):
            raise InputError(
                f"the header {name} cannot be sent: empty, a blank at an end, a line break, or not Latin-1"
            )
    return headers


def accepted_encoding(host: str, compression: str) -> str:
    """Compression costs the server eight times the query: it is worth that on a slow link only.

    Args:
        host: name or address of the server.
        compression: ``on``, ``off``, or ``auto`` for neither on loopback nor on private addresses.
    """
    if compression != "auto":
        return "gzip" if compression == "on" else "identity"
    try:
        address = ipaddress.ip_address(host)
        near = address.is_private or address.is_loopback
    except ValueError:
        near = host == "localhost" or "." not in host
    return "identity" if near else "gzip"


_REASONS = (  # what the libraries below say, and what it means
    ("refused", REFUSED),
    ("timed out", "no answer within the time-out"),
    ("Name or service not known|resolve|label (?:empty|too long)", "the host name is not known"),
    ("BadStatusLine|BadHTTP|UnknownProtocol|illegal status|status line", "what answers does not speak HTTP"),
    ("LineTooLong|got more than", "the headers of its answer do not end"),
    ("decod|decompress", "its compressed answer does not unpack"),
    ("IncompleteRead|InvalidChunk|[Cc]onnection broken|prematurely", "its answer was cut"),
    ("reset|Remote end closed|RemoteDisconnected|aborted", "the connection was cut"),
    ("[Pp]roxy", "the proxy of HTTP_PROXY or HTTPS_PROXY does not let us through"),
)


def reason_of(error: BaseException) -> str:
    """Why there was no answer, in a few words."""
    text = f"{type(error).__name__} {error}"
    if isinstance(error, requests.exceptions.ProxyError):
        return _REASONS[-1][1]
    if isinstance(error, requests.Timeout):
        return _REASONS[1][1]
    return next((reason for pattern, reason in _REASONS if re.search(pattern, text)), type(error).__name__)


def tls_reason(error: BaseException) -> str:
    """What OpenSSL says, without the exceptions that are wrapped around it."""
    said = re.search(r"\[SSL[^\]]*\] ([^(]+)", str(error))
    return said[1].strip() if said else str(error)


def retry_after(response: requests.Response) -> float | None:
    """Seconds that the server asks to wait, from a number or a date; None where it does not say."""
    text = response.headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return float(text)
    when = http_date(text)
    return None if when is None else max(0.0, (when - datetime.now(UTC)).total_seconds())


def http_date(text: str) -> datetime | None:
    """A date of an HTTP header, in UTC; None where there is none, or none that can be read."""
    try:
        when = parsedate_to_datetime(text) if text else None
    except (ValueError, TypeError, OverflowError):
        return None
    return when.replace(tzinfo=UTC) if when and when.tzinfo is None else when
