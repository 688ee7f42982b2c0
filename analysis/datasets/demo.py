"""What the demo contains: two months, every attack once, harmless oddities between them."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from analysis.datasets.attacks import make_attack
from analysis.datasets.login_signals import RARE_COUNTRY
from analysis.datasets.rhythm import Rhythm
from analysis.datasets.truth import Attack, Benign, Explosion
from analysis.window import Window

if TYPE_CHECKING:
    from analysis.datasets.platform import Platform

DAYS = 61  # two months
SERIES_LIMIT = 300


def demo_arguments(month_end: datetime, days: int = DAYS) -> dict[str, Any]:
    """Arguments of `make_platform` for the demo; the attacks lie in the last month."""
    window = Window(month_end - timedelta(days=days), month_end)
    last = month_end - timedelta(days=28)
    holiday, sale = (last + timedelta(days=9)).date(), (last + timedelta(days=11)).date()
    return {
        "window": window,
        "rhythm": Rhythm(holidays=(holiday,), sales=(sale,)),
        "attacks": demo_attacks(last),
        "benign": demo_benign(window.start, last),
        "explosions": (Explosion("http_requests_total", "endpoint", last + timedelta(days=10), 18),),
    }


def demo_attacks(start: datetime) -> tuple[Attack, ...]:
    """Every kind of attack once, days apart."""

    def at(days: int, hours: float) -> datetime:
        return start + timedelta(days=days, hours=hours)

    return (
        make_attack("brute_force", at(2, 13.2), country="BR"),
        make_attack("credential_stuffing", at(5, 20.0)),
        make_attack("password_spray", at(8, 9.0)),
        make_attack("off_hours_success", at(13, 1.5), country="US"),
        make_attack("jwt_forgery", at(15, 11.0)),
        make_attack("mfa_fatigue", at(17, 7.0)),
        make_attack("login_outage", at(20, 10.0)),
        make_attack("unusual_country", at(23, 14.0), country=RARE_COUNTRY),
        make_attack("brute_force", at(25, 2.0), country="FR", instance="auth-2:8080"),
    )


def demo_benign(start: datetime, last: datetime) -> tuple[Benign, ...]:
    """Restarts and lost scrapes, one restart per instance and fortnight."""
    minute, events = timedelta(minutes=1), []
    for days in range(6, 60, 14):
        for place, instance in enumerate(("auth-1:8080", "auth-2:8080", "policy-1:8081")):
            at = start + timedelta(days=days, hours=9, minutes=7 * place)
            events.append(Benign("reset", Window(at, at + minute), {"instance": instance}))
    lost = last + timedelta(days=19, hours=15)
    events.append(Benign("gap", Window(lost, lost + 35 * minute), {"instance": "auth-1:8080"}))
    return tuple(events)


def demo_month(days: int, seed: int) -> tuple["Platform", Window, str]:
    """The demo's platform, its window, and the month that is reviewed: October 2026 for everybody.

    A fixed month makes the demo the same on every machine and every day.
    """
    from analysis.datasets.platform import make_platform

    month_end = datetime(2026, 11, 1, tzinfo=UTC)
    arguments = demo_arguments(month_end, days)
    return make_platform(**arguments, seed=seed), arguments["window"], "2026-10"
