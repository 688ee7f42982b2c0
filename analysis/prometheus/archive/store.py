"""Files of the archive on the local disk: a name stands for a whole file or for none; writers take turns."""

import os
import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout

from analysis.errors import ArchiveError, NotKeptError

PART = ".part-"  # how temporary names begin
LOCK_SECONDS = 120.0  # how long another writer may take


class Store(Protocol):
    """Where files lie; names are relative paths, and a name stands for a whole file or for none.

    Attributes:
        root: where it is, as it is shown.
        readers: how many files are best read at once.
    """

    @property
    def root(self) -> object:
        """Where it is, as it is shown."""

    readers: int

    def read(self, name: str) -> bytes | None:
        """The content, or None where there is no such file."""

    def read_all(self, folder: str, names: list[str]) -> dict[str, bytes]:
        """The contents of many files; what has gone meanwhile is left out."""

    def write(self, name: str, content: bytes) -> None:
        """Make the file appear whole."""

    def names(self, folder: str, suffix: str = "") -> list[str]:
        """Names of the files directly in a folder, sorted, temporary ones left out."""

    def folders(self, folder: str) -> list[str]:
        """Names of the folders directly in a folder, sorted."""

    def abandoned(self, folder: str, kept: set[str]) -> list[str]:
        """Files in a folder that are not kept and that no writer is at work on."""

    def remove(self, name: str) -> None:
        """Remove a file; none is no error."""

    def lock(self, folder: str) -> AbstractContextManager[None]:
        """Keep other writers out of a folder, where that is needed."""


class LocalStore:
    """One folder; names are relative paths.

    Args:
        root: the folder; made when something is written.
    """

    readers = 2  # files that are unpacked at once

    def __init__(self, root: Path) -> None:
        """Remember where it is."""
        self.root = root

    def read(self, name: str) -> bytes | None:
        """The content, or None where there is no such file.

        Raises:
            ArchiveError: it is there and cannot be read.
        """
        try:
            return (self.root / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise ArchiveError(f"cannot read {self.root / name}: {error.strerror}") from None

    def read_all(self, folder: str, names: list[str]) -> dict[str, bytes]:
        """The contents of many files; what has gone meanwhile is left out."""
        found = {name: self.read(f"{folder}/{name}") for name in names}
        return {name: content for name, content in found.items() if content is not None}

    def write(self, name: str, content: bytes) -> None:
        """Write under a temporary name, sync, and rename: after a power cut the file is whole or not there.

        Who may read it is what the process's umask says, so that one may fill an archive that others read.

        Raises:
            NotKeptError: it cannot be written.
        """
        path = self.root / name
        temporary = path.with_name(PART + secrets.token_hex(8))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                with temporary.open("xb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                temporary.replace(path)
                _sync_folder(path.parent)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
        except OSError as error:
            raise NotKeptError(f"cannot write {path}: {error.strerror}") from None

    def names(self, folder: str, suffix: str = "") -> list[str]:
        """Names of the files directly in a folder, sorted, temporary ones left out."""
        found = [entry.name for entry in self._entries(folder) if entry.is_file()]
        return sorted(name for name in found if name.endswith(suffix) and not name.startswith("."))

    def folders(self, folder: str) -> list[str]:
        """Names of the folders directly in a folder, sorted."""
        return sorted(entry.name for entry in self._entries(folder) if entry.is_dir())

    def abandoned(self, folder: str, kept: set[str]) -> list[str]:
        """Files in a folder that are not kept, and temporary ones of writers that were killed; asked in the lock."""
        found = [entry.name for entry in self._entries(folder) if entry.is_file()]
        gone = [name for name in found if name.startswith(PART) or not (name in kept or name.startswith("."))]
        return sorted(f"{folder}/{name}" for name in gone)

    def _entries(self, folder: str) -> list["os.DirEntry[str]"]:
        try:
            with os.scandir(self.root / folder) as entries:
                return list(entries)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise ArchiveError(f"cannot read {self.root / folder}: {error.strerror}") from None

    def remove(self, name: str) -> None:
        """Remove a file; none is no error."""
        (self.root / name).unlink(missing_ok=True)

    @contextmanager
    def lock(self, folder: str) -> Iterator[None]:
        """Keep other writers out of a folder.

        Raises:
            NotKeptError: nothing can be written there, or another one holds it for too long.
        """
        path = self.root / folder / ".lock"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(path, timeout=LOCK_SECONDS):
                yield
        except Timeout:
            raise NotKeptError(f"{path} is held by another writer for more than {LOCK_SECONDS:.0f} s") from None
        except OSError as error:
            raise NotKeptError(f"cannot lock {path}: {error.strerror}") from None


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
