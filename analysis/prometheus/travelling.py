"""Connection settings on their way to another machine: no secret travels, that machine reads its own."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from platform import node
from typing import Any
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from analysis.errors import ParameterError
from analysis.prometheus.transport import same_place
from analysis.settings import ConnectionSettings
from analysis.settings.connection import SECRETS, TENANT_HEADER, secret_of, variable_of

_FILES = ("ca_file", "cert_file", "key_file")


@dataclass(frozen=True)
class Travelling:
    """Settings without secrets.

    Attributes:
        settings: what may be seen by anybody who looks at the cluster.
        variables: which secrets are needed, and the environment variable of each.
        given: fields that were given at all.
    """

    settings: ConnectionSettings
    variables: dict[str, str]
    given: frozenset[str]

    @classmethod
    def of(cls, settings: ConnectionSettings) -> "Travelling":
        """Take the secrets out; what lies in files is named by absolute paths.

        A tenant is no secret: it says whose data is asked for, and has to be the same everywhere.
        """
        url = urlsplit(settings.url.get_secret_value())
        headers = settings.extra_headers()
        tenant = {name: value for name, value in headers.items() if name == TENANT_HEADER}
        needed = [name for name in ("password", "bearer_token") if getattr(settings, name)]
        needed += ["headers"] if len(headers) > len(tenant) else []
        needed += ["password"] if url.password and "password" not in needed else []
        settings = placed(settings)
        bare: dict[str, Any] = dict.fromkeys(SECRETS)
        bare["url"] = SecretStr(url._replace(netloc=url.netloc.rpartition("@")[2]).geturl())
        bare["username"] = settings.username or unquote(url.username or "") or None
        bare["headers"] = SecretStr(json.dumps(tenant)) if tenant else None
        archive = urlsplit(settings.archive)
        bare["archive"] = archive._replace(netloc=archive.netloc.rpartition("@")[2]).geturl()
        given = frozenset(settings.model_fields_set - {"archive"} | ({"archive"} if settings.archive else set()))
        return cls(settings.model_copy(update=bare), {name: variable_of(name) for name in needed}, given)

    def arrived(self) -> ConnectionSettings:
        """The settings with this machine's secrets.

        Raises:
            ParameterError: one is not to be had here, and names its variable; or the archive is not.
        """
        archive = self.settings.archive
        if archive != "off" and "://" not in archive and not Path(archive).is_dir():
            raise ParameterError(
                f"the worker {node()} does not see the archive {archive}: put it on a disk that the workers share, "
                "or into an object store (PROMETHEUS_ARCHIVE)"
            )
        own = {name: self._own(name, variable) for name, variable in self.variables.items()}
        if "headers" in own:
            tenant = self.settings.extra_headers()
            headers = self.settings.model_copy(update={"headers": SecretStr(own["headers"])}).extra_headers()
            own["headers"] = json.dumps({**headers, **tenant})
        return self.settings.model_copy(update={name: SecretStr(value) for name, value in own.items()})

    def variables_there(self) -> dict[str, str]:
        """The settings as variables for a process of this machine; empty where nothing was given.

        Raises:
            ParameterError: a secret is not to be had here.
        """
        settings = self.arrived()
        values = {name: getattr(settings, name) for name in ConnectionSettings.model_fields}
        texts = {name: v.get_secret_value() if isinstance(v, SecretStr) else v for name, v in values.items()}
        is_told = self.given | set(self.variables) | {"username"}
        return {
            f"PROMETHEUS_{name.upper()}": "" if value is None or name not in is_told else str(value)
            for name, value in texts.items()
        }

    def _own(self, name: str, variable: str) -> str:
        value = secret_of(variable)
        url = os.environ.get("PROMETHEUS_URL", "")
        if not value and name == "password" and same_place(self.settings.url.get_secret_value(), url):
            value = unquote(urlsplit(url).password or "")
        if not value:
            raise ParameterError(
                f"{variable} is not set on the worker {node()}, and secrets do not travel: "
                f"start its process with {variable} or {variable}_FILE"
            )
        return value


def placed(settings: ConnectionSettings) -> ConnectionSettings:
    """Settings whose files and archive are found from any folder."""
    folder = settings.archive_folder() or "off"
    archive = folder if "://" in folder or folder == "off" else str(Path(folder).absolute())
    files = {name: path.absolute() for name in _FILES if (path := getattr(settings, name))}
    return settings.model_copy(update={"archive": archive, **files})
