"""Grafana's HTTP API: one session, the token from the environment, errors that say what to look at."""

import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests

from analysis.errors import AccessError, InputError, SourceError, UnreachableError

TIMEOUT_SECONDS = 20.0
TOKEN = "GRAFANA_TOKEN"  # noqa: S105 - the name of the variable; GRAFANA_TOKEN_FILE names a file instead


class Grafana:
    """One Grafana.

    Args:
        url: base URL, without user info; the token is ``GRAFANA_TOKEN`` or stands in ``GRAFANA_TOKEN_FILE``.

    Raises:
        InputError: what is given is no URL, or the token file cannot be read.
    """

    def __init__(self, url: str) -> None:
        """Prepare the session; nothing is asked yet."""
        if not url.startswith(("http://", "https://")) or "@" in url.split("/")[2]:
            raise InputError("the URL of Grafana must be http(s)://HOST without user info; the token is GRAFANA_TOKEN")
        self.url = url
        self.session = requests.Session()
        self.session.trust_env = False  # no stranger's credentials out of a .netrc
        if token := _token():
            self.session.headers["Authorization"] = f"Bearer {token}"

    def __enter__(self) -> Self:
        """The client itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the session."""
        self.session.close()

    def get(self, path: str, params: dict[str, Any] | None = None) -> Any:
        """The JSON of a page of the API.

        Raises:
            SourceError: Grafana does not answer, or not as Grafana does.
        """
        return self._ask("GET", path, params=params)

    def send(self, method: str, path: str, body: dict[str, Any]) -> Any:
        """Send a body as JSON, by ``POST`` or ``PATCH``; gives the JSON of the answer.

        Raises:
            SourceError: Grafana does not answer, or refuses.
        """
        return self._ask(method, path, json=body)

    def _ask(self, method: str, path: str, **more: Any) -> Any:
        url = f"{self.url.rstrip('/')}{path}"
        try:
            answer = self.session.request(method, url, timeout=TIMEOUT_SECONDS, allow_redirects=False, **more)
        except requests.RequestException as error:
            raise UnreachableError(f"no answer from Grafana at {self.url}: {type(error).__name__}") from None
        if answer.status_code in (301, 302, 303, 307, 308, 401, 403):
            raise AccessError(
                f"Grafana at {self.url} answers {answer.status_code}; look at {TOKEN} and at what it may do"
            )
        if answer.status_code != 200:
            raise SourceError(f"Grafana at {self.url} answers {answer.status_code}")
        try:
            return answer.json()
        except ValueError:
            page = path.partition("?")[0]
            raise SourceError(f"{self.url} does not answer as Grafana does: {page} gives no JSON") from None


def _token() -> str:
    file = os.environ.get(f"{TOKEN}_FILE")
    try:
        return os.environ.get(TOKEN) or (Path(file).read_text(encoding="utf-8").strip() if file else "")
    except OSError as error:
        raise InputError(f"cannot read {TOKEN}_FILE ({file}): {error.strerror}") from None
