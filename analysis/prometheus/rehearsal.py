"""A rehearsal: the questions of a report answered by counts, so that its cost is known before it is paid."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.errors import QueryError
from analysis.prometheus.archive.answers import stamp_ms
from analysis.prometheus.archive.presence import Get
from analysis.prometheus.chunks import MAX_POINTS
from analysis.prometheus.client import Prometheus, is_archivable
from analysis.prometheus.decode import Decoded, Grid
from analysis.settings import ConnectionSettings
from analysis.window import Window, as_duration, format_duration, parse_time

PROBES = 96  # instants of a window at which series are counted: a month has 43,200 minutes
MILLISECOND = timedelta(milliseconds=1)
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class QueryCost:
    """What one query will cost the server.

    Attributes:
        expr: PromQL.
        step: in Prometheus syntax, empty for an instant query.
        series: the most that were alive at any instant looked at.
        points: samples, or label sets, that will be sent.
        requests: HTTP requests.
        points_held: samples that the archive holds, which are not asked for.
    """

    expr: str
    step: str
    series: int
    points: int
    requests: int
    points_held: int = 0


class Rehearsal(Prometheus):
    """A client that pulls nothing: of a range query it asks for ``count(…)`` at `PROBES` instants.

    Its frames have the instants that were looked at as rows, and one series: enough for code that decides by what
    is there what it asks next, never a result. The archive is read and not written.

    Attributes:
        costs: what the questions asked so far will cost.
    """

    def __init__(self, settings: ConnectionSettings | None = None) -> None:
        """Ask nothing yet."""
        super().__init__(settings)
        self.costs: list[QueryCost] = []
        self._kept: set[str] = set()  # what the archive would keep from here on
        if self.recorder:
            self.recorder.get = partial(self._looked, self.recorder.get)

    def expect(self, what: str, series: int, points: int, requests: int) -> None:
        """Add what is known without asking."""
        self.costs.append(QueryCost(what, "", series, points, requests))

    def _looked(self, get: Get, path: str, params: dict[str, Any]) -> Any:
        self.expect("whether an hour has data", 0, 0, 1)
        return get(path, params)

    def decoded(
        self,
        expr: str,
        start: str | float | datetime,
        end: str | float | datetime,
        step: str | float | timedelta,
        phase: timedelta = timedelta(),
    ) -> Decoded:
        """Count instead of pulling.

        Raises:
            QueryError: the server calls the query wrong.
        """
        step = as_duration(step)
        first_ms, past_ms = Window(parse_time(start), parse_time(end)).stamp_bounds_ms(step, phase)
        grid = Grid(first_ms, past_ms, step // MILLISECOND)
        held, spans = self._to_ask(grid, expr, step)
        rows, counts = self._counts(expr, grid)
        points = _points(grid.first_ms + rows * grid.step_ms, counts, spans) / grid.step_ms
        most = int(counts.max(initial=0))
        self.costs.append(QueryCost(expr, format_duration(step), most, round(points), len(spans), held))
        return self._glimpse(expr, grid.first_ms + rows * grid.step_ms, counts)

    def _to_ask(self, grid: Grid, expr: str, step: timedelta) -> tuple[int, list[tuple[int, int]]]:
        """Samples that the archive holds, and the spans that are asked for, one request each."""
        if self.recorder and is_archivable(expr, step):
            return self.recorder.to_ask(grid, expr)
        past_ms = grid.first_ms + grid.rows * grid.step_ms
        starts = range(grid.first_ms, past_ms, MAX_POINTS * grid.step_ms)
        return 0, [(start, min(start + MAX_POINTS * grid.step_ms, past_ms)) for start in starts]

    def _counts(self, expr: str, grid: Grid) -> tuple[Integers, Integers]:
        """Rows of a grid, each in the middle of what it stands for, and how many series each has."""
        apart = max(1, grid.rows // PROBES)
        rows = np.arange(apart // 2, grid.rows, apart)
        counts = self._counts_of(expr, grid, rows, apart)
        if counts.any() or not len(rows):
            return rows, counts
        last = np.array([grid.rows - 1])  # data that has only just begun
        return last, self._counts_of(expr, grid, last, apart)

    def _counts_of(self, expr: str, grid: Grid, rows: Integers, apart: int) -> Integers:
        stamps = (grid.first_ms + rows * grid.step_ms) / 1000
        counts = np.zeros(len(rows), dtype=np.int64)
        if len(rows):
            span = {"start": stamps[0], "end": stamps[-1], "step": apart * grid.step_ms / 1000}
            for stamp, count in self._counted(expr, span):
                counts[int(np.argmin(np.abs(stamps - float(stamp))))] = int(float(count))
        return counts

    def _counted(self, expr: str, span: dict[str, float]) -> list[tuple[float, str]]:
        try:  # on a line of its own: an expression may end in a comment
            found = self.api.get("query_range", {"query": f"count({expr}\n)", **span})["result"]
        except QueryError:  # a scalar has no count; what is wrong fails again
            found = self.api.get("query_range", {"query": expr, **span})["result"]
            return [(stamp, "1") for stamp, _ in found[0]["values"]] if found else []
        return list(found[0]["values"]) if found else []

    def _glimpse(self, expr: str, stamps_ms: Integers, counts: Integers) -> Decoded:
        """One of the series, at every instant that had any."""
        index = pd.DatetimeIndex(stamps_ms.astype("datetime64[ms]"), name="time").tz_localize("UTC")
        found = self._one(expr, int(stamps_ms[int(np.argmax(counts))])) if counts.any() else []
        if not found:
            nothing = pd.MultiIndex.from_arrays([[]], names=["__name__"])
            return Decoded(pd.DataFrame(index=index, columns=nothing, dtype="float64"), np.zeros((len(index), 0), bool))
        names = sorted(found[0]["metric"]) or ["__name__"]
        columns = pd.MultiIndex.from_tuples([tuple(found[0]["metric"].get(name, "") for name in names)], names=names)
        present = (counts > 0)[:, np.newaxis]
        values = np.where(present, float(found[0]["value"][1]), np.nan)
        return Decoded(pd.DataFrame(values, index=index, columns=columns), present)

    def _one(self, expr: str, stamp_ms: int) -> list[dict[str, Any]]:
        at = stamp_ms / 1000
        try:
            return list(self.api.get("query", {"query": f"topk(1, {expr}\n)", "time": at})["result"])
        except QueryError:
            return [{"metric": {}, "value": self.api.get("query", {"query": expr, "time": at})["result"]}]

    def get(self, path: str, params: dict[str, Any] | None = None) -> Any:
        """Any other page of the API: the same answer as ever, and counted; what the archive keeps is not asked for."""
        kept = self.answers.kept(path, params or {}) if self.answers else None
        if kept is not None:
            return kept
        data = self.api.get(path, params)
        self.would_ask(path, params or {}, len(data.get("result", ())) if isinstance(data, dict) else 0)
        return data

    def would_ask(self, path: str, params: dict[str, Any], rows: int) -> None:
        """Add a request that is not made here, unless the archive keeps its answer.

        Args:
            path: of the API.
            params: of the request.
            rows: how many samples or label sets the answer will have.
        """
        question = f"{path} {sorted(params.items())}"
        is_kept = self.answers is not None and self.answers.is_about_settled(params)
        if is_kept and (question in self._kept or self._is_held(path, params)):
            return
        self._kept |= {question} if is_kept else set()
        at_ms = stamp_ms(params)
        if is_kept and self.answers and at_ms is not None:
            self.answers.had_data(at_ms)  # is looked at before an answer is kept, and counted there
        self.expect(str(params.get("query", path)), 0 if path == "series" else rows, rows, 1)

    def _is_held(self, path: str, params: dict[str, Any]) -> bool:
        return self.answers is not None and self.answers.kept(path, params) is not None


def _points(stamps_ms: Integers, counts: Integers, spans: list[tuple[int, int]]) -> float:
    """Samples in the spans that are asked for, times the step in milliseconds; judged by what lies in them."""
    inside = np.zeros(len(stamps_ms), dtype=bool)
    for first_ms, past_ms in spans:
        inside |= (stamps_ms >= first_ms) & (stamps_ms < past_ms)
    seen = counts[inside] if inside.any() else counts
    return sum(past - first for first, past in spans) * float(seen.mean()) if len(seen) else 0.0
