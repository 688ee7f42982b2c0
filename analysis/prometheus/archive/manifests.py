"""Manifests: which days of a query are held, each with the checksum of its samples.

A day that was just sealed has one of its own, ``2026-10-01.json``. Those of a month that is over may be brought
together in one, ``2026-10-CHECKSUM.json``, named by its content: whoever writes one removes only what is in it,
so that several may do so at once, and no day is ever named by nothing.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from analysis.errors import ArchiveError

FORMAT = 1  # of the layout; of one that holds manifests of months, which its readers must know
FORMAT_MONTHS = 2
NAME_CHARACTERS = 20  # of a checksum: no two queries of one server share as many
_MONTH = slice(0, len("2026-10"))


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
    footer: str = ""  # checksum of the file's own description, which its pages' checksums do not cover

    @property
    def samples(self) -> int:
        """How many samples it holds."""
        return sum(self.counts)


def day_manifest(day: Day) -> tuple[str, bytes]:
    """Name and content of the manifest of one day."""
    about = _about(day)
    return f"{day.date}.json", canonical({"day": about, "format": FORMAT, "sha256": sha256(canonical(about))})


def month_manifest(days: Iterable[Day]) -> tuple[str, bytes]:
    """Name and content of one manifest for days of one month."""
    abouts = [_about(day) for day in sorted(days, key=lambda day: day.date)]
    checksum = sha256(canonical(abouts))
    name = f"{abouts[0]['date'][_MONTH]}-{checksum[:NAME_CHARACTERS]}.json"
    return name, canonical({"days": abouts, "format": FORMAT_MONTHS, "sha256": checksum})


def days_of(name: str, text: bytes) -> list[Day]:
    """The days that a manifest names.

    Raises:
        ArchiveError: it is damaged.
    """
    try:
        body = json.loads(text)
        abouts = body["days"] if "days" in body else [body["day"]]
        days = [Day(**{**about, "date": date.fromisoformat(about["date"])}) for about in abouts]
        written = month_manifest(days) if "days" in body else day_manifest(days[0])
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        raise ArchiveError(f"{name} is no manifest") from None
    if (name.rpartition("/")[2], text) != written:
        raise ArchiveError(f"{name} does not match its checksum")
    return days


def months(names: Iterable[str], before: str) -> dict[str, list[str]]:
    """Names of manifests by month, of the months before one, each where one manifest could say what several do."""
    found: dict[str, list[str]] = {}
    for name in names:
        if name[_MONTH] < before:
            found.setdefault(name[_MONTH], []).append(name)
    return {month: several for month, several in found.items() if len(several) > 1}


def newest(days: Iterable[Day]) -> dict[date, Day]:
    """Days by date; of one that was sealed twice, the later."""
    return {day.date: day for day in sorted(days, key=lambda day: (day.sealed_at, day.file))}


def canonical(content: Any) -> bytes:
    """A JSON text that is always the same for the same content."""
    return json.dumps(content, sort_keys=True, ensure_ascii=False).encode()


def sha256(content: bytes) -> str:
    """The checksum of a content, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def checksum_name(text: str) -> str:
    """What a file or folder is called that stands for a text."""
    return sha256(text.encode())[:NAME_CHARACTERS]


def _about(day: Day) -> dict[str, Any]:
    about = {**asdict(day), "date": day.date.isoformat()}
    return about if day.footer else {name: value for name, value in about.items() if name != "footer"}


def footer_checksum(content: bytes) -> str:
    """The checksum of what stands at the end of a Parquet file, the length of which is in the last bytes but four."""
    length = int.from_bytes(content[-8:-4], "little") + 8
    return sha256(content[-length:])[:NAME_CHARACTERS]
