"""Which kind of event: signals are read together."""

from dataclasses import dataclass

import pandas as pd

from analysis.findings import Severity
from analysis.logins.detect import Detection
from analysis.logins.watch import Alarm
from analysis.settings.logins import LoginAnomaliesSettings

STUFFING_SHARE = 0.4  # of the excess failures concern users who are not there: a list is being tried
SLOW_RATIO = 3.0  # failures below this multiple of the usual are slow enough to stay below a lockout
SLOW_HOURS = 1.5  # when they last so long
SLOWEST_RATIO = 2.0  # below this multiple they are slow however long they last
RARE_PER_HOUR = 0.2  # successes below which a country counts as one from which nobody logs in
OUTWEIGHS = 2.0  # successes from one country beyond this multiple of the failures around them are what happened
BEFORE_MINUTES = 5.0  # failures that rise so long before the logins fall are no consequence of the fall
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
    falling = [alarm for alarm in event if alarm.watch.direction < 0]
    rising = [alarm for alarm in event if alarm.watch.direction > 0]
    failing, tokens, entering = (
        [alarm for alarm in rising if alarm.watch.signal == name]
        for name in ("failures", "token_failures", "successes")
    )
    if falling and not _before(failing, falling, detection):
        return Class("login_outage", "successes", _leading(falling))
    if tokens and (not failing or _score(tokens) >= _score(failing)):
        return Class("jwt_forgery", "token_failures", _leading(tokens))
    if entering and _excess(entering) > OUTWEIGHS * _excess(failing):
        return _success_kind(entering, detection, settings)
    if failing:
        return Class(_failure_kind(failing, detection, settings), "failures", _leading(failing))
    if entering:
        return _success_kind(entering, detection, settings)
    return Class("unclassified", event[0].watch.signal, _leading(list(event)))


def _before(failing: list[Alarm], falling: list[Alarm], detection: Detection) -> bool:
    if not failing:
        return False
    lead = (min(a.first for a in falling) - min(a.first for a in failing)) * detection.step
    return bool(lead > pd.Timedelta(minutes=BEFORE_MINUTES))


def _leading(found: list[Alarm]) -> Alarm:
    """The alarm that shows it best; of those that show it equally well, the one with the most in it."""
    return max(found, key=lambda alarm: (round(alarm.score, 2), _size(alarm)))


def _score(found: list[Alarm]) -> float:
    return max(alarm.score for alarm in found)


def _size(alarm: Alarm) -> float:
    inside = slice(alarm.first, alarm.last + 1)
    return float(abs((alarm.watch.actual.iloc[inside] - alarm.watch.expected.iloc[inside]).sum()))


def _excess(found: list[Alarm]) -> float:
    return max((_size(alarm) for alarm in found), default=0.0)


def _failure_kind(failing: list[Alarm], detection: Detection, settings: LoginAnomaliesSettings) -> str:
    inside = slice(min(a.first for a in failing), max(a.last for a in failing) + 1)
    excess: dict[str, float] = {}
    for watch in detection.watches:
        if watch.signal == "failures" and settings.reason_label in watch.labels:
            left = (watch.actual.iloc[inside] - watch.expected.iloc[inside]).sum()
            excess[watch.labels[settings.reason_label]] = max(0.0, float(left))
    whole = sum(excess.values()) or 1.0
    if sum(excess.get(reason, 0.0) for reason in settings.mfa_reasons) / whole > 0.5:
        return "mfa_fatigue"
    if sum(excess.get(reason, 0.0) for reason in settings.unknown_user_reasons) / whole > STUFFING_SHARE:
        return "credential_stuffing"
    total = next(w for w in detection.watches if w.signal == "failures" and not w.labels)
    ratio = total.actual.iloc[inside].sum() / max(1e-9, total.expected.iloc[inside].sum())
    hours = (inside.stop - inside.start) * detection.step / pd.Timedelta(hours=1)
    slow = ratio < SLOWEST_RATIO or (ratio < SLOW_RATIO and hours >= SLOW_HOURS)
    return "password_spray" if slow else "brute_force"


def _success_kind(rising: list[Alarm], detection: Detection, settings: LoginAnomaliesSettings) -> Class:
    leading = _leading(rising)
    watch = leading.watch
    per_hour = float(watch.expected.median() * (pd.Timedelta(hours=1) / detection.step))
    if watch.labels and per_hour < RARE_PER_HOUR:
        return Class("unusual_country", "successes", leading)
    local = watch.actual.index[leading.first].tz_convert(settings.timezone)
    low, high = settings.working_hours
    at_work = (local.hour - low) % 24 < ((high - low) % 24 or 24)
    resting = not at_work or local.day_of_week >= 5 or local.date() in settings.holidays
    return Class("off_hours_success" if resting else "unclassified", "successes", leading)
