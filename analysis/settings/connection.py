"""How to reach the server; read from the environment, each secret also from a file."""

import json
import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from analysis.errors import ParameterError
from analysis.settings.base import Step

DEFAULT_ARCHIVE = Path("archive")
TENANT_HEADER = "X-Scope-OrgID"
SECRETS = ("password", "bearer_token", "headers")


class ConnectionSettings(BaseSettings):
    """Everything that a connection needs, as ``PROMETHEUS_*`` environment variables.

    ``PROMETHEUS_PASSWORD_FILE``, ``PROMETHEUS_BEARER_TOKEN_FILE`` and
    ``PROMETHEUS_HEADERS_FILE`` name files that hold the secret instead.
    """

    model_config = SettingsConfigDict(env_prefix="PROMETHEUS_", extra="ignore", populate_by_name=True)

    def __init__(self, **values: Any) -> None:
        """Read the environment; raises ParameterError naming the variable that is wrong."""
        try:
            super().__init__(**values)
        except ValidationError as error:
            problem = error.errors(include_input=False)[0]  # what was given may be a secret
            name = "_".join(["PROMETHEUS", *map(str, problem["loc"])]).upper()
            raise ParameterError(f"{name}: {problem['msg'].removeprefix('Value error, ')}") from None

    url: SecretStr = Field(SecretStr("http://localhost:9090"), description="base URL; user info is allowed")
    username: str | None = Field(None, description="user for basic authentication")
    password: SecretStr | None = Field(None, description="password for basic authentication")
    bearer_token: SecretStr | None = Field(None, description="token for bearer authentication")
    headers: Annotated[SecretStr | None, NoDecode] = Field(None, description="a JSON object of extra headers")
    query_parameters: Annotated[str, NoDecode] = Field(
        "", description='a JSON object of what every query carries, such as {"dedup": "true"}'
    )
    matchers: Annotated[str, NoDecode] = Field(
        "", description='a JSON object of labels that every series must have, such as {"cluster": "eu"}'
    )
    sigv4_region: str = Field("", description="AWS region, to sign requests (SigV4); not signed when empty")
    sigv4_service: str = Field("aps", description="AWS service that is signed for: Amazon Managed Prometheus")
    ca_file: Path | None = Field(None, description="PEM file of the certificate authority")
    cert_file: Path | None = Field(None, description="PEM file of the client certificate")
    key_file: Path | None = Field(None, description="PEM file of the client's key")
    insecure: bool = Field(False, description="do not verify the server's certificate")
    timeout_seconds: float = Field(120, gt=0, description="bound on one whole query with its retries")
    connections: int = Field(2, ge=1, le=16, description="chunks of one query that are asked for at once")
    compression: Literal["auto", "on", "off"] = Field(
        "auto", description="whether answers come compressed; auto: not from loopback or private addresses"
    )
    idle_timeout_seconds: float = Field(30, gt=0, description="bound on one read")

    environment: str = Field(
        "",
        pattern=r"^([^/\\.][^/\\]*)?$",
        description="whose results these are: the folder below the month; set by --environment",
    )
    archive: str = Field(
        "", description="folder or object store (s3://…) of the archive; `archive` where that exists; `off` for none"
    )
    archive_source: str = Field("", description="whose data the archive takes it for; the URL and tenant when empty")
    archive_settle: Step = Field("2h", description="how long after its end a day may still get late data")

    @model_validator(mode="before")
    @classmethod
    def _read_secret_files(cls, values: dict[str, Any]) -> dict[str, Any]:
        for name in SECRETS:
            if not values.get(name) and (value := secret_of(f"PROMETHEUS_{name.upper()}")):
                values[name] = value
        return values

    def archive_folder(self) -> str | None:
        """Where the archive lies, a path or a URL; None where there is none."""
        if self.archive == "off":
            return None
        return self.archive or (str(DEFAULT_ARCHIVE) if DEFAULT_ARCHIVE.is_dir() else None)

    def extra_headers(self) -> dict[str, str]:
        """The extra headers; raises ParameterError where they are not a JSON object of texts."""
        given = self.headers.get_secret_value() if self.headers else ""
        return _object(given, "PROMETHEUS_HEADERS", '{"X-Scope-OrgID": "team-a"}')

    def extra_parameters(self) -> dict[str, str]:
        """What every query carries; raises ParameterError where it is not a JSON object of texts."""
        return _object(self.query_parameters, "PROMETHEUS_QUERY_PARAMETERS", '{"max_source_resolution": "5m"}')

    def series_matchers(self) -> dict[str, str]:
        """Labels that every series must have; raises ParameterError where they are not a JSON object of texts."""
        return _object(self.matchers, "PROMETHEUS_MATCHERS", '{"cluster": "eu"}')


def _object(text: str, variable: str, example: str) -> dict[str, str]:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise ParameterError(f"{variable} must be a JSON object, for example {example}")
    return found


def secret_of(variable: str) -> str:
    """The value of a variable, else the content of the file that ``…_FILE`` names; empty where neither is set.

    Raises:
        ParameterError: the file cannot be read.
    """
    value, path = os.environ.get(variable, ""), os.environ.get(f"{variable}_FILE", "")
    if value or not path:
        return value
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ParameterError(f"{variable}_FILE: cannot read {path}: {error.strerror}") from None


def variable_of(secret: str) -> str:
    """The variable that holds a secret: one's own, or that which an environment's file names."""
    own = f"PROMETHEUS_{secret.upper()}"
    return os.environ.get(f"{own}_VARIABLE", own)
