"""Files of the archive in an object store (S3, Google Cloud Storage, Azure, anything that fsspec opens).

No lock is needed there: an object appears whole or not at all, samples are named by their content and never
changed, and each day has a manifest of its own, so that writers on several machines write the same or different
names, never one over what another knows. What fails for a moment is tried again: every operation may be repeated.
"""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlsplit

from analysis.errors import ArchiveError, InputError, NotKeptError
from analysis.prometheus.transport import without_user

R = TypeVar("R")
ATTEMPTS = 5
FIRST_PAUSE_SECONDS = 0.2
MAY_BE_WRITTEN = timedelta(days=1)  # a file that no manifest names yet may belong to a writer that is at work
_FINAL = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)  # no attempt mends these


class ObjectStore:
    """One prefix; names are relative paths.

    Args:
        url: such as ``s3://bucket/archive``; how to get in is read by the store's own library from its environment.

    Raises:
        InputError: no such store is known, or its library is not installed.
    """

    readers = 8  # files that are read at once: each waits for the network

    def __init__(self, url: str) -> None:
        """Name it; nothing is asked yet."""
        import fsspec

        self.root = without_user(url).rstrip("/")
        try:
            self.files, path = fsspec.core.url_to_fs(url, use_listings_cache=False)
        except (ImportError, ValueError) as error:
            extra = " (`pip install promreview[object-store]` for s3://)" if isinstance(error, ImportError) else ""
            raise InputError(f"{self.root} cannot be opened: {error}{extra}") from None
        self.path = path.rstrip("/")

    def read(self, name: str) -> bytes | None:
        """The content, or None where there is no such object."""
        try:
            return bytes(self._tried(name, self.files.cat_file, f"{self.path}/{name}"))
        except FileNotFoundError:
            return None

    def read_all(self, folder: str, names: list[str]) -> dict[str, bytes]:
        """The contents of many small objects, asked for together; what has gone meanwhile is left out."""
        paths = [f"{self.path}/{folder}/{name}" for name in names]
        if not paths:
            return {}
        found = self._tried(folder, self.files.cat, paths, on_error="return")
        kept = {name: found.get(path) for name, path in zip(names, paths, strict=True)}
        alone = {name: self.read(f"{folder}/{name}") for name, got in kept.items() if not isinstance(got, bytes)}
        return {name: got for name, got in {**kept, **alone}.items() if isinstance(got, bytes)}

    def write(self, name: str, content: bytes) -> None:
        """Put the object: it is there whole or not at all.

        Raises:
            ArchiveError: there is no such bucket.
            NotKeptError: the store fails again and again, or lets us read only.
        """
        try:
            self._tried(name, self.files.pipe_file, f"{self.path}/{name}", content)
        except FileNotFoundError:
            raise ArchiveError(f"cannot write {self.root}/{name}: there is no such bucket") from None
        except ArchiveError as error:
            raise NotKeptError(str(error)) from None

    def names(self, folder: str, suffix: str = "") -> list[str]:
        """Names of the objects directly in a folder, sorted."""
        return sorted(name for name, entry in self._entries(folder) if _is_file(entry) and name.endswith(suffix))

    def folders(self, folder: str) -> list[str]:
        """Names of the folders directly in a folder, sorted."""
        return sorted(name for name, entry in self._entries(folder) if not _is_file(entry))

    def abandoned(self, folder: str, kept: set[str]) -> list[str]:
        """Objects in a folder that are not kept and that no writer can be at work on any more."""
        before = datetime.now(UTC) - MAY_BE_WRITTEN
        rest = [(name, entry) for name, entry in self._entries(folder) if _is_file(entry) and name not in kept]
        return sorted(f"{folder}/{name}" for name, entry in rest if (_written(entry) or before) < before)

    def remove(self, name: str) -> None:
        """Remove an object; none is no error."""
        try:
            self._tried(name, self.files.rm_file, f"{self.path}/{name}")
        except FileNotFoundError:
            return

    @contextmanager
    def lock(self, folder: str) -> Iterator[None]:  # noqa: ARG002 - as the local disk has it
        """Keep nobody out: nobody can be in the way."""
        yield

    def _entries(self, folder: str) -> list[tuple[str, dict[str, Any]]]:
        path = self.path if folder == "." else f"{self.path}/{folder}"
        self.files.invalidate_cache()  # another machine may have written since
        try:
            found = self._tried(folder, self.files.ls, path, detail=True)
        except FileNotFoundError:
            return []
        named = [(str(entry["name"]).rstrip("/").rpartition("/")[2], entry) for entry in found]
        return [(name, entry) for name, entry in named if str(entry["name"]).rstrip("/") != path]

    def _tried(self, name: str, work: Callable[..., R], *args: Any, **kwargs: Any) -> R:
        """One operation, again where the store fails, with growing, jittered pauses.

        Raises:
            FileNotFoundError: there is no such object.
            ArchiveError: it fails again and again, or does not let us in.
        """
        for attempt in range(ATTEMPTS):
            try:
                return work(*args, **kwargs)
            except FileNotFoundError:
                raise
            except Exception as error:  # noqa: BLE001 - each library raises errors of its own
                if isinstance(error, _FINAL) or attempt == ATTEMPTS - 1:
                    said = " ".join(str(error).split())[:200] or type(error).__name__
                    raise ArchiveError(f"{self.root}/{name}: the store fails: {said}") from None
                time.sleep(FIRST_PAUSE_SECONDS * 2**attempt * random.uniform(0.5, 1))  # noqa: S311 - a pause
        raise AssertionError  # the last attempt has returned or raised


def is_object_store(root: str) -> bool:
    """Whether a root is the URL of a store and no path of this machine."""
    return "://" in root and urlsplit(root).scheme not in ("", "file", "local")


def _is_file(entry: dict[str, Any]) -> bool:
    return entry.get("type") == "file"


def _written(entry: dict[str, Any]) -> datetime | None:
    """When an object was last written, as each library calls it."""
    for key in ("LastModified", "last_modified", "updated", "mtime", "created"):
        when = entry.get(key)
        if isinstance(when, str):
            when = datetime.fromisoformat(when)
        if isinstance(when, datetime):
            return when if when.tzinfo else when.replace(tzinfo=UTC)
    return None
