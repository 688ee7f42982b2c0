"""Running notebooks, figures, the page, and its delivery."""

from analysis.report.save import save

__all__ = ["save"]
