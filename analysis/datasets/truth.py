"""What is really in the data: the labels that a test compares findings with."""

from dataclasses import dataclass, field
from datetime import datetime

from analysis.window import Window


@dataclass(frozen=True)
class Attack:
    """One attack (or outage) on the login.

    Attributes:
        kind: a `kind` of the login findings, for example ``brute_force``.
        window: when it happens.
        labels: where it comes from; what attribution should rank first.
        strength: multiple of the expected failures at that time that is added
            (``login_outage``: the share of logins that is lost).
    """

    kind: str
    window: Window
    labels: dict[str, str] = field(default_factory=dict)
    strength: float = 5.0


@dataclass(frozen=True)
class Benign:
    """Something harmless that looks odd: ``reset``, ``gap``, ``deploy``, ``holiday``, ``sale``, ``dst``."""

    kind: str
    window: Window
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Explosion:
    """A label of a metric that takes ever more values from `start` on."""

    metric: str
    label: str
    start: datetime
    values: int


@dataclass(frozen=True)
class Drift:
    """A rule whose subject moves ``towards`` its threshold or ``away`` from it."""

    alert: str
    direction: str


@dataclass(frozen=True)
class Truth:
    """Everything that was put into a platform on purpose."""

    attacks: tuple[Attack, ...] = ()
    benign: tuple[Benign, ...] = ()
    explosions: tuple[Explosion, ...] = ()
    drifts: tuple[Drift, ...] = ()
