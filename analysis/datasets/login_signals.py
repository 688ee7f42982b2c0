"""The login of the auth service: counts per step and instance, country, reason, with attacks in them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from analysis.datasets.attacks import add_failures, add_successes, lost_share, under_way
from analysis.datasets.counters import wide
from analysis.datasets.rhythm import Array, Rhythm, correlated_noise
from analysis.datasets.truth import Attack

REASONS = {"bad_password": 0.68, "unknown_user": 0.17, "locked": 0.06, "mfa_failed": 0.09}
COUNTRIES = {"DE": 0.46, "FR": 0.18, "US": 0.16, "PL": 0.1, "GB": 0.07, "BR": 0.03}
JWT_REASONS = {"bad_signature": 0.2, "expired": 0.7, "malformed": 0.1}
RARE_COUNTRY = "KP"  # a country from which nobody logs in
SESSION_MINUTES = 45.0  # how long a session lasts on average
TOKENS_PER_LOGIN = 1.4  # the token of the login, and refreshes


@dataclass(frozen=True)
class LoginScale:
    """How much happens in the busiest hour of a working day, for the whole service, per minute."""

    successes: float = 240.0
    failures: float = 26.0
    jwt_failures: float = 9.0
    instances: Sequence[str] = ("auth-1:8080", "auth-2:8080")
    countries: dict[str, float] = field(default_factory=lambda: dict(COUNTRIES))


@dataclass(frozen=True)
class LoginSignals:
    """Counts per step, as they really happened; NaN nowhere.

    Attributes:
        failures: columns country, instance, reason.
        successes: columns country, instance.
        jwt_failures: columns instance, reason.
        tokens: columns instance.
        sessions: sessions open at each stamp, columns instance.
    """

    failures: pd.DataFrame
    successes: pd.DataFrame
    jwt_failures: pd.DataFrame
    tokens: pd.DataFrame
    sessions: pd.DataFrame


def make_login_signals(
    index: pd.DatetimeIndex,
    *,
    seed: int,
    rhythm: Rhythm | None = None,
    scale: LoginScale | None = None,
    attacks: Sequence[Attack] = (),
) -> LoginSignals:
    """Counts of one login system, without a server: about half a second for a month of minutes.

    Args:
        index: regular UTC stamps; the count at a stamp covers the step before it.
        seed: the same seed gives the same counts.
        rhythm: how the load moves.
        scale: how much there is.
        attacks: what to put in.
    """
    rng = np.random.default_rng(seed)
    rhythm, scale = rhythm or Rhythm(), scale or LoginScale()
    minutes = (index[1] - index[0]) / pd.Timedelta(minutes=1)
    load = rhythm.shape(index) * minutes * lost_share(index, attacks)

    def noisy() -> Array:
        return load * correlated_noise(rng, len(index), minutes)

    even = {name: 1 / len(scale.instances) for name in scale.instances}
    new = {a.labels["country"]: 0.0 for a in attacks if a.labels.get("country", "DE") not in scale.countries}
    countries = {**scale.countries, **new}
    failing = _split(index, scale.failures * noisy(), {"instance": even, "country": scale.countries, "reason": REASONS})
    entering = _split(index, scale.successes * noisy(), {"instance": even, "country": countries})
    failing = _with_new_countries(failing, countries)
    failures = _poisson(rng, add_failures(failing, attacks))
    successes = _poisson(rng, add_successes(entering, failing.sum(axis=1), attacks))
    jwt = _split(index, scale.jwt_failures * noisy(), {"instance": even, "reason": JWT_REASONS})
    jwt_failures = _poisson(rng, _with_forgery(jwt, attacks))
    by_instance = successes.T.groupby(level="instance").sum().T
    by_instance.columns = pd.MultiIndex.from_arrays([by_instance.columns], names=["instance"])
    tokens = _poisson(rng, by_instance * TOKENS_PER_LOGIN)
    sessions = by_instance.ewm(halflife=SESSION_MINUTES / minutes * np.log(2)).mean() * SESSION_MINUTES / minutes
    return LoginSignals(failures, successes, jwt_failures, tokens, sessions.round())


def _split(
    index: pd.DatetimeIndex,
    total: Array,
    shares: dict[str, dict[str, float]],
) -> pd.DataFrame:
    product = pd.MultiIndex.from_product([list(values) for values in shares.values()], names=list(shares))
    weights = [np.prod([shares[name][value] for name, value in zip(shares, key, strict=True)]) for key in product]
    return wide(index, {key: total * w for key, w in zip(product, weights, strict=True)}, list(shares))


def _with_new_countries(failing: pd.DataFrame, countries: dict[str, float]) -> pd.DataFrame:
    known = set(failing.columns.get_level_values("country"))
    names = list(failing.columns.names)
    columns = {key: failing[key].to_numpy() for key in failing.columns}
    for country in sorted(set(countries) - known):
        pairs = {(key[names.index("instance")], key[names.index("reason")]) for key in failing.columns}
        for instance, reason in sorted(pairs):
            values = {"country": country, "instance": instance, "reason": reason}
            columns[tuple(values[name] for name in names)] = np.full(len(failing), 1e-9)
    return wide(pd.DatetimeIndex(failing.index), columns, names)


def _with_forgery(expected: pd.DataFrame, attacks: Sequence[Attack]) -> pd.DataFrame:
    result, total = expected.copy(), expected.sum(axis=1).to_numpy()
    reasons = expected.columns.get_level_values("reason")
    for attack in attacks:
        if attack.kind == "jwt_forgery":
            cells = reasons == "bad_signature"
            extra = total * attack.strength * under_way(pd.DatetimeIndex(expected.index), attack.window)
            result.loc[:, cells] += (extra / cells.sum())[:, None]
    return result


def _poisson(rng: np.random.Generator, expected: pd.DataFrame) -> pd.DataFrame:
    counts = rng.poisson(expected.to_numpy()).astype("float64")
    return pd.DataFrame(counts, index=expected.index, columns=expected.columns)
