"""Files that are whole or not there, without a secret in them."""

import os
import tempfile
from pathlib import Path

from analysis.report.secrets import strike


def write_whole(path: Path, text: str) -> None:
    """Write a file under a temporary name, sync it, and give it its name only then."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(strike(text))  # the one way out: no secret passes it
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
