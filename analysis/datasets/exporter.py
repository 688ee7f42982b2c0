"""The stand-in for the auth and policy services and the dashboard: live metrics, and attacks on command.

``/metrics`` on each service's port serves the whole service, as behind a load balancer; with
``?instance=auth-1:8080`` one instance of it. Attacks are begun and ended on a port of their own.
"""

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from analysis.datasets.live import LivePlatform
from analysis.datasets.truth import Attack
from analysis.errors import InputError
from analysis.window import format_time

JOBS = {"auth": "auth-service", "policy": "policy-service", "dashboard": "dashboard"}
PORTS = {"auth": 8080, "policy": 8081, "dashboard": 3000}
CONTROL_PORT = 8099
_HELP = "Live stand-in, from the model of the synthetic data."
Answer = tuple[HTTPStatus, str, bytes]
Samples = tuple[tuple[str, ...], dict[tuple[str, ...], float]]  # names of the labels; values by their values


class ServiceCollector(Collector):
    """What one service, or one instance of it, shows at this moment.

    Args:
        platform: the running model.
        job: the service's job.
        instance: one instance; the sum over all of them when empty.
    """

    def __init__(self, platform: LivePlatform, job: str, instance: str = "") -> None:
        """Keep whose metrics are asked for."""
        self.platform, self.job, self.instance = platform, job, instance
        self._layouts: dict[str, Layout] = {}

    def collect(self) -> Iterable[Metric]:
        """Every metric family of the service."""
        mine = {name: self._mine(name, series) for name, series in self.platform.now().items()}
        mine = {name: samples for name, samples in mine.items() if samples[1]}
        stems = [name.removesuffix("_bucket") for name in mine if name.endswith("_bucket")]
        parts = {f"{stem}{suffix}" for stem in stems for suffix in ("_bucket", "_sum", "_count")}
        yield from (_histogram(stem, mine[f"{stem}_bucket"], mine[f"{stem}_sum"]) for stem in stems)
        yield from (_plain(name, samples) for name, samples in mine.items() if name not in parts)

    def _mine(self, name: str, series: pd.Series) -> Samples:
        """The service's samples by label values, without the labels that a scrape adds."""
        layout = self._layouts.get(name)
        if layout is None or not layout.index.is_(series.index):  # also a view of the same labels
            layout = self._layouts[name] = Layout.of(series.index, self.job, self.instance)
        sums = np.bincount(layout.groups, series.to_numpy()[layout.chosen], minlength=len(layout.keys))
        return layout.names, dict(zip(layout.keys, sums.tolist(), strict=True))


@dataclass(frozen=True)
class Layout:
    """Which series of a metric are a service's, and which of them are summed: worked out once per stretch.

    Attributes:
        index: the labels it was worked out for.
        chosen: places of the service's series.
        groups: for each of them, the place of its label values in `keys`.
        names: names of the labels that stay.
        keys: their values.
    """

    index: pd.Index
    chosen: NDArray[np.intp]
    groups: NDArray[np.intp]
    names: tuple[str, ...]
    keys: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, index: pd.Index, job: str, instance: str) -> "Layout":
        """Look through the labels."""
        labels = index.to_frame(index=False).astype(str)
        wanted = labels["job"] == job
        if instance:
            wanted &= labels["instance"] == instance
        names = tuple(name for name in labels.columns if name not in ("instance", "job"))
        rows = list(labels.loc[wanted, list(names)].itertuples(index=False, name=None))
        keys = tuple(dict.fromkeys(rows))
        places = {key: place for place, key in enumerate(keys)}
        groups = np.array([places[row] for row in rows], dtype=np.intp)
        return cls(index, np.flatnonzero(wanted.to_numpy()), groups, names, keys)


def _plain(name: str, samples: Samples) -> Metric:
    names, values = samples
    kind = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
    family = kind(name, _HELP, labels=names)
    for key, value in values.items():
        family.add_metric(key, value)
    return family


def _histogram(stem: str, buckets: Samples, sums: Samples) -> Metric:
    names, values = buckets
    place = names.index("le")
    family = HistogramMetricFamily(stem, _HELP, labels=[name for name in names if name != "le"])
    groups: dict[tuple[str, ...], list[tuple[str, float]]] = {}
    for key, value in values.items():
        groups.setdefault(key[:place] + key[place + 1 :], []).append((key[place], value))
    for key, pairs in groups.items():
        family.add_metric(key, sorted(pairs, key=lambda pair: float(pair[0])), sums[1][key])
    return family


def service_answer(platform: LivePlatform, service: str, method: str, path: str) -> Answer:
    """What a service's port answers: ``/metrics`` and ``/health``."""
    url = urlsplit(path)
    if method != "GET" or url.path not in ("/metrics", "/health"):
        return _said(HTTPStatus.NOT_FOUND, error="there are /metrics and /health")
    if url.path == "/health":
        return _said(HTTPStatus.OK, service=service)
    instance = parse_qs(url.query).get("instance", [""])[0]
    return HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(_registry(platform, JOBS[service], instance))


@lru_cache(maxsize=64)  # one per target; a registry remembers its layout
def _registry(platform: LivePlatform, job: str, instance: str) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(ServiceCollector(platform, job, instance))
    return registry


def control_answer(platform: LivePlatform, method: str, path: str) -> Answer:
    """What the control port answers: ``GET /attacks``, ``POST`` and ``DELETE /attacks/KIND``."""
    url = urlsplit(path)
    head, _, kind = url.path.strip("/").partition("/")
    given = {name: values[0] for name, values in parse_qs(url.query).items()}
    if head != "attacks":
        return _said(HTTPStatus.NOT_FOUND, error="there is /attacks")
    try:
        if method == "POST":
            numbers = {name: _number(name, given.pop(name)) for name in ("minutes", "strength") if name in given}
            platform.begin(kind, numbers.get("minutes"), numbers.get("strength"), **given)
        elif method == "DELETE":
            platform.end(kind)
    except InputError as error:
        return _said(HTTPStatus.BAD_REQUEST, error=str(error))
    return _said(HTTPStatus.OK, attacks=[_shown(attack) for attack in platform.attacks().values()])


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"{name} must be a number, not {text!r}") from None


def _shown(attack: Attack) -> dict[str, Any]:
    edges = {"start": format_time(attack.window.start), "end": format_time(attack.window.end)}
    return {"kind": attack.kind, **edges, "strength": attack.strength, "labels": attack.labels}


def _said(status: HTTPStatus, **body: Any) -> Answer:
    return status, "application/json", json.dumps(body).encode()


class Exporter:
    """All ports of the stand-in, served from threads until `close`.

    Args:
        platform: the running model.
        ports: port of each service.
        control_port: where attacks are begun and ended.
        listen: address of the services' ports; the control port listens on loopback alone.
    """

    def __init__(
        self,
        platform: LivePlatform,
        ports: Mapping[str, int] | None = None,
        control_port: int = CONTROL_PORT,
        listen: str = "127.0.0.1",
    ) -> None:
        """Open every port."""
        self.servers: list[ThreadingHTTPServer] = []
        try:
            for service, port in {**PORTS, **(ports or {})}.items():
                self._serve(listen, port, partial(service_answer, platform, service))
            self._serve("127.0.0.1", control_port, partial(control_answer, platform))
        except BaseException:
            self.close()
            raise

    def _serve(self, listen: str, port: int, answer: Callable[[str, str], Answer]) -> None:
        server = ThreadingHTTPServer((listen, port), _handler(answer))
        self.servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Close every port."""
        for server in self.servers:
            server.shutdown()
            server.server_close()


def _handler(answer: Callable[[str, str], Answer]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _reply(self) -> None:
            status, kind, body = answer(self.command, self.path)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_DELETE = _reply  # noqa: N815 - the names http.server looks for

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as http.server has it
            """Say nothing: a scrape every few seconds is no news."""

    return Handler
