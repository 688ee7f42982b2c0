"""Write what a review found into its folder: findings, tables, figures; each whole or not at all."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from matplotlib.figure import Figure

from analysis.findings import ReportResult, table_json
from analysis.report.figures.style import svg_text
from analysis.report.secrets import strike


def save(result: ReportResult, figures: Mapping[str, Figure], directory: str | Path) -> None:
    """Write a review's results; nothing where the directory is empty text (interactive use).

    Args:
        result: what the review returned.
        figures: figures by name; their descriptions become alternative text.
        directory: the report's folder.
    """
    if not str(directory):
        return
    folder = Path(directory)
    for name, figure in figures.items():
        write_whole(folder / "figures" / f"{name}.svg", svg_text(figure))
    for name, table in result.tables.items():
        write_whole(folder / "tables" / f"{name}.json", table_json(table))
    write_whole(folder / "findings.json", result.document.to_json())


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
