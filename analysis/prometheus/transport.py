"""Below the API: connections whose waits are bounded, addresses, and what HTTP says between the lines."""

import ipaddress
import re
import socket
import threading
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import SplitResult, urlsplit

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
        shown = re.sub(r"//[^/@]*@", "//***@", url)
        raise InputError(f"{shown!r} is not the URL of a server; write http://HOST:9090")
    return parts


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


def reason_of(error: BaseException) -> str:
    """Why there was no answer, in a few words."""
    text = str(error)
    if "refused" in text:
        return REFUSED
    if isinstance(error, requests.Timeout) or "timed out" in text:
        return "no answer within the time-out"
    if "Name or service not known" in text or "resolve" in text:
        return "the host name is not known"
    return type(error).__name__


def retry_after(response: requests.Response) -> float | None:
    """Seconds that the server asks to wait, from a number or a date; None where it does not say."""
    text = response.headers.get("Retry-After", "")
    if text.strip().isdigit():
        return float(text)
    when = http_date(text)
    return None if when is None else max(0.0, (when - datetime.now(UTC)).total_seconds())


def http_date(text: str) -> datetime | None:
    """A date of an HTTP header; None where there is none, or none that can be read."""
    try:
        return parsedate_to_datetime(text) if text else None
    except (ValueError, TypeError):
        return None
