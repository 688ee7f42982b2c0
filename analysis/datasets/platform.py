"""The whole platform: every metric of the design, as scraped, with the truth beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pandas as pd

from analysis.datasets.counters import counters, regular_index, wide, with_gaps
from analysis.datasets.login_signals import LoginScale, LoginSignals, make_login_signals
from analysis.datasets.rhythm import Rhythm
from analysis.datasets.services import Services
from analysis.datasets.truth import Attack, Benign, Drift, Explosion, Truth
from analysis.window import Window

JOBS = {
    "auth": "auth-service",
    "policy": "policy-service",
    "dashboard": "dashboard",
    "node": "node-exporter",
    "redis": "redis-exporter",
}
DRIFTS = (Drift("HighResponseTime", "towards"), Drift("DatabaseQuerySlow", "away"), Drift("HighMemoryUsage", "towards"))
GAUGES = (
    "_bytes",
    "_readonly",
    "node_load1",
    "node_filefd_allocated",
    "_sessions",
    "_connections",
    "_clients",
    "_up",
    "up",
)


@dataclass(frozen=True)
class Platform:
    """Two views of the same months.

    Attributes:
        samples: raw samples as scraped, one wide frame per metric name; counters with resets,
            histograms cumulative, NaN where nothing was scraped.
        logins: the true counts per step of the login.
        truth: what was put in on purpose.
    """

    samples: Mapping[str, pd.DataFrame]
    logins: LoginSignals
    truth: Truth

    @property
    def series_count(self) -> int:
        """How many series there are in all."""
        return sum(frame.shape[1] for frame in self.samples.values())


def make_platform(
    window: Window,
    *,
    seed: int,
    scrape_interval: timedelta = timedelta(minutes=1),
    rhythm: Rhythm | None = None,
    scale: LoginScale | None = None,
    attacks: Sequence[Attack] = (),
    benign: Sequence[Benign] = (),
    explosions: Sequence[Explosion] = (),
) -> Platform:
    """Every metric of the design's table, labelled.

    Args:
        window: the stretch of time; two months are the demo's.
        seed: the same seed gives the same data.
        scrape_interval: time between two samples.
        rhythm: how the load moves; its holidays and sales belong into `benign` too.
        scale: how much happens on the login.
        attacks: what is done to the login.
        benign: restarts (``reset``) and missed scrapes (``gap``), each with its instance.
        explosions: labels that take ever more values.
    """
    rhythm = rhythm or Rhythm()
    index = regular_index(*window.stamp_bounds_ms(scrape_interval), scrape_interval // timedelta(milliseconds=1))
    logins = make_login_signals(index, seed=seed, rhythm=rhythm, scale=scale, attacks=attacks)
    rng = np.random.default_rng([seed, 1])
    minutes = scrape_interval / timedelta(minutes=1)
    services = Services(rng, index, rhythm.shape(index), minutes)
    steps = service_steps(logins, services) | services.machines() | services.redis()
    for explosion in explosions:
        metric = steps[explosion.metric]
        steps[explosion.metric] = pd.concat([metric, _exploding(rng, metric, explosion)], axis=1)
    samples = {name: _as_scraped(name, frame, benign) for name, frame in steps.items()}
    samples["up"] = _up(samples, index, benign)
    truth = Truth(tuple(attacks), tuple(benign), tuple(explosions), DRIFTS)
    return Platform(samples, logins, truth)


def service_steps(logins: LoginSignals, services: Services) -> dict[str, pd.DataFrame]:
    """What the platform's own services count per step, one frame per metric name; gauges as they stand."""
    steps = _login_frames(logins) | services.latency(_requests(logins)) | services.policy() | services.http()
    return steps | services.database() | services.dependencies()


def _login_frames(logins: LoginSignals) -> dict[str, pd.DataFrame]:
    failed = logins.failures.T.groupby(level=["country", "instance"]).sum().T
    outcomes = pd.concat({"success": logins.successes, "failure": failed}, axis=1, names=["status"])
    return {
        "auth_requests_total": outcomes,
        "auth_failed_logins_total": logins.failures,
        "auth_jwt_validation_failures_total": logins.jwt_failures,
        "auth_jwt_tokens_issued_total": logins.tokens,
        "auth_active_sessions": logins.sessions,
    }


def _requests(logins: LoginSignals) -> pd.DataFrame:
    both = pd.concat([logins.successes, logins.failures.T.groupby(level=["country", "instance"]).sum().T], axis=1)
    per_instance = both.T.groupby(level="instance").sum().T
    per_instance.columns = pd.MultiIndex.from_arrays([per_instance.columns], names=["instance"])
    return per_instance


def _exploding(rng: np.random.Generator, metric: pd.DataFrame, explosion: Explosion) -> pd.DataFrame:
    """Series with ever new values of one label, each from its birth on."""
    names = list(metric.columns.names)
    template = dict(zip(names, metric.columns[0], strict=True))
    after = np.flatnonzero(metric.index >= pd.Timestamp(explosion.start))
    births = np.linspace(after[0], after[-1], explosion.values, endpoint=False).astype(int)
    columns = {}
    for number, birth in enumerate(births):
        values = rng.poisson(0.5, len(metric)).astype("float64")
        values[:birth] = np.nan
        label = f"/user/{rng.integers(10**8):08d}-{number}"
        columns[tuple((template | {explosion.label: label})[name] for name in names)] = values
    return wide(pd.DatetimeIndex(metric.index), columns, names)


def _as_scraped(name: str, frame: pd.DataFrame, benign: Sequence[Benign]) -> pd.DataFrame:
    frame = named_targets(frame)
    scraped = frame if name.endswith(GAUGES) else counters(frame, benign)
    return with_gaps(scraped, benign).sort_index(axis=1)


def named_targets(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with the labels ``instance`` and ``job`` that a scrape of its target adds."""
    names = list(frame.columns.names)
    columns = [dict(zip(names, key if isinstance(key, tuple) else (key,), strict=True)) for key in frame.columns]
    for labels in columns:
        labels.setdefault("instance", f"{labels.get('service', 'auth')}-1:{_PORTS[labels.get('service', 'auth')]}")
        labels["job"] = JOBS[labels["instance"].split("-")[0]]
    levels = sorted(columns[0])
    keys = pd.MultiIndex.from_tuples([tuple(c[level] for level in levels) for c in columns], names=levels)
    return frame.set_axis(keys, axis=1)


MONITORING = (("prometheus:9090", "prometheus"), ("alertmanager:9093", "alertmanager"), ("forwarder:9095", "forwarder"))
"""Instance and job of the servers that watch: of these the data hold `up` alone."""

_PORTS = {"auth": 8080, "policy": 8081, "dashboard": 3000}


def _up(samples: Mapping[str, pd.DataFrame], index: pd.DatetimeIndex, benign: Sequence[Benign]) -> pd.DataFrame:
    levels = ["instance", "job"]
    targets = pd.concat([frame.columns.to_frame(index=False)[levels] for frame in samples.values()])
    pairs = [*targets.drop_duplicates().itertuples(index=False, name=None), *MONITORING]
    return with_gaps(wide(index, {pair: np.ones(len(index)) for pair in sorted(pairs)}, levels), benign)
