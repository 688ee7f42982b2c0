"""The client: range queries into frames, and the rest of the API over the same session."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Self

import pandas as pd

from analysis.errors import LACKING, InputError, SourceError
from analysis.prometheus.archive import Answers, Archive, Recorder
from analysis.prometheus.archive.manifests import checksum_name
from analysis.prometheus.chunks import MAX_POINTS, Chunks, in_order
from analysis.prometheus.connection import Api
from analysis.prometheus.decode import Decoded, Grid
from analysis.prometheus.engine import kind_of
from analysis.prometheus.progress import PullBar, pull_bar
from analysis.prometheus.provenance import QueryRecord, Source, record_of
from analysis.prometheus.pulled import PulledFrame, pulled
from analysis.prometheus.remarks import remarks
from analysis.settings import ConnectionSettings
from analysis.settings.connection import TENANT_HEADER
from analysis.window import Window, as_duration, format_duration, parse_duration, parse_time, readable_step, unix_ms

if TYPE_CHECKING:
    from prometheus_api_client import PrometheusConnect

MOVING_ANCHOR = re.compile(r"@\s*(start|end)\s*\(")  # means the range that is asked for, not the stamp


class Prometheus:
    """One server. Not for use from several threads at once.

    Attributes:
        queries: every query asked so far, for the provenance of a report.
    """

    def __init__(self, settings: ConnectionSettings | None = None) -> None:
        """Connect lazily: nothing is asked before the first query."""
        self.settings = settings or ConnectionSettings()
        self.api = Api(self.settings)
        self.session = self.api.session
        self.queries: list[QueryRecord] = []
        self._source: Source | None = None
        self._retention: str | None = None
        self.recorder = recorder_of(self.settings, self.api, lambda: self.source().version)
        self.answers = Answers(self.recorder) if self.recorder else None

    @cached_property
    def metadata_client(self) -> "PrometheusConnect":
        """prometheus-api-client over the same session; its import takes 20 MiB, so only where it is asked for."""
        from prometheus_api_client import PrometheusConnect

        client = PrometheusConnect(url=self.api.url, session=self.session)
        self.api.bound_waits()  # it has mounted an adapter whose retries, within each of ours, take minutes
        return client

    def __enter__(self) -> Self:
        """The client itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the session."""
        self.session.close()

    def range(
        self,
        expr: str,
        start: str | float | datetime,
        end: str | float | datetime = "now",
        step: str | float | timedelta | None = None,
        phase: timedelta = timedelta(),
    ) -> PulledFrame:
        """Range query over the half-open window ``[start, end)``, as the frame of the contract.

        Args:
            expr: PromQL.
            start: RFC 3339, Unix seconds, or relative such as ``-30d``.
            end: the same; not included.
            step: distance of stamps, such as ``5m``; one that a person can read where none is given.
            phase: how far stamps are from the multiples of the step.

        Returns:
            Wide float64 frame: index ``time`` (UTC, regular), one column level per label,
            sorted, the empty text where a series lacks the label; NaN = no sample. ``frame.plot()``
            draws it with title, unit and zone.

        Raises:
            QueryError: the server calls the query wrong.
            SourceError: the server failed.

        Example:
            >>> frame = prom.range("vector(1)", "2026-10-01", "2026-10-01T01:00:00Z", "15m")
            >>> frame.shape, frame.index[-1].isoformat()
            ((4, 1), '2026-10-01T00:45:00+00:00')
            >>> len(prom.range("time()", "-30d"))
            720
        """
        now = datetime.now(UTC)
        window = Window(parse_time(start, now), parse_time(end, now))
        given = readable_step(window.duration) if step is None else step
        return pulled(self.decoded(expr, window.start, window.end, given, phase).frame, expr)

    def decoded(
        self,
        expr: str,
        start: str | float | datetime,
        end: str | float | datetime,
        step: str | float | timedelta,
        phase: timedelta = timedelta(),
    ) -> Decoded:
        """Like `range`, with presence beside the values: replay has to tell NaN from no sample.

        Example:
            >>> decoded = prom.decoded("vector(0) / 0", "2026-10-01", "2026-10-02", "12h")
            >>> int(decoded.frame.isna().to_numpy().sum()), int(decoded.present.sum())
            (2, 2)
        """
        step = as_duration(step)
        window = Window(parse_time(start), parse_time(end))
        first_ms, end_ms = window.stamp_bounds_ms(step, phase)
        grid = Grid(first_ms, end_ms, step // timedelta(milliseconds=1))
        with pull_bar(expr, grid.rows) as bar:
            pull = partial(self._pull, expr, bar)
            if self.recorder and is_archivable(expr, step):
                warnings = self.recorder.fill(grid, expr, pull, self.settings.connections)
            else:
                warnings = pull(grid)
            bar.fill()
        decoded = grid.decoded()
        if decoded.histograms:
            warnings.append(f"{decoded.histograms} samples are native histograms, which have no single value")
        warnings += remarks(decoded, window, self.api.clock_ahead, self.retention)
        frame, samples_seen = decoded.frame, int(decoded.present.sum())
        self.queries.append(
            QueryRecord(
                expr=self.restricted(expr),
                step=format_duration(step),
                series=frame.shape[1],
                samples=samples_seen,
                warnings=warnings,
            )
        )
        return decoded

    def _pull(self, expr: str, bar: PullBar, grid: Grid) -> list[str]:
        """Fill a grid from the server, chunk by chunk in order; gives the server's warnings."""
        step_ms, past_ms = grid.step_ms, grid.first_ms + grid.rows * grid.step_ms
        starts = range(grid.first_ms, past_ms, MAX_POINTS * step_ms)
        spans = [(start, min(start + MAX_POINTS * step_ms, past_ms)) for start in starts]
        warnings: list[str] = []
        chunks = in_order(Chunks(self.api, expr, step_ms, bar.read).ask, spans, self.settings.connections)
        for span, answers in zip(spans, chunks, strict=True):
            for answer in answers:
                warnings += [text for text in answer.warnings if text not in warnings]
                grid.add(answer.items, answer.first_ms, answer.past_ms, answer.series)
            bar.add((span[1] - span[0]) // step_ms)
        return warnings

    def get(self, path: str, params: dict[str, Any] | None = None) -> Any:
        """The ``data`` of any other page of the API, through the archive where there is one."""
        warned: list[str] = []

        def ask() -> tuple[Any, list[str]]:
            data, said = self.api.asked(path, params)
            warned.extend(said)
            return data, said

        data = self.answers.get(path, params or {}, ask) if self.answers else ask()[0]
        warned += [self.recorder.not_kept] if self.recorder and self.recorder.not_kept and path == "query" else []
        if path == "query" or warned:
            asked = self.api.restriction.params(path, params or {})
            self.queries.append(record_of(path, asked, data, warned))
        return data

    def restricted(self, expr: str) -> str:
        """The expression as the server is asked for it, for links and lists; see `PROMETHEUS_MATCHERS`."""
        return self.api.restriction.shown(expr)

    def instant(self, expr: str, time: str | float | datetime = "now") -> pd.Series:
        """Instant query: one value per series, indexed by labels (a MultiIndex, one level per label).

        Example:
            >>> prom.instant("vector(2) + 1").to_list()
            [3.0]
        """
        data = self.get("query", {"query": expr, "time": unix_ms(parse_time(time)) / 1000})
        if data["resultType"] == "scalar":
            data = {"resultType": "vector", "result": [{"metric": {}, "value": data["result"]}]}
        if data["resultType"] != "vector":
            raise InputError(f"{expr!r} gives a {data['resultType']}, not one value per series")
        rows = [item for item in data["result"] if "value" in item]
        names = sorted({name for item in rows for name in item["metric"]}) or ["__name__"]
        keys = [tuple(item["metric"].get(name, "") for name in names) for item in rows]
        index = pd.MultiIndex.from_tuples(keys, names=names)
        return pd.Series([float(item["value"][1]) for item in rows], index=index, dtype="float64")

    def rules(self) -> list[dict[str, Any]]:
        """The rule groups, as ``/api/v1/rules`` gives them."""
        groups: list[dict[str, Any]] = self.get("rules")["groups"]
        return groups

    def targets(self) -> dict[str, Any]:
        """Active and dropped targets, as ``/api/v1/targets`` gives them."""
        return dict(self.get("targets"))

    def metadata(self) -> dict[str, Any]:
        """Type, help and unit per metric, as ``/api/v1/metadata`` gives them."""
        return dict(self.get("metadata"))

    def series(self, match: list[str], window: Window) -> list[dict[str, str]]:
        """Label sets of the series that match any selector in the window."""
        return list(self.get("series", series_parameters(match, window)) or [])

    def label_values(self, label: str, match: list[str] | None = None, window: Window | None = None) -> list[str]:
        """Values of a label, of the series that match in the window.

        Example:
            >>> prom.label_values("job")
            []
        """
        params: dict[str, Any] = {"match[]": match} if match else {}
        if window:
            params |= {"start": unix_ms(window.start) / 1000, "end": unix_ms(window.end) / 1000}
        return list(self.get(f"label/{label}/values", params) or [])

    def status(self, page: str) -> dict[str, Any]:
        """One of ``/api/v1/status/…``: buildinfo, runtimeinfo, flags, config, tsdb."""
        return dict(self.get(f"status/{page}"))

    def retention(self) -> str:
        """For how long the server keeps samples, in its own words; empty where it does not say. Asked once."""
        if self._retention is None:
            try:
                self._retention = str(self.status("runtimeinfo").get("storageRetention", ""))
            except SourceError:
                self._retention = ""
        return self._retention

    def source(self) -> Source:
        """What was asked, for the findings document; asked of the server once.

        Example:
            >>> prom.source().kind
            'prometheus'
        """
        if self._source is None:
            try:
                info = self.status("buildinfo")
            except LACKING:
                info = {}
            kind = kind_of(info, lambda expr: self.get("query", {"query": expr}))
            self._source = Source(url=self.api.shown_url, kind=kind, version=str(info.get("version", "")))
        return self._source

    def know(self, source: Source) -> None:
        """Be told what another client of the same server has found it to be."""
        self._source = source


def series_parameters(match: list[str], window: Window) -> dict[str, Any]:
    """The parameters of ``/api/v1/series``."""
    return {"match[]": match, "start": unix_ms(window.start) / 1000, "end": unix_ms(window.end) / 1000}


def recorder_of(settings: ConnectionSettings, api: Api, version: Callable[[], str]) -> Recorder | None:
    """The archive's part for a server; None where there is no archive."""
    folder = settings.archive_folder()
    if folder is None:
        return None
    tenant = settings.extra_headers().get(TENANT_HEADER, "")
    shown = "".join(f" {name}={value}" for name, value in sorted(settings.extra_parameters().items()))
    source = settings.archive_source or api.url + (f" tenant {checksum_name(tenant)}" if tenant else "") + shown
    source += f" {api.restriction}" if api.restriction else ""

    of_all = api.get_of_all if api.restriction else None
    return Recorder(Archive(folder), source, parse_duration(settings.archive_settle), api.get, version, of_all)


def is_archivable(expr: str, step: timedelta) -> bool:
    """Whether a value depends on its own stamp only, and days hold whole steps' worth of them."""
    return step <= timedelta(days=1) and not MOVING_ANCHOR.search(expr)


def connect(url: str | None = None, settings: ConnectionSettings | None = None) -> Prometheus:
    """A client for `url`, else for ``PROMETHEUS_URL``, with the credentials of the environment.

    Example:
        >>> prom = connect("http://127.0.0.1:9090")
        >>> prom.api.shown_url
        'http://127.0.0.1:9090'
    """
    settings = settings or ConnectionSettings()
    if url is not None:
        settings = settings.model_copy(update={"url": type(settings.url)(url)})
    return Prometheus(settings)
