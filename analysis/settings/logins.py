"""Settings of the login review: which signals describe the login, and what is promised."""

from datetime import date
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from analysis.settings.base import Duration, ReportSettings, Step

Hour = Annotated[int, Field(ge=0, le=24)]


class Signal(BaseModel):
    """One counter or gauge of a login system.

    ``metric`` is a metric name, ``match`` further matchers, ``labels`` what may carry the blame.
    """

    model_config = ConfigDict(extra="forbid")

    metric: str
    match: dict[str, str] = {}
    labels: list[str] = []


class LoginAnomaliesSettings(ReportSettings):
    """Signals, baseline, and the promise about false alarms."""

    failures: Signal = Signal(metric="auth_failed_logins_total", labels=["instance", "country", "reason"])
    successes: Signal = Signal(
        metric="auth_requests_total", match={"status": "success"}, labels=["instance", "country"]
    )
    token_failures: Signal = Signal(metric="auth_jwt_validation_failures_total", labels=["instance", "reason"])
    tokens: Signal = Signal(metric="auth_jwt_tokens_issued_total", labels=["instance"])
    sessions: Signal = Signal(metric="auth_active_sessions", labels=["instance"])
    instance_label: str = Field("instance", description="label that tells the instances of the service apart")
    reason_label: str = Field("reason", description="label that says why a login or a token failed")
    country_label: str = Field("country", description="label that says where a login came from")
    step: Step = Field("1m", description="detector step; widened to four scrape intervals where that is longer")
    history: Step = Field("35d", description="history before the window that baselines learn from")
    false_alarms_per_month: float = Field(0.5, gt=0, le=100, description="promised for the whole service")
    merge_gap: Duration = Field("30m", description="alarms closer than this are one event")
    working_hours: tuple[Hour, Hour] = Field(
        (7, 20), description="local hours between which logins are expected; the first may be the later one"
    )
    holidays: list[date] = Field([], description="local days that look like Sundays")
    mfa_reasons: list[str] = Field(
        ["mfa_failed", "mfa", "mfa_denied", "mfa_timeout", "otp_failed", "invalid_otp", "second_factor"],
        description="reasons of failure that mean a second factor",
    )
    unknown_user_reasons: list[str] = Field(
        ["unknown_user", "user_not_found", "no_such_user", "invalid_user", "unknown_account"],
        description="reasons that mean a user who is not there",
    )
    harmless_token_reasons: list[str] = Field(
        ["expired", "token_expired"], description="reasons of token failure that are no forgery"
    )
    grafana_url: str = Field("", description="base URL of Grafana, for links; none when empty")
