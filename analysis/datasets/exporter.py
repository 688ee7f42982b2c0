"""The stand-in for the auth and policy services and the dashboard: live metrics, and attacks on command.

``/metrics`` on each service's port serves the whole service, as behind a load balancer; with
``?instance=auth-1:8080`` one instance of it. Attacks are begun and ended on a port of their own.
"""

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pandas as pd
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

    def collect(self) -> Iterable[Metric]:
        """Every metric family of the service."""
        mine = {name: self._mine(series) for name, series in self.platform.now().items()}
        mine = {name: series for name, series in mine.items() if len(series)}
        stems = [name.removesuffix("_bucket") for name in mine if name.endswith("_bucket")]
        parts = {f"{stem}{suffix}" for stem in stems for suffix in ("_bucket", "_sum", "_count")}
        yield from (_histogram(stem, mine[f"{stem}_bucket"], mine[f"{stem}_sum"]) for stem in stems)
        yield from (_plain(name, series) for name, series in mine.items() if name not in parts)

    def _mine(self, series: pd.Series) -> pd.Series:
        """The service's series, without the labels that a scrape adds."""
        levels = series.index.names
        chosen = series[series.index.get_level_values("job") == self.job]
        if self.instance:
            chosen = chosen[chosen.index.get_level_values("instance") == self.instance]
        own = [level for level in levels if level not in ("instance", "job")]
        if own:
            return chosen.groupby(level=own).sum()
        return pd.Series({(): chosen.sum()} if len(chosen) else {}, dtype="float64")


def _labels(key: Any) -> list[str]:
    return [str(part) for part in key] if isinstance(key, tuple) else [str(key)]


def _names(series: pd.Series) -> list[str]:
    return [str(name) for name in series.index.names if name is not None]


def _plain(name: str, series: pd.Series) -> Metric:
    kind = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
    family = kind(name, _HELP, labels=_names(series))
    for key, value in series.items():
        family.add_metric(_labels(key) if _names(series) else [], float(value))
    return family


def _histogram(stem: str, buckets: pd.Series, sums: pd.Series) -> Metric:
    others = [name for name in _names(buckets) if name != "le"]
    family = HistogramMetricFamily(stem, _HELP, labels=others)
    groups: dict[tuple[str, ...], list[tuple[str, float]]] = {}
    for key, value in buckets.items():
        labels = dict(zip(_names(buckets), _labels(key), strict=True))
        groups.setdefault(tuple(labels[name] for name in others), []).append((labels["le"], float(value)))
    for values, pairs in groups.items():
        total = float(sums.loc[values if len(values) > 1 else values[0]] if values else sums.iloc[0])
        family.add_metric(list(values), sorted(pairs, key=lambda pair: float(pair[0])), total)
    return family


def service_answer(platform: LivePlatform, service: str, method: str, path: str) -> Answer:
    """What a service's port answers: ``/metrics`` and ``/health``."""
    url = urlsplit(path)
    if method != "GET" or url.path not in ("/metrics", "/health"):
        return _said(HTTPStatus.NOT_FOUND, error="there are /metrics and /health")
    if url.path == "/health":
        return _said(HTTPStatus.OK, service=service)
    registry = CollectorRegistry()
    instance = parse_qs(url.query).get("instance", [""])[0]
    registry.register(ServiceCollector(platform, JOBS[service], instance))
    return HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(registry)


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
