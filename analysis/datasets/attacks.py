"""What each attack does to the login's counts, and the attacks of the demo."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from analysis.datasets.rhythm import Array
from analysis.datasets.truth import Attack
from analysis.window import Window

# Which reasons an attack's extra failures carry, and how many of them get in.
_REASONS: dict[str, dict[str, float]] = {
    "brute_force": {"bad_password": 0.85, "locked": 0.15},
    "credential_stuffing": {"unknown_user": 0.7, "bad_password": 0.3},
    "password_spray": {"bad_password": 1.0},
    "mfa_fatigue": {"mfa_failed": 1.0},
}
_SUCCESS_SHARE = {"credential_stuffing": 0.02, "mfa_fatigue": 0.03}
DEFAULT_STRENGTH = {
    "brute_force": 8.0,
    "credential_stuffing": 6.0,
    "password_spray": 0.6,
    "mfa_fatigue": 3.0,
    "off_hours_success": 4.0,
    "jwt_forgery": 20.0,
    "unusual_country": 0.5,
    "login_outage": 0.98,
}
DEFAULT_MINUTES = {
    "brute_force": 40,
    "credential_stuffing": 120,
    "password_spray": 360,
    "mfa_fatigue": 60,
    "off_hours_success": 60,
    "jwt_forgery": 30,
    "unusual_country": 120,
    "login_outage": 25,
}
KINDS = tuple(DEFAULT_STRENGTH)


def make_attack(
    kind: str, start: datetime, *, strength: float | None = None, minutes: float | None = None, **labels: str
) -> Attack:
    """One attack with the defaults of its kind."""
    length = timedelta(minutes=minutes or DEFAULT_MINUTES[kind])
    return Attack(kind, Window(start, start + length), labels, strength or DEFAULT_STRENGTH[kind])


def under_way(index: pd.DatetimeIndex, window: Window) -> Array:
    """1 at the stamps whose step lies in the window: a count at a stamp covers the step before it."""
    return ((index > window.start) & (index <= window.end)).astype("float64")


def add_failures(expected: pd.DataFrame, attacks: Sequence[Attack]) -> pd.DataFrame:
    """Add the attacks to the expected failures per (instance, country, reason)."""
    result = expected.copy()
    total = expected.sum(axis=1).to_numpy()
    for attack in attacks:
        for reason, share in _REASONS.get(attack.kind, {}).items():
            cells = [key for key in expected.columns if _matches(expected, key, {**attack.labels, "reason": reason})]
            weights = expected[cells].mean()
            weights = weights / weights.sum()
            extra = total * attack.strength * share * under_way(expected.index, attack.window)
            result[cells] += extra[:, None] * weights.to_numpy()[None, :]
    return result


def add_successes(expected: pd.DataFrame, failures: pd.Series, attacks: Sequence[Attack]) -> pd.DataFrame:
    """Add what attackers got in to the expected successes per (instance, country)."""
    result = expected.copy()
    total = expected.sum(axis=1)
    for attack in attacks:
        on = under_way(expected.index, attack.window)
        if attack.kind in _SUCCESS_SHARE:
            extra = failures.to_numpy() * attack.strength * _SUCCESS_SHARE[attack.kind] * on
        elif attack.kind in ("off_hours_success", "unusual_country"):
            extra = total.to_numpy() * attack.strength * on
        else:
            continue
        cells = [key for key in expected.columns if _matches(expected, key, attack.labels)]
        result[cells] += (extra / len(cells))[:, None]
    return result


def lost_share(index: pd.DatetimeIndex, attacks: Sequence[Attack]) -> Array:
    """Which share of all logins is left at each stamp while an outage lasts."""
    left = np.ones(len(index))
    for attack in attacks:
        if attack.kind == "login_outage":
            left *= 1 - attack.strength * under_way(index, attack.window)
    return left


def _matches(frame: pd.DataFrame, key: tuple[str, ...], labels: dict[str, str]) -> bool:
    values = dict(zip(frame.columns.names, key, strict=True))
    return all(values.get(name) == value for name, value in labels.items() if name in values)
