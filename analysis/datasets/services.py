"""The other metrics of the platform, per step: policy service, HTTP, database, machines, Redis."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from analysis.datasets.counters import histogram, wide
from analysis.datasets.rhythm import Array, correlated_noise

Frames = dict[str, pd.DataFrame]
ENDPOINTS = {"auth": ("/login", "/token"), "policy": ("/evaluate", "/policies"), "dashboard": ("/", "/reports")}
HTTP_PER_MINUTE = {"auth": 320.0, "policy": 900.0, "dashboard": 140.0}
HTTP_INSTANCE = {"auth": "auth-1:8080", "policy": "policy-1:8081", "dashboard": "dashboard-1:3000"}
DEPENDENCIES = (("auth", "database"), ("auth", "redis"), ("policy", "redis"), ("dashboard", "auth"))
GIB = 2.0**30
PACKET_BYTES = 800  # of a packet on average, between acknowledgements and full frames


class Services:
    """Makes metrics for one index from one source of randomness.

    Args:
        rng: source of randomness.
        index: regular UTC stamps.
        load: expected load at each stamp, 1 in the busiest hour of a working day.
        minutes: length of a step.
    """

    def __init__(self, rng: np.random.Generator, index: pd.DatetimeIndex, load: Array, minutes: float) -> None:
        """Keep what every metric needs."""
        self.rng, self.index, self.load, self.minutes = rng, index, load, minutes
        self.progress = np.linspace(0, 1, len(index))  # 0 at the start of the data, 1 at its end

    def _noise(self, spread: float = 0.08) -> Array:
        return correlated_noise(self.rng, len(self.index), self.minutes, spread)

    def _counts(self, per_minute: float | Array) -> Array:
        expected = per_minute * self.load * self.minutes * self._noise()
        return np.asarray(self.rng.poisson(expected), dtype="float64")

    def _named(self, columns: Mapping[Any, Array], *names: str) -> pd.DataFrame:
        return wide(self.index, columns, names)

    def _each(self, by_instance: Mapping[str, Array]) -> pd.DataFrame:
        return self._named({(instance,): values for instance, values in by_instance.items()}, "instance")

    def policy(self) -> Frames:
        """Counter increments and a latency histogram of the policy service."""
        instances = ("policy-1:8081", "policy-2:8081")
        evaluations = {
            (instance, decision): self._counts(420 * share)
            for instance in instances
            for decision, share in (("allow", 0.93), ("deny", 0.07))
        }
        totals = {i: evaluations[i, "allow"] + evaluations[i, "deny"] for i in instances}
        hit_share = np.clip(0.9 + 0.01 * np.log(self._noise()), 0, 1)
        hits = {i: np.floor(total * hit_share) for i, total in totals.items()}
        errors = {(i, kind): self._counts(0.4) for i in instances for kind in ("timeout", "parse")}
        total = self._each(totals)
        frames = {
            "policy_evaluations_total": self._named(evaluations, "instance", "decision"),
            "policy_cache_hits_total": self._each(hits),
            "policy_cache_misses_total": self._each({i: totals[i] - hits[i] for i in instances}),
            "policy_errors_total": self._named(errors, "instance", "kind"),
        }
        durations = histogram(self.rng, total, 0.004 * self._noise())
        return frames | {f"policy_evaluation_duration_seconds{suffix}": f for suffix, f in durations.items()}

    def http(self) -> Frames:
        """Requests by endpoint and code, and latency by service; the policy service slows down."""
        requests = {
            (service, HTTP_INSTANCE[service], endpoint, code): self._counts(HTTP_PER_MINUTE[service] / 2 * share)
            for service, endpoints in ENDPOINTS.items()
            for endpoint in endpoints
            for code, share in (("200", 0.995), ("500", 0.0008))
        }
        frame = self._named(requests, "service", "instance", "endpoint", "code")
        frames = {"http_requests_total": frame}
        medians = {
            "auth": 0.06 + 0 * self.progress,
            "policy": 0.085 + 0.075 * self.progress**2,  # its 95th percentile moves from 0.27 s to 0.5 s
            "dashboard": 0.09 + 0 * self.progress,
        }
        parts: dict[str, list[pd.DataFrame]] = {"_bucket": [], "_sum": [], "_count": []}
        for service, median in medians.items():
            mine = frame.xs(service, axis=1, level="service", drop_level=False).sum(axis=1).to_numpy()
            one = self._named({(service, HTTP_INSTANCE[service]): mine}, "service", "instance")
            for suffix, part in histogram(self.rng, one, median * self._noise(0.04)).items():
                parts[suffix].append(part)
        return frames | {f"http_request_duration_seconds{s}": pd.concat(p, axis=1) for s, p in parts.items()}

    def database(self) -> Frames:
        """Connection pool and query durations; queries become faster and faster."""
        active = {(i, "active"): np.round(2 + 9 * self.load * self._noise()) for i in ("auth-1:8080", "auth-2:8080")}
        idle = {(i, "idle"): np.clip(20 - values, 0, None) for (i, _), values in active.items()}
        queries = {("auth-1:8080", op): self._counts(300 * share) for op, share in (("select", 0.8), ("update", 0.2))}
        median = (0.055 - 0.045 * self.progress) * self._noise(0.04)
        durations = histogram(self.rng, self._named(queries, "instance", "operation"), median, spread=0.6)
        threats = {("auth-1:8080", feed): self._counts(0.05) for feed in ("botnet", "tor_exit")}
        return {
            "auth_database_connections": self._named(active | idle, "instance", "state"),
            "auth_threat_indicator_matches_total": self._named(threats, "instance", "feed"),
        } | {f"auth_database_query_duration_seconds{suffix}": f for suffix, f in durations.items()}

    def latency(self, requests: pd.DataFrame) -> Frames:
        """Latency of the auth service for these requests per instance."""
        durations = histogram(self.rng, requests, 0.06 * self._noise(0.04))
        return {f"auth_request_duration_seconds{suffix}": f for suffix, f in durations.items()}

    def machines(self) -> Frames:
        """What node_exporter shows of two machines; memory and disk fill up."""
        nodes = ("node-1:9100", "node-2:9100")
        everywhere = np.ones(len(self.index))
        busy = {n: np.clip((0.12 + 0.4 * self.load) * self._noise(0.1), 0, 0.98) for n in nodes}
        cpu = {(n, "0", "user"): share * self.minutes * 60 for n, share in busy.items()}
        cpu |= {(n, "0", "idle"): (1 - share) * self.minutes * 60 for n, share in busy.items()}
        used = {n: (0.45 + 0.1 * self.load + 0.25 * self.progress) * self._noise(0.01) for n in nodes}
        files = {n: np.round(2000 + 3000 * self.load * self._noise()) for n in nodes}
        disks = [(n, "/") for n in nodes]
        free = np.round(200 * GIB * (0.7 - 0.02 * self.progress))
        size = 200 * GIB * everywhere
        frames = {
            "node_cpu_seconds_total": self._named(cpu, "instance", "cpu", "mode"),
            "node_memory_MemTotal_bytes": self._each(dict.fromkeys(nodes, 16 * GIB * everywhere)),
            "node_memory_MemAvailable_bytes": self._each({n: np.round(16 * GIB * (1 - used[n])) for n in nodes}),
            "node_load1": self._each({n: np.round(busy[n] * 4, 2) for n in nodes}),
            "node_filefd_allocated": self._each(files),
            "node_filesystem_size_bytes": self._named(dict.fromkeys(disks, size), "instance", "mountpoint"),
            "node_filesystem_avail_bytes": self._named(dict.fromkeys(disks, free), "instance", "mountpoint"),
            "node_filesystem_readonly": self._named(dict.fromkeys(disks, 0 * everywhere), "instance", "mountpoint"),
        }
        for way, per_minute in (("receive", 3e6), ("transmit", 5e6)):
            moved = {(n, "eth0"): self._counts(per_minute) for n in nodes}
            packets = {key: np.round(count / PACKET_BYTES) for key, count in moved.items()}
            lost = dict.fromkeys(moved, 0 * everywhere)
            frames[f"node_network_{way}_bytes_total"] = self._named(moved, "instance", "device")
            frames[f"node_network_{way}_packets_total"] = self._named(packets, "instance", "device")
            frames[f"node_network_{way}_errs_total"] = self._named(lost, "instance", "device")
        return frames

    def redis(self) -> Frames:
        """What redis_exporter shows of one server."""
        everywhere = np.ones(len(self.index))
        metrics = {
            "redis_up": everywhere,
            "redis_connected_clients": np.round(10 + 50 * self.load * self._noise()),
            "redis_memory_used_bytes": np.round(GIB * (0.5 + 0.2 * self.load * self._noise())),
            "redis_memory_max_bytes": 2 * GIB * everywhere,
            "redis_commands_processed_total": self._counts(6000),
        }
        return {name: self._each({"redis-1:9121": values}) for name, values in metrics.items()}

    def dependencies(self) -> Frames:
        """Whether each service reaches what it depends on."""
        links = dict.fromkeys(DEPENDENCIES, np.ones(len(self.index)))
        return {"service_dependency_up": self._named(links, "service", "dependency")}
