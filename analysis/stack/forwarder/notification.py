"""What Alertmanager sends to a webhook, version 4, read strictly."""

from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, Field, ValidationError

from analysis.errors import InputError
from analysis.window import parse_duration


class Alert(BaseModel):
    """One alert of a notification."""

    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    annotations: dict[str, str] = {}
    starts_at: datetime = Field(alias="startsAt")
    ends_at: datetime | None = Field(None, alias="endsAt")
    generator_url: str = Field("", alias="generatorURL")
    fingerprint: str = Field(min_length=1)

    @property
    def name(self) -> str:
        """Name of the alert."""
        return self.labels.get("alertname", "unnamed alert")

    @property
    def severity(self) -> str:
        """Severity; ``none`` where the rule names none."""
        return self.labels.get("severity", "none")

    @property
    def description(self) -> str:
        """What happened, in the rule's words."""
        return self.annotations.get("description") or self.annotations.get("summary", "")

    @property
    def key(self) -> str:
        """What makes this firing of this alert one thing, from its start to its resolution."""
        return f"{self.fingerprint}@{self.starts_at.astimezone(UTC).isoformat()}"

    def overdue(self, now: datetime) -> bool:
        """Whether it fires for longer than its label ``respond_within`` allows."""
        allowed = self.labels.get("respond_within", "")
        if self.status != "firing" or not allowed:
            return False
        try:
            return now - self.starts_at > parse_duration("0s" if allowed == "immediately" else allowed)
        except InputError:
            return False


class Notification(BaseModel):
    """One notification: the alerts of one group."""

    version: Literal["4"]
    status: Literal["firing", "resolved"]
    receiver: str
    group_key: str = Field("", alias="groupKey")
    external_url: str = Field("", alias="externalURL")
    alerts: list[Alert] = Field(min_length=1)


def read_notification(body: bytes) -> Notification:
    """Read a request's body.

    Raises:
        InputError: it is no notification of version 4; says what is wrong.
    """
    try:
        return Notification.model_validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"not an Alertmanager notification: {where or 'body'}: {first['msg']}") from None
