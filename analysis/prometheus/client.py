"""The client: range queries into frames, and the rest of the API over the same session."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Self

import pandas as pd
from prometheus_api_client import PrometheusConnect
from urllib3.util import Retry

from analysis.errors import InputError, UnsupportedError
from analysis.prometheus.chunks import Answer, ask_chunk, in_order
from analysis.prometheus.connection import Api
from analysis.prometheus.decode import Decoded, Grid
from analysis.prometheus.provenance import QueryRecord, Source
from analysis.settings import ConnectionSettings
from analysis.window import Window, as_duration, format_duration, parse_time, unix_ms

MAX_POINTS = 11_000  # what Prometheus allows for one series in one answer


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
        once = Retry(total=0, redirect=0)  # ours are the retries: theirs, within each of ours, take minutes
        self.metadata_client = PrometheusConnect(url=self.api.url, session=self.session, retry=once)

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
        end: str | float | datetime,
        step: str | float | timedelta,
        phase: timedelta = timedelta(),
    ) -> pd.DataFrame:
        """Range query over the half-open window ``[start, end)``, as the frame of the contract.

        Returns:
            Wide float64 frame: index ``time`` (UTC, regular), one column level per label,
            sorted, the empty text where a series lacks the label; NaN = no sample.

        Raises:
            QueryError: the server calls the query wrong.
            SourceError: the server failed.
        """
        return self.decoded(expr, start, end, step, phase).frame

    def decoded(
        self,
        expr: str,
        start: str | float | datetime,
        end: str | float | datetime,
        step: str | float | timedelta,
        phase: timedelta = timedelta(),
    ) -> Decoded:
        """Like `range`, with presence beside the values: replay has to tell NaN from no sample."""
        step = as_duration(step)
        window = Window(parse_time(start), parse_time(end))
        first_ms, end_ms = window.stamp_bounds_ms(step, phase)
        step_ms = step // timedelta(milliseconds=1)
        grid = Grid(first_ms, end_ms, step_ms)
        warnings: list[str] = []
        for answer in self._answers(expr, first_ms, end_ms, step_ms):
            items = self._items(answer)
            warnings += [w for w in self.api.warnings if w not in warnings]
            grid.add(items, answer.first_ms, answer.past_ms, answer.series)
        decoded = grid.decoded()
        if decoded.histograms:
            warnings.append(f"{decoded.histograms} samples are native histograms, which have no single value")
        frame, samples_seen = decoded.frame, int(decoded.present.sum())
        self.queries.append(
            QueryRecord(
                expr=expr, step=format_duration(step), series=frame.shape[1], samples=samples_seen, warnings=warnings
            )
        )
        return decoded

    def _answers(self, expr: str, first_ms: int, end_ms: int, step_ms: int) -> Iterator[Answer]:
        """The bodies of all chunks in order, a bounded number of them under way while one is decoded."""
        ask = partial(ask_chunk, self.api, expr, step_ms)
        spans = [(at, min(at + MAX_POINTS * step_ms, end_ms)) for at in range(first_ms, end_ms, MAX_POINTS * step_ms)]
        for answers in in_order(ask, spans, self.settings.connections):
            yield from answers

    def _items(self, answer: Answer) -> list[Any]:
        """Series of one answer; ``values`` is a list of pairs, or the series' number in `Answer.series`."""
        data = self.api.data("query_range", answer.text)
        if data["resultType"] == "scalar":
            return [{"metric": {}, "values": [data["result"]]}]
        return list(data["result"])

    def instant(self, expr: str, time: str | float | datetime = "now") -> pd.Series:
        """Instant query: one value per series, indexed by labels (a MultiIndex, one level per label)."""
        data = self.api.get("query", {"query": expr, "time": unix_ms(parse_time(time)) / 1000})
        if data["resultType"] == "scalar":
            data = {"resultType": "vector", "result": [{"metric": {}, "value": data["result"]}]}
        if data["resultType"] != "vector":
            raise InputError(f"{expr!r} gives a {data['resultType']}, not one value per series")
        rows = [item for item in data["result"] if "value" in item]
        names = sorted({name for item in rows for name in item["metric"]}) or ["__name__"]
        keys = [tuple(item["metric"].get(name, "") for name in names) for item in rows]
        index = pd.MultiIndex.from_tuples(keys, names=names)
        self.queries.append(QueryRecord(expr=expr, step="", series=len(rows), samples=len(rows)))
        return pd.Series([float(item["value"][1]) for item in rows], index=index, dtype="float64")

    def rules(self) -> list[dict[str, Any]]:
        """The rule groups, as ``/api/v1/rules`` gives them."""
        groups: list[dict[str, Any]] = self.api.get("rules")["groups"]
        return groups

    def targets(self) -> dict[str, Any]:
        """Active and dropped targets, as ``/api/v1/targets`` gives them."""
        return dict(self.api.get("targets"))

    def metadata(self) -> dict[str, Any]:
        """Type, help and unit per metric, as ``/api/v1/metadata`` gives them."""
        return dict(self.api.get("metadata"))

    def series(self, match: list[str], window: Window) -> list[dict[str, str]]:
        """Label sets of the series that match any selector in the window."""
        params = {"match[]": match, "start": unix_ms(window.start) / 1000, "end": unix_ms(window.end) / 1000}
        return list(self.api.get("series", params))

    def label_values(self, label: str, match: list[str] | None = None, window: Window | None = None) -> list[str]:
        """Values of a label, of the series that match in the window."""
        params: dict[str, Any] = {"match[]": match} if match else {}
        if window:
            params |= {"start": unix_ms(window.start) / 1000, "end": unix_ms(window.end) / 1000}
        return list(self.api.get(f"label/{label}/values", params))

    def status(self, page: str) -> dict[str, Any]:
        """One of ``/api/v1/status/…``: buildinfo, runtimeinfo, flags, config, tsdb."""
        return dict(self.api.get(f"status/{page}"))

    def source(self) -> Source:
        """What was asked, for the findings document; asked of the server once."""
        if self._source is None:
            try:
                info = self.status("buildinfo")
            except UnsupportedError:
                info = {}
            version = str(info.get("version", ""))
            kind = str(
                info.get("application") or ("victoriametrics" if "victoria" in version else "prometheus")
            ).lower()
            self._source = Source(url=self.api.shown_url, kind=kind, version=version)
        return self._source


def connect(url: str | None = None, settings: ConnectionSettings | None = None) -> Prometheus:
    """A client for `url`, else for ``PROMETHEUS_URL``, with the credentials of the environment."""
    settings = settings or ConnectionSettings()
    if url:
        settings = settings.model_copy(update={"url": type(settings.url)(url)})
    return Prometheus(settings)
