"""Files of the archive on the local disk: a name stands for a whole file or for none."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from analysis.errors import ArchiveError

LOCK_SECONDS = 120.0  # how long another writer may take


class LocalStore:
    """One folder; names are relative paths.

    Args:
        root: the folder; made when something is written.
    """

    def __init__(self, root: Path) -> None:
        """Remember where it is."""
        self.root = root

    def read(self, name: str) -> bytes | None:
        """The content, or None where there is no such file."""
        try:
            return (self.root / name).read_bytes()
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes) -> None:
        """Write under a temporary name, sync, and rename: after a power cut the file is whole or not there."""
        path = self.root / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(prefix=".part-", dir=path.parent)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                Path(temporary).replace(path)
                _sync_folder(path.parent)
            except BaseException:
                Path(temporary).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise ArchiveError(f"cannot write {path}: {error.strerror}") from None

    def names(self, folder: str, suffix: str = "") -> list[str]:
        """Names of the files directly in a folder, sorted, temporary ones left out."""
        try:
            found = [entry.name for entry in os.scandir(self.root / folder) if entry.is_file()]
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(name for name in found if name.endswith(suffix) and not name.startswith("."))

    def folders(self, folder: str) -> list[str]:
        """Names of the folders directly in a folder, sorted."""
        try:
            return sorted(entry.name for entry in os.scandir(self.root / folder) if entry.is_dir())
        except (FileNotFoundError, NotADirectoryError):
            return []

    def leftovers(self, folder: str) -> list[str]:
        """Temporary files of writers that were killed."""
        try:
            return sorted(f"{folder}/{e.name}" for e in os.scandir(self.root / folder) if e.name.startswith(".part-"))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def remove(self, name: str) -> None:
        """Remove a file; none is no error."""
        (self.root / name).unlink(missing_ok=True)

    @contextmanager
    def lock(self, folder: str) -> Iterator[None]:
        """Keep other writers out of a folder.

        Raises:
            ArchiveError: another one holds it for too long.
        """
        path = self.root / folder / ".lock"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(path, timeout=LOCK_SECONDS):
                yield
        except Timeout:
            raise ArchiveError(f"{path} is held by another writer for more than {LOCK_SECONDS:.0f} s") from None
        except OSError as error:
            raise ArchiveError(f"cannot lock {path}: {error.strerror}") from None


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
