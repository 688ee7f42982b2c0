"""Environments: one file per server in ``params/environments``, which names its credentials and never holds them."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from analysis.errors import ParameterError
from analysis.settings.base import load_settings
from analysis.settings.connection import SECRETS, ConnectionSettings, secret_of

FOLDER = Path("params/environments")
PREFIX = "PROMETHEUS_"
_FLEET = "each_value_of"  # says who is reviewed, not how the server is reached
# These belong to who asks and to this machine, not to a server.
_SHARED = ("archive", "archive_settle", "timeout_seconds", "idle_timeout_seconds", "connections", "compression")


class EnvironmentSettings(BaseModel):
    """How to reach one server; each ``…_variable`` names a variable that holds the secret, or ``NAME_FILE``."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(min_length=1, description="base URL, without user info")
    username: str = Field("", description="user for basic authentication")
    password_variable: str = Field("", description="variable with the password")
    bearer_token_variable: str = Field("", description="variable with the token")
    headers_variable: str = Field("", description="variable with a JSON object of extra headers")
    query_parameters: dict[str, str] = Field({}, description="what every query carries: dedup, partial_response, …")
    matchers: dict[str, str] = Field({}, description="labels that every series must have: one cluster of a global view")
    each_value_of: str = Field("", description="external label of a global view, each value of which is reviewed alone")
    sigv4_region: str = Field("", description="AWS region, to sign requests; keys are those of the AWS environment")
    sigv4_service: str = Field("", description="AWS service that is signed for; aps when empty")
    ca_file: str = Field("", description="PEM file of the certificate authority")
    cert_file: str = Field("", description="PEM file of the client certificate")
    key_file: str = Field("", description="PEM file of the client's key")
    insecure: bool = Field(False, description="do not verify the server's certificate")
    archive_source: str = Field("", description="whose data the archive takes it for; the URL when empty")


def environments(folder: Path = FOLDER) -> list[str]:
    """Names of all environments."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def fleet_label(name: str, folder: Path = FOLDER) -> str:
    """The label that tells the clusters behind an environment's server apart; empty where it is one.

    Raises:
        ParameterError: the file is wrong.
    """
    return load_settings(EnvironmentSettings, folder / f"{name}.yaml").each_value_of


@contextmanager
def inside_environment(name: str) -> Iterator[dict[str, str]]:
    """For a while, this process talks to an environment's server; gives the variables that make it so.

    Raises:
        ParameterError: as `use_environment`.
    """
    before = dict(os.environ)
    try:
        use_environment(name)
        yield connection_variables()
    finally:
        os.environ.clear()
        os.environ.update(before)


def connection_variables() -> dict[str, str]:
    """The variables of this process that say how a server is reached."""
    return {name: value for name, value in os.environ.items() if name.startswith(PREFIX)}


def use_environment(name: str, folder: Path = FOLDER) -> None:
    """Make this process, and those it starts, talk to an environment's server and to no other.

    Raises:
        ParameterError: no such environment, a wrong file, or a variable that is not set.
    """
    path = folder / f"{name}.yaml"
    if name not in environments(folder):
        known = ", ".join(environments(folder)) or "none yet"
        raise ParameterError(f"there is no environment {name!r} in {folder}; there are: {known}")
    given = load_settings(EnvironmentSettings, path)
    if "@" in given.url.partition("://")[2].partition("/")[0]:
        raise ParameterError(f"{path}: the URL holds credentials; name variables with username and password_variable")
    values: dict[str, Any] = given.model_dump(exclude={_FLEET, *(f"{secret}_variable" for secret in SECRETS)})
    values["environment"] = name
    for key in ("query_parameters", "matchers"):
        values[key] = json.dumps(values[key]) if values[key] else ""
    for secret in SECRETS:
        values[secret] = _secret(variable := getattr(given, f"{secret}_variable"), path)
        values[f"{secret}_variable"] = variable  # for workers elsewhere, which have it in a variable of this name
        os.environ.pop(f"{PREFIX}{secret.upper()}_VARIABLE", None)
    for field in ConnectionSettings.model_fields:
        if field not in _SHARED:
            os.environ.pop(f"{PREFIX}{field.upper()}", None)
            os.environ.pop(f"{PREFIX}{field.upper()}_FILE", None)
    os.environ.update({f"{PREFIX}{key.upper()}": str(value) for key, value in values.items() if value})


def _secret(variable: str, path: Path) -> str:
    if not variable:
        return ""
    if variable not in os.environ and not os.environ.get(f"{variable}_FILE"):
        raise ParameterError(f"{path} names {variable}, but neither it nor {variable}_FILE is set")
    return secret_of(variable)
