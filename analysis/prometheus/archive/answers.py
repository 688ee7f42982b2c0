"""Other answers of the API: those about settled times are kept for good, the rest for when the server is gone.

SOURCE/answers/REQUEST.json.zst        request, when it was asked, and the data; sealed with a checksum
"""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from analysis.errors import UnreachableError, UnsupportedError
from analysis.prometheus.archive.describing import ANSWERS, describe_source
from analysis.prometheus.archive.manifests import checksum_name
from analysis.prometheus.archive.recorder import HOUR_MS, Recorder, is_partial
from analysis.prometheus.archive.sealed import packed, unpacked
from analysis.window import unix_ms


class Answers:
    """What a server said, by request.

    Args:
        recorder: of the server.
    """

    def __init__(self, recorder: Recorder) -> None:
        """Ask nothing yet."""
        self.recorder, self.store = recorder, recorder.archive.store
        self.folder = f"{checksum_name(recorder.source)}/{ANSWERS}"
        self._had: dict[int, bool] = {}

    def get(self, path: str, params: Mapping[str, Any], ask: Callable[[], tuple[Any, list[str]]]) -> Any:
        """The data of an answer.

        Args:
            path: of the API.
            params: of the request.
            ask: asks the server; gives the data and its warnings.

        Raises:
            UnreachableError: the server is gone and never said this.
        """
        name = _name(path, params)
        at_ms, settled = stamp_ms(params), self.is_about_settled(params)
        kept = self._read(name) if settled or self.recorder.is_gone else None
        if kept is not None and (self.recorder.is_gone or _is_complete(kept)):
            return kept["data"]
        if self.recorder.is_gone:
            raise UnreachableError(f"no answer from {self.recorder.source}, and the archive lacks /api/v1/{path}")
        try:
            data, warnings = ask()
        except UnreachableError as error:
            self.recorder.lose(error)
            kept = self._read(name)
            if kept is None:
                raise
            return kept["data"]
        if not is_partial(warnings) and (at_ms is None or settled):
            complete = at_ms is None or self.had_data(at_ms)
            about = {"path": path, "params": dict(params), "asked_at": _now(), "complete": complete}
            self.recorder.keep(lambda: self._write(name, {**about, "data": data}))
        return data

    def kept(self, path: str, params: Mapping[str, Any]) -> Any:
        """The data of an answer that would not be asked for again; None where it would be."""
        found = self._read(_name(path, params)) if self.is_about_settled(params) else None
        return found["data"] if found and _is_complete(found) else None

    def is_about_settled(self, params: Mapping[str, Any]) -> bool:
        """Whether an answer depends on nothing that may still change."""
        at_ms = stamp_ms(params)
        return at_ms is not None and self._is_settled(at_ms)

    def _is_settled(self, at_ms: int) -> bool:
        return at_ms + self.recorder.settle // timedelta(milliseconds=1) <= unix_ms(datetime.now(UTC))

    def had_data(self, at_ms: int) -> bool:
        """Whether the server had data in the hour before an instant, Unix milliseconds; asked once for each."""
        if at_ms not in self._had:
            try:
                self._had[at_ms] = self.recorder.has_data(at_ms - HOUR_MS, at_ms)
            except UnsupportedError:
                self._had[at_ms] = False
        return self._had[at_ms]

    def _read(self, name: str) -> dict[str, Any] | None:
        content = self.store.read(f"{self.folder}/{name}")
        return None if content is None else unpacked(content)

    def _write(self, name: str, body: dict[str, Any]) -> None:
        describe_source(self.store, self.recorder.source)
        self.store.write(f"{self.folder}/{name}", packed(body))


def _name(path: str, params: Mapping[str, Any]) -> str:
    return checksum_name(json.dumps([path, sorted(params.items())], default=str)) + ".json.zst"


def stamp_ms(params: Mapping[str, Any]) -> int | None:
    """The last instant that an answer depends on; None for the present."""
    stamp = params.get("time", params.get("end"))
    return None if stamp is None else round(float(stamp) * 1000)


def _is_complete(kept: Mapping[str, Any]) -> bool:
    """Whether the server had what it was asked about; else its answer is only for when it is gone."""
    return bool(kept.get("complete", True))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
