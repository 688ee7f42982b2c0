"""What an answer other than success means: which error it is, or that another attempt may pass.

Prometheus, VictoriaMetrics, Thanos, Mimir and Cortex, Grafana Cloud, Amazon's service and the proxies in
front of them say the same things in different words; `docs/sources.md` names where the words are from.
"""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import msgspec
import requests

from analysis.errors import (
    AccessError,
    PromreviewError,
    QueryError,
    SourceError,
    TooLargeError,
    UnsupportedError,
)
from analysis.prometheus.transport import retry_after

RETRIED = (408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524)  # from 520 on they are Cloudflare's
_ASKED_OFTEN = ("query", "query_range", "labels")  # every such server has them, so a 404 means another URL
_LIMITS = (
    r"too many samples|exceeded maximum resolution|response too large|too many chunks|max-samples",
    r"query time range exceeds the limit|err-mimir-max-|query exceeded the (?:maximum|aggregated)",  # Mimir
    r"the query hit the (?:max|aggregated)|exceeded (?:series|chunks|samples|bytes) limit",  # Cortex, Thanos
    r"limit \d+ violated|received message larger than max",  # Thanos, gRPC
    r"-search\.max(?:PointsPerTimeseries|Samples\w+|Series|UniqueTimeseries|MemoryPerQuery)|not enough memory",
)
_TOO_LARGE = re.compile("|".join(_LIMITS))
_TIMED_OUT = re.compile(r"timed out|deadline exceeded|context canceled|timeout exceeded", re.IGNORECASE)
_NO_SUCH_PAGE = re.compile(r"unsupported path requested|unsupported URL path")  # VictoriaMetrics says it with a 400
_WANTS_TLS = re.compile(r"HTTP request (?:was sent )?to (?:an )?HTTPS", re.IGNORECASE)  # Go, nginx
# Said with a 400 or a 422, though another attempt may pass: Amazon's throttle, and one part of Mimir, Cortex or
# Thanos that could not reach another.
_PASSING = re.compile(
    r"^Rate exceeded|ThrottlingException|rpc error: code = (?:Internal|Unavailable|Aborted)|consistency check failed"
)
_NO_TENANT = re.compile(r"no org id|X-Scope-OrgID", re.IGNORECASE)


class Again(Exception):  # noqa: N818 - no error yet: a reason to try once more
    """This attempt failed in a way that another one may not.

    Args:
        reason: in the words of the server.
        pause_seconds: how long it asks to wait; None where it does not say.
    """

    def __init__(self, reason: str, pause_seconds: float | None = None) -> None:
        """Keep both."""
        super().__init__(reason)
        self.reason, self.pause_seconds = reason, pause_seconds


def check(response: requests.Response, body: bytes, where: str, shown: Callable[[str], str]) -> None:
    """Raise what an answer means; one of the 200s means nothing.

    Args:
        response: its status and headers.
        body: what it says.
        where: the server, as messages name it.
        shown: makes a text from outside fit to be shown.

    Raises:
        Again: another attempt may pass.
        PromreviewError: none will.
    """
    status, said = response.status_code, shown(message(body)) or response.reason or "no reason"
    page = urlsplit(response.url).path
    if status in (401, 403):
        raise _no_access(status, said, where)
    if status >= 400 and _TOO_LARGE.search(said):
        raise TooLargeError(f"{where} says: {said}")
    if status in (404, 405, 501) or (status == 400 and _NO_SUCH_PAGE.search(said)):
        raise _unsupported(page, status, said, where, body)
    if status == 400 and _WANTS_TLS.search(said):
        raise SourceError(f"{where} says: {said.rstrip('.')}; begin the URL with https://")
    if status in (400, 422) and _PASSING.search(said):
        raise Again(f"{status} {said}", retry_after(response))
    if status in (400, 422) or (status == 503 and _TIMED_OUT.search(said)):
        kind = TooLargeError if _TIMED_OUT.search(said) else QueryError
        raise kind(f"{where} says: {said}")
    if status in RETRIED:
        raise Again(f"{status} {said}".strip(), retry_after(response))
    if status >= 300:
        raise SourceError(f"{where} answers {status}: {said}")


def _no_access(status: int, said: str, where: str) -> PromreviewError:
    look = "PROMETHEUS_USERNAME and PROMETHEUS_PASSWORD, PROMETHEUS_BEARER_TOKEN, or PROMETHEUS_SIGV4_REGION"
    if _NO_TENANT.search(said):
        look = """PROMETHEUS_HEADERS, for example {"X-Scope-OrgID": "team-a"}"""
    return AccessError(f"{where} answers {status}: {said}; look at {look}")


def _unsupported(page: str, status: int, said: str, where: str, body: bytes) -> PromreviewError:
    advice = ""
    if page.rpartition("/api/v1/")[2] in _ASKED_OFTEN:
        advice = "; does the URL lack a path, such as /prometheus (Mimir) or /select/0/prometheus (VictoriaMetrics)?"
    if body.lstrip()[:1] == b"<" or b"404" in body or not body or _NO_SUCH_PAGE.search(said):
        return UnsupportedError(f"{where} has no {page} ({status}){advice}")
    return UnsupportedError(f"{where} does not support this: {said}{advice}")


def message(body: bytes) -> str:
    """What an error says, whatever its shape: Prometheus's JSON, another JSON, HTML, or plain text."""
    try:
        said = _text_of(msgspec.json.decode(body))
    except msgspec.DecodeError:
        said = None
    return said or re.sub(r"<[^>]*>", " ", body[:2000].decode("utf-8", "replace"))


def _text_of(answer: Any) -> str | None:
    """The text of an error object: ``error``, or ``message`` as gateways write it, perhaps one in the other."""
    if isinstance(answer, str):
        return answer
    if not isinstance(answer, dict):
        return None
    found = (_text_of(answer.get(key)) for key in ("error", "message", "Message", "detail"))
    return next((text for text in found if text), None)
