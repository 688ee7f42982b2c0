"""Running notebooks, figures, the page, and its delivery."""

from typing import TYPE_CHECKING, Any

from analysis.report.workplace import enter_project, month_folder

if TYPE_CHECKING:
    from analysis.report.results import save
    from analysis.report.shown_rows import rows

__all__ = ["enter_project", "month_folder", "rows", "save"]


def __getattr__(name: str) -> Any:  # a process that only starts a notebook draws nothing: matplotlib takes a second
    if name == "save":
        from analysis.report.results import save

        return save
    if name == "rows":
        from analysis.report.shown_rows import rows

        return rows
    raise AttributeError(f"module 'analysis.report' has no attribute {name!r}")
