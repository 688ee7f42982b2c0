"""Dashboards from Grafana's API: ``/api/search``, then each by its uid."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

from analysis.cardinality.dashboards import dashboard_queries
from analysis.cardinality.queries import Query
from analysis.errors import AccessError, InputError, SourceError, UnreachableError

TIMEOUT_SECONDS = 20.0
PAGE = 1000  # dashboards in one answer of the search: Grafana's default, and below its limit of 5,000
TOKEN = "GRAFANA_TOKEN"  # noqa: S105 - the name of the variable; GRAFANA_TOKEN_FILE names a file instead


def api_queries(url: str) -> Iterator[Query]:
    """The queries of every dashboard that the token may see.

    Args:
        url: base URL of Grafana, without user info.

    Raises:
        InputError: what is given is no URL, or the token file cannot be read.
        SourceError: Grafana does not answer, or not as Grafana does.
    """
    if not url.startswith(("http://", "https://")) or "@" in url.split("/")[2]:
        raise InputError("the URL of Grafana must be http(s)://HOST without user info; the token is GRAFANA_TOKEN")
    with requests.Session() as session:
        session.trust_env = False  # no stranger's credentials out of a .netrc
        if token := _token():
            session.headers["Authorization"] = f"Bearer {token}"
        page = 1
        while True:
            found = _get(session, url, f"/api/search?type=dash-db&limit={PAGE}&page={page}")
            if not isinstance(found, list):
                raise SourceError(f"{url} does not answer as Grafana does: /api/search gives no list")
            for item in found:
                uid = quote(str(item.get("uid", "")), safe="")
                body = _get(session, url, f"/api/dashboards/uid/{uid}")
                yield from dashboard_queries(body.get("dashboard", {}), str(item.get("title") or item.get("uid")))
            if len(found) < PAGE:
                return
            page += 1


def _token() -> str:
    file = os.environ.get(f"{TOKEN}_FILE")
    try:
        return os.environ.get(TOKEN) or (Path(file).read_text(encoding="utf-8").strip() if file else "")
    except OSError as error:
        raise InputError(f"cannot read {TOKEN}_FILE ({file}): {error.strerror}") from None


def _get(session: requests.Session, url: str, path: str) -> Any:
    try:
        answer = session.get(f"{url.rstrip('/')}{path}", timeout=TIMEOUT_SECONDS, allow_redirects=False)
    except requests.RequestException as error:
        raise UnreachableError(f"no answer from Grafana at {url}: {type(error).__name__}") from None
    if answer.status_code in (301, 302, 303, 307, 308, 401, 403):
        raise AccessError(f"Grafana at {url} answers {answer.status_code}; look at {TOKEN} and at what it may see")
    if answer.status_code != 200:
        raise SourceError(f"Grafana at {url} answers {answer.status_code}")
    try:
        return answer.json()
    except ValueError:
        page = path.partition("?")[0]
        raise SourceError(f"{url} does not answer as Grafana does: {page} gives no JSON") from None
