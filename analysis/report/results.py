"""Write what a review found into its folder: findings, tables, figures; each whole or not at all."""

from collections.abc import Mapping
from pathlib import Path

from matplotlib.figure import Figure

from analysis.drawing import svg_text
from analysis.findings import ReportResult, table_json
from analysis.report.files import write_whole


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
