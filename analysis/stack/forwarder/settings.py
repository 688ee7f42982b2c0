"""Where notifications go: from the environment, each secret also as a file."""

from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from analysis.errors import ParameterError

_SECRETS = ("forwarder_token", "siem_token", "tickets_token", "teams_urls", "chat_urls", "heartbeat_url")


class ForwarderSettings(BaseSettings):
    """Addresses and secrets; ``NAME_FILE`` names a file that holds NAME. What has no address gets nothing."""

    model_config = SettingsConfigDict(extra="ignore")

    forwarder_token: SecretStr | None = Field(None, description="bearer token that Alertmanager has to show")
    siem_url: str = Field("", description="where the SIEM takes alerts")
    siem_token: SecretStr | None = Field(None, description="bearer token for the SIEM")
    tickets_url: str = Field("", description="POST makes a ticket here, PATCH of URL/ID updates it")
    tickets_token: SecretStr | None = Field(None, description="bearer token for the ticket system")
    teams_urls: SecretStr | None = Field(None, description="apprise addresses of Microsoft Teams, by white space")
    chat_urls: SecretStr | None = Field(None, description="apprise addresses of chats and custom webhooks")
    heartbeat_url: SecretStr | None = Field(None, description="told of the heartbeat; its service misses it and calls")
    state_file: Path = Field(Path("tickets.json"), description="which alert has which ticket", alias="FORWARDER_STATE")

    @model_validator(mode="before")
    @classmethod
    def _read_secret_files(cls, values: dict[str, Any]) -> dict[str, Any]:
        import os

        for name in _SECRETS:
            path = os.environ.get(f"{name.upper()}_FILE")
            if path and not values.get(name):
                try:
                    values[name] = Path(path).read_text(encoding="utf-8").strip()
                except OSError as error:
                    raise ParameterError(f"{name.upper()}_FILE: cannot read {path}: {error.strerror}") from None
        return values
