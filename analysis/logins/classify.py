"""Which kind of event: signals are read together."""

from dataclasses import dataclass

import pandas as pd

from analysis.findings import Severity
from analysis.logins.detect import RARE_EXPECTED, Detection
from analysis.logins.watch import Alarm
from analysis.settings.logins import LoginAnomaliesSettings

STUFFING_SHARE = 0.4  # of the excess failures concern users who are not there: a list is being tried
SLOW_RATIO = 3.0  # failures below this multiple of the usual are slow enough to stay below a lockout
SLOW_HOURS = 1.5
SEVERITY: dict[str, Severity] = {
    "brute_force": "high",
    "credential_stuffing": "high",
    "password_spray": "medium",
    "off_hours_success": "medium",
    "jwt_forgery": "high",
    "mfa_fatigue": "high",
    "login_outage": "critical",
    "unusual_country": "medium",
    "unclassified": "low",
}
ACTION = {
    "brute_force": "Block the source, lock the accounts that were tried, and check them for a success.",
    "credential_stuffing": "Force new passwords on the accounts that got in; rate-limit the sources.",
    "password_spray": "Look for one password tried on many accounts; require a second factor.",
    "off_hours_success": "Ask the people whose accounts logged in; end their sessions where in doubt.",
    "jwt_forgery": "Check the signing key and its rotation; look at what the rejected tokens asked for.",
    "mfa_fatigue": "Call the people who were prompted; switch to number matching.",
    "login_outage": "Look at the auth service, its database and its last deploy.",
    "unusual_country": "Ask the people whose accounts logged in from there; block the country where nobody works.",
    "unclassified": "Look at the plot and the labels that carried it.",
}


@dataclass(frozen=True)
class Class:
    """The kind of an event, the signal that shows it, and the alarms of that signal."""

    kind: str
    signal: str
    leading: Alarm


def classify(event: tuple[Alarm, ...], detection: Detection, settings: LoginAnomaliesSettings) -> Class:
    """Decide by what moved, in which direction, how far, and for how long."""
    by_signal = {alarm.watch.signal for alarm in event}
    falls = [alarm for alarm in event if alarm.watch.direction < 0]
    failing = [alarm for alarm in event if alarm.watch.signal == "failures"]
    tokens = [alarm for alarm in event if alarm.watch.signal == "token_failures"]
    if falls and not failing:
        return Class("login_outage", "successes", _leading(falls))
    if tokens and (not failing or _score(tokens) >= _score(failing)):
        return Class("jwt_forgery", "token_failures", _leading(tokens))
    if failing:
        return Class(_failure_kind(failing, detection, settings), "failures", _leading(failing))
    if "successes" in by_signal:
        return _success_kind([a for a in event if a.watch.direction > 0], detection, settings)
    return Class("unclassified", event[0].watch.signal, _leading(list(event)))


def _leading(found: list[Alarm]) -> Alarm:
    return max(found, key=lambda alarm: alarm.score)


def _score(found: list[Alarm]) -> float:
    return max(alarm.score for alarm in found)


def _failure_kind(failing: list[Alarm], detection: Detection, settings: LoginAnomaliesSettings) -> str:
    first, last = min(a.first for a in failing), max(a.last for a in failing)
    excess = {}
    for watch in detection.watches:
        if watch.signal == "failures" and watch.labels:
            inside = slice(first, last + 1)
            excess[watch.labels["reason"]] = float((watch.actual.iloc[inside] - watch.expected.iloc[inside]).sum())
    whole = sum(max(0.0, value) for value in excess.values()) or 1.0
    if sum(excess.get(reason, 0.0) for reason in settings.mfa_reasons) / whole > 0.5:
        return "mfa_fatigue"
    if sum(excess.get(reason, 0.0) for reason in settings.unknown_user_reasons) / whole > STUFFING_SHARE:
        return "credential_stuffing"
    total = next(w for w in detection.watches if w.signal == "failures" and not w.labels)
    ratio = total.actual.iloc[first : last + 1].sum() / max(1e-9, total.expected.iloc[first : last + 1].sum())
    hours = (last - first + 1) * detection.step / pd.Timedelta(hours=1)
    return "password_spray" if ratio < SLOW_RATIO and hours >= SLOW_HOURS else "brute_force"


def _success_kind(rising: list[Alarm], detection: Detection, settings: LoginAnomaliesSettings) -> Class:
    leading = _leading(rising)
    watch = leading.watch
    per_hour = float(watch.expected.median() * (pd.Timedelta(hours=1) / detection.step))
    if watch.labels and per_hour < RARE_EXPECTED:
        return Class("unusual_country", "successes", leading)
    local = watch.actual.index[leading.first].tz_convert(settings.timezone)
    low, high = settings.working_hours
    resting = not low <= local.hour < high or local.day_of_week >= 5
    return Class("off_hours_success" if resting else "unclassified", "successes", leading)
