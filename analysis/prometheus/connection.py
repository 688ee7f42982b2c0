"""The HTTP session: credentials, time-outs, and errors that say what to do."""

from typing import Any
from urllib.parse import urlsplit, urlunsplit

import msgspec
import requests

from analysis.errors import AccessError, NotPrometheusError, QueryError, SourceError, UnreachableError
from analysis.settings import ConnectionSettings


class Api:
    """``/api/v1`` of one server."""

    def __init__(self, settings: ConnectionSettings) -> None:
        """Prepare the session; nothing is asked yet."""
        self.settings = settings
        parts = urlsplit(settings.url.get_secret_value())
        host = parts.hostname or ""
        netloc = f"{host}:{parts.port}" if parts.port else host
        self.url = urlunsplit((parts.scheme, netloc, parts.path.rstrip("/"), "", ""))
        self.shown_url = self.url
        self.session = requests.Session()
        self.session.headers["Accept-Encoding"] = "identity"
        self.session.headers.update(settings.extra_headers())
        username, password = settings.username or parts.username, settings.password
        if username:
            self.session.auth = (username, password.get_secret_value() if password else parts.password or "")
        if settings.bearer_token:
            self.session.headers["Authorization"] = f"Bearer {settings.bearer_token.get_secret_value()}"

    def get(self, path: str, params: dict[str, Any] | None = None) -> Any:
        """The ``data`` of one answer."""
        url = f"{self.url}/api/v1/{path}"
        try:
            response = self.session.get(url, params=params, timeout=self.settings.idle_timeout_seconds)
        except requests.RequestException as error:
            raise UnreachableError(f"no answer from {self.shown_url}: {type(error).__name__}") from None
        return self._data(response)

    def _data(self, response: requests.Response) -> Any:
        if response.status_code in (401, 403):
            raise AccessError(f"{self.shown_url} answers {response.status_code}; check the credentials")
        try:
            body = msgspec.json.decode(response.content)
            status = body["status"]
        except (msgspec.DecodeError, KeyError, TypeError):
            raise NotPrometheusError(f"{self.shown_url} is not a Prometheus API: {response.text[:80]!r}") from None
        if status == "success":
            return body["data"]
        error = QueryError if response.status_code in (400, 422) else SourceError
        raise error(f"{self.shown_url} says: {body.get('error')}")
