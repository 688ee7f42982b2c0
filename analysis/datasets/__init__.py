"""Labelled synthetic platform data, after the make_* convention of scikit-learn."""

from analysis.datasets.attacks import make_attack
from analysis.datasets.backfill import SERVER_ARGUMENTS, backfill
from analysis.datasets.demo import demo_month
from analysis.datasets.login_signals import LoginScale, LoginSignals, make_login_signals
from analysis.datasets.platform import Platform, make_platform
from analysis.datasets.rhythm import Rhythm
from analysis.datasets.truth import Attack, Benign, Drift, Explosion, Truth

__all__ = [
    "SERVER_ARGUMENTS",
    "Attack",
    "Benign",
    "Drift",
    "Explosion",
    "LoginScale",
    "LoginSignals",
    "Platform",
    "Rhythm",
    "Truth",
    "backfill",
    "demo_month",
    "make_attack",
    "make_login_signals",
    "make_platform",
]
