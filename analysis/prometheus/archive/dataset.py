"""Datasets: one per source, query, step and phase; each holds days, and a day counts once its manifest is there.

    FORMAT                                 the version of this layout
    SOURCE/source.json                     whose data it is (a URL without credentials, the tenant)
    SOURCE/QUERY/dataset.json              the query, its step and phase
    SOURCE/QUERY/days/2026-10-01.json      the day's manifest: file, checksum, series and their numbers of samples
    SOURCE/QUERY/data/CHECKSUM.parquet     the samples, named by their content and never changed

SOURCE and QUERY are checksums of what they stand for. Rename and lock are how a local disk makes
a file appear whole, and an object store does that by itself: `store` and `object_store` know of it.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from analysis.errors import ArchiveError
from analysis.prometheus.archive.day_file import DaySamples, decode_day, encode_day
from analysis.prometheus.archive.object_store import ObjectStore, is_object_store
from analysis.prometheus.archive.sealed import unpacked
from analysis.prometheus.archive.store import LocalStore, Store
from analysis.prometheus.decode import Decoded
from analysis.prometheus.promql import parse

FORMAT = 1
ANSWERS = "answers"
DAY_MS = 86_400_000
_NAME_CHARACTERS = 20  # of a checksum: no two queries of one server share as many


@dataclass(frozen=True)
class Day:
    """One sealed day, from its manifest."""

    date: date
    file: str
    sha256: str
    size: int
    labels: list[str]
    counts: list[int]
    sealed_at: str
    source_version: str

    @property
    def samples(self) -> int:
        """How many samples it holds."""
        return sum(self.counts)


class Archive:
    """A folder of datasets.

    Args:
        root: the folder, or the URL of an object store, such as ``s3://bucket/archive``.

    Raises:
        ArchiveError: it was written by a newer version.
    """

    def __init__(self, root: Path | str) -> None:
        """Look at its version; nothing is written yet."""
        where = str(root)
        self.store: Store = (
            ObjectStore(where) if is_object_store(where) else LocalStore(Path(where.removeprefix("file://")))
        )
        written = self.store.read("FORMAT")
        if written is not None and written.strip() != str(FORMAT).encode():
            shown = written.decode("utf-8", "replace").strip()[:20]
            raise ArchiveError(
                f"the archive {self.store.root} has format {shown}, this promreview reads {FORMAT}; use a newer one"
            )

    def dataset(self, source: str, expr: str, step_ms: int, phase_ms: int) -> "Dataset":
        """The dataset of a query; blanks and the order of nothing else in it do not matter.

        Args:
            source: whose data it is: URL without credentials, and tenant.
            expr: PromQL.
            step_ms: step in milliseconds.
            phase_ms: phase in milliseconds.
        """
        key = {"expr": str(parse(expr)), "step_ms": step_ms, "phase_ms": phase_ms}
        folder = f"{checksum_name(source)}/{checksum_name(_key_text(key))}"
        return Dataset(self, folder, source, key)

    def datasets(self) -> Iterator["Dataset"]:
        """Every dataset that is held."""
        for source in self.store.folders("."):
            about = _parsed(self.store.read(f"{source}/source.json"))
            for query in self.store.folders(source):
                key = _parsed(self.store.read(f"{source}/{query}/dataset.json"))
                if checksum_name(_key_text(key)) == query:
                    yield Dataset(self, f"{source}/{query}", str(about.get("source", "")), key)

    def problems(self) -> Iterator[str]:
        """What is damaged, one line per file; every bit is looked at."""
        for source in self.store.folders("."):
            answers = self.store.names(f"{source}/{ANSWERS}")
            for name in answers:
                if unpacked(self.store.read(f"{source}/{ANSWERS}/{name}") or b"") is None:
                    yield f"{source}/{ANSWERS}/{name} does not match its checksum"
            queries = [query for query in self.store.folders(source) if query != ANSWERS]
            full = [query for query in queries if self.store.names(f"{source}/{query}/days")]
            yield from self._nameless(source, "source.json", "source", bool(answers or full))
            for query in queries:
                yield from self._nameless(f"{source}/{query}", "dataset.json", "", query in full)
        for dataset in self.datasets():
            yield from dataset.problems()

    def _nameless(self, folder: str, name: str, field: str, holds: bool) -> Iterator[str]:
        """What is wrong with the file that says what a folder is; one that holds nothing yet may lack it.

        Args:
            folder: named by a checksum.
            name: of the file.
            field: of it that the checksum is of; all of it where empty.
            holds: whether anything lies there: a writer that was killed may have begun the folder only.
        """
        content = self.store.read(f"{folder}/{name}")
        if content is None and not holds:
            return
        about = _parsed(content)
        if checksum_name(str(about.get(field)) if field else _key_text(about)) != folder.rpartition("/")[2]:
            yield f"{folder}/{name} is missing or damaged"


class Dataset:
    """The days of one query.

    Args:
        archive: where it lies.
        folder: its folder there.
        source: whose data it is.
        key: the query: ``expr``, ``step_ms``, ``phase_ms``.
    """

    def __init__(self, archive: Archive, folder: str, source: str, key: dict[str, Any]) -> None:
        """Name it; nothing is read yet."""
        self.archive, self.store, self.folder = archive, archive.store, folder
        self.source, self.key = source, key
        self.step_ms, self.phase_ms = int(key["step_ms"]), int(key["phase_ms"])
        self._is_described = False

    @cached_property
    def held(self) -> dict[date, Day]:
        """The sealed days, by date; a manifest that is damaged is no day."""
        days = {}
        for name, text in self._manifests().items():
            try:
                day = self._manifest(name, text)
            except ArchiveError:
                continue
            days[day.date] = day
        return days

    def _manifests(self) -> dict[str, bytes]:
        folder = f"{self.folder}/days"
        return self.store.read_all(folder, self.store.names(folder, ".json"))

    def _manifest(self, name: str, text: bytes) -> Day:
        path = f"{self.folder}/days/{name}"
        try:
            body = json.loads(text)
            content = body["day"]
            day = Day(**{**content, "date": date.fromisoformat(content["date"])})
        except (ValueError, KeyError, TypeError):
            raise ArchiveError(f"{path} is no manifest") from None
        if text != _manifest_text(content) or name != f"{day.date}.json":
            raise ArchiveError(f"{path} does not match its checksum")
        return day

    def bounds(self, day: date) -> tuple[int, int]:
        """First stamp of the grid in a UTC day and first stamp past it, Unix milliseconds."""
        start = day_start_ms(day)
        first = start + (self.phase_ms - start) % self.step_ms
        return first, first + max(0, -(-(start + DAY_MS - first) // self.step_ms)) * self.step_ms

    def read(self, day: Day) -> DaySamples:
        """The samples of a day.

        Raises:
            ArchiveError: its file is gone or damaged; names it.
        """
        path = f"{self.folder}/data/{day.file}"
        content = self.store.read(path)
        if content is None:
            raise ArchiveError(f"{path} is missing")
        if len(content) != day.size:
            raise ArchiveError(f"{path} has {len(content)} bytes instead of {day.size}")
        first, past = self.bounds(day.date)
        try:
            return decode_day(content, day.labels, day.counts, (past - first) // self.step_ms)
        except ArchiveError as error:
            raise ArchiveError(f"{path} is damaged: {error}") from None

    def seal(self, day: date, decoded: Decoded, rows: slice, version: str) -> None:
        """Keep a day for good: its file first, then the manifest that makes it count."""
        content, labels, counts = encode_day(decoded, rows)
        checksum = _sha256(content)
        about = {
            "date": day.isoformat(),
            "file": f"{checksum[:_NAME_CHARACTERS]}.parquet",
            "sha256": checksum,
            "size": len(content),
            "labels": labels,
            "counts": counts,
            "sealed_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "source_version": version,
        }
        with self.store.lock(self.folder):
            self._describe()
            self.store.write(f"{self.folder}/data/{about['file']}", content)
            self.store.write(f"{self.folder}/days/{day.isoformat()}.json", _manifest_text(about))
        self.held[day] = Day(**{**about, "date": day})  # type: ignore[arg-type]

    def _describe(self) -> None:
        if not self._is_described:
            describe_source(self.store, self.source)
            _write_once(self.store, f"{self.folder}/dataset.json", _key_text(self.key))
            self._is_described = True

    def problems(self) -> Iterator[str]:
        """What is damaged: every file is read and checked against its checksum, bit by bit."""
        for name, text in self._manifests().items():
            try:
                day = self._manifest(name, text)
                self.read(day)
            except ArchiveError as error:
                yield str(error)
                continue
            if _sha256(self.store.read(f"{self.folder}/data/{day.file}") or b"") != day.sha256:
                yield f"{self.folder}/data/{day.file} ({day.date}) does not match its checksum"

    def forget(self, before: date) -> int:
        """Remove the days before a date, and what no manifest names; the number of days removed."""
        with self.store.lock(self.folder):
            self.__dict__.pop("held", None)  # another writer may have sealed a day since
            gone = [day for day in self.held if day < before]
            for day in gone:
                self.store.remove(f"{self.folder}/days/{day.isoformat()}.json")
                del self.held[day]
            kept = {day.file for day in self.held.values()}
            manifests = set(self.store.names(f"{self.folder}/days"))
            for part, names in (("data", kept), ("days", manifests)):
                for name in self.store.abandoned(f"{self.folder}/{part}", names):
                    self.store.remove(name)
        return len(gone)


def _key_text(key: dict[str, Any]) -> str:
    return json.dumps(key, sort_keys=True)


def describe_source(store: Store, source: str) -> None:
    """Write the version of the layout, and whose data a source's folder holds, where they do not stand there yet."""
    _write_once(store, "FORMAT", str(FORMAT))
    _write_once(store, f"{checksum_name(source)}/source.json", json.dumps({"source": source}))


def _write_once(store: Store, name: str, text: str) -> None:
    if store.read(name) != text.encode():
        store.write(name, text.encode())


def _parsed(content: bytes | None) -> dict[str, Any]:
    try:
        body = json.loads(content or b"")
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def day_start_ms(day: date) -> int:
    """Midnight UTC of a day, Unix milliseconds."""
    return (day - date(1970, 1, 1)) // timedelta(days=1) * DAY_MS


def day_of_ms(stamp_ms: int) -> date:
    """The UTC day of a stamp."""
    return date(1970, 1, 1) + timedelta(days=stamp_ms // DAY_MS)


def _manifest_text(about: dict[str, Any]) -> bytes:
    return _canonical({"day": about, "format": FORMAT, "sha256": _sha256(_canonical(about))})


def _canonical(content: dict[str, Any]) -> bytes:
    return json.dumps(content, sort_keys=True, ensure_ascii=False).encode()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def checksum_name(text: str) -> str:
    """What a file or folder is called that stands for a text."""
    return _sha256(text.encode())[:_NAME_CHARACTERS]
