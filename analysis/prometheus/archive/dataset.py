"""The days of one query; a day counts once its manifest is there."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any

from analysis.errors import ArchiveError
from analysis.prometheus.archive.day_file import DaySamples, decode_day, encode_day
from analysis.prometheus.archive.describing import describe_source, key_text, mark_months, write_once
from analysis.prometheus.archive.manifests import (
    NAME_CHARACTERS,
    Day,
    day_manifest,
    days_of,
    footer_checksum,
    month_manifest,
    months,
    newest,
    sha256,
)
from analysis.prometheus.archive.store import Store
from analysis.prometheus.decode import Decoded

DAY_MS = 86_400_000
LOOKS = 10  # at manifests that others are bringing together meanwhile


class Dataset:
    """The days of one query.

    Args:
        store: where it lies.
        folder: its folder there.
        source: whose data it is.
        key: the query: ``expr``, ``step_ms``, ``phase_ms``.
    """

    def __init__(self, store: Store, folder: str, source: str, key: dict[str, Any]) -> None:
        """Name it; nothing is read yet."""
        self.store, self.folder = store, folder
        self.source, self.key = source, key
        self.step_ms, self.phase_ms = int(key["step_ms"]), int(key["phase_ms"])
        self._is_described = False

    @cached_property
    def held(self) -> dict[date, Day]:
        """The sealed days, by date; a manifest that is damaged is no day."""
        days = []
        for name, text in self._manifests().items():
            with suppress(ArchiveError):
                days += days_of(f"{self.folder}/days/{name}", text)
        return newest(days)

    def _manifests(self) -> dict[str, bytes]:
        """The manifests by name; where one goes while they are read, what it says may stand in a new one by then."""
        folder = f"{self.folder}/days"
        found: dict[str, bytes] = {}
        for _ in range(LOOKS):
            names = self.store.names(folder, ".json")
            found = self.store.read_all(folder, names)
            if len(found) == len(names):
                break
        return found

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
        if day.footer and footer_checksum(content) != day.footer:
            raise ArchiveError(f"{path} is damaged: its description does not match its checksum")
        first, past = self.bounds(day.date)
        try:
            return decode_day(content, day.labels, day.counts, (past - first) // self.step_ms)
        except ArchiveError as error:
            raise ArchiveError(f"{path} is damaged: {error}") from None

    def seal(self, day: date, decoded: Decoded, rows: slice, version: str) -> None:
        """Keep a day for good: its file first, then the manifest that makes it count."""
        content, labels, counts = encode_day(decoded, rows)
        checksum = sha256(content)
        sealed = Day(
            day,
            file=f"{checksum[:NAME_CHARACTERS]}.parquet",
            sha256=checksum,
            size=len(content),
            labels=labels,
            counts=counts,
            sealed_at=datetime.now(UTC).isoformat(timespec="seconds"),
            source_version=version,
            footer=footer_checksum(content),
        )
        with self.store.lock(self.folder):
            self._describe()
            self.store.write(f"{self.folder}/data/{sealed.file}", content)
            self._write_manifest(*day_manifest(sealed))
        self.held[day] = sealed

    def _write_manifest(self, name: str, text: bytes) -> None:
        self.store.write(f"{self.folder}/days/{name}", text)

    def _remove_manifest(self, name: str) -> None:
        self.store.remove(f"{self.folder}/days/{name}")

    def _describe(self) -> None:
        if not self._is_described:
            describe_source(self.store, self.source)
            write_once(self.store, f"{self.folder}/dataset.json", key_text(self.key))
            self._is_described = True

    def problems(self) -> Iterator[str]:
        """What is damaged: every file is read and checked against its checksum, bit by bit."""
        for name, text in self._manifests().items():
            try:
                days = days_of(f"{self.folder}/days/{name}", text)
            except ArchiveError as error:
                yield str(error)
                continue
            for day in days:
                yield from self._day_problems(day)

    def _day_problems(self, day: Day) -> Iterator[str]:
        try:
            self.read(day)
        except ArchiveError as error:
            yield str(error)
            return
        if sha256(self.store.read(f"{self.folder}/data/{day.file}") or b"") != day.sha256:
            yield f"{self.folder}/data/{day.file} ({day.date}) does not match its checksum"

    def compact(self, before: date) -> int:
        """Bring the manifests of each month before a date's together in one; how many fewer there are.

        What is removed is in what was written before, so that no day is lost whoever else does the same.
        """
        with self.store.lock(self.folder):
            manifests = self._whole_manifests()
            gone = 0
            for names in months(manifests, f"{before:%Y-%m}").values():
                mark_months(self.store)
                together = newest(day for old in names for day in manifests[old])
                name, text = month_manifest(together.values())
                self._write_manifest(name, text)
                self._take_out_pruned(name, together, {old: manifests[old] for old in names if old != name})
                for old in set(names) - {name}:
                    self._remove_manifest(old)
                gone += len(names) - 1
        return gone

    def _take_out_pruned(self, name: str, days: Mapping[date, Day], manifests: Mapping[str, list[Day]]) -> None:
        """Write a manifest again without the days that somebody has removed, samples and all, since it was read."""
        there = set(self.store.names(f"{self.folder}/days"))
        gone = {day.date for old in set(manifests) - there for day in manifests[old]}
        samples = set(self.store.names(f"{self.folder}/data")) if gone else set()
        kept = [day for day in days.values() if day.date not in gone or day.file in samples]
        if len(kept) == len(days):
            return
        if kept:
            self._write_manifest(*month_manifest(kept))
        self._remove_manifest(name)

    def _whole_manifests(self) -> dict[str, list[Day]]:
        """The days of each manifest that is not damaged."""
        found = {}
        for name, text in self._manifests().items():
            with suppress(ArchiveError):
                found[name] = days_of(name, text)
        return found

    def forget(self, before: date) -> int:
        """Remove the days before a date, and what no manifest names; the number of days removed."""
        with self.store.lock(self.folder):
            gone = set()
            for name, days in self._whole_manifests().items():
                kept = [day for day in days if day.date >= before]
                if len(kept) < len(days):
                    if kept:
                        self._write_manifest(*month_manifest(kept))
                    self._remove_manifest(name)
                    gone |= {day.date for day in days if day.date < before}
            self.__dict__.pop("held", None)
            self._sweep()
        return len(gone)

    def _sweep(self) -> None:
        """Remove files that no manifest names, and what killed writers left; nothing where a manifest is damaged."""
        manifests = self._whole_manifests()
        names_there = set(self.store.names(f"{self.folder}/days"))
        if names_there - set(manifests):
            return
        named = {day.file for days in manifests.values() for day in days}
        for part, names in (("data", named), ("days", names_there)):
            for name in self.store.abandoned(f"{self.folder}/{part}", names):
                self.store.remove(name)


def day_start_ms(day: date) -> int:
    """Midnight UTC of a day, Unix milliseconds."""
    return (day - date(1970, 1, 1)) // timedelta(days=1) * DAY_MS


def day_of_ms(stamp_ms: int) -> date:
    """The UTC day of a stamp."""
    return date(1970, 1, 1) + timedelta(days=stamp_ms // DAY_MS)
