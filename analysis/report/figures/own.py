"""The figure of a team's own report."""

from matplotlib.figure import Figure

from analysis.drawing import PALETTE, RED, describe, figure, plain, time_axis
from analysis.findings import ReportResult
from analysis.settings.own import OwnReportSettings

SHOWN_SERIES = 7  # more lines than this cannot be told apart


def values(result: ReportResult, settings: OwnReportSettings) -> Figure:
    """The series that rose highest, and the limit."""
    frame, count = result.frames["values"], len(result.document.findings)
    title = f"{count} times above the limit of {settings.limit:g}" if count else f"Never above {settings.limit:g}"
    made, (ax,) = figure(title if len(frame.columns) else "The query gave no data")
    highest = frame.max().sort_values(ascending=False).index[:SHOWN_SERIES]
    for key, colour in zip(highest, PALETTE, strict=False):
        name = ", ".join(str(part) for part in (key if isinstance(key, tuple) else (key,)) if part)
        ax.plot(frame.index, frame[key], color=colour, linewidth=1.1, label=plain(name or settings.expr))
    ax.axhline(settings.limit, color=RED, linestyle="--", linewidth=1.2, label="limit")
    ax.set_ylabel(plain(settings.unit or "value"), fontsize=9)
    ax.legend(fontsize=8, frameon=False, loc="upper left")
    time_axis(ax, settings.timezone)
    return describe(made, f"{title}. The lines show {settings.expr} over the window.")
