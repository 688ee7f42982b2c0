"""The figure of a team's own report."""

from matplotlib.figure import Figure

from analysis.drawing import PALETTE, RED, describe, figure, plain, time_axis
from analysis.findings import ReportResult
from analysis.prometheus import series_name, unit_of
from analysis.report.own import stretches
from analysis.settings.own import OwnReportSettings
from analysis.window import parse_duration
from analysis.words import how_often

COLOURS = tuple(colour for colour in PALETTE if colour != RED)  # red is the limit; more lines cannot be told apart


def values(result: ReportResult, settings: OwnReportSettings, *, limit: float | None = None) -> Figure:
    """The series that rose highest, and the limit.

    Args:
        result: of the report.
        settings: of the report.
        limit: another limit to try; that of the settings when None.
    """
    frame, tried = result.frames["values"], settings.limit if limit is None else limit
    count = len(stretches(frame, tried, parse_duration(settings.step), parse_duration(settings.hold)))
    title = f"{how_often(count).capitalize()} above the limit of {tried:g}" if count else f"Never above {tried:g}"
    made, (ax,) = figure(title if len(frame.columns) else "The query gave no data")
    highest = frame.max().sort_values(ascending=False, kind="stable").index[: len(COLOURS)]
    for key, colour in zip(highest, COLOURS, strict=False):
        ax.plot(frame.index, frame[key], color=colour, linewidth=1.1, label=plain(series_name(frame, key)))
    ax.axhline(tried, color=RED, linestyle="--", linewidth=1.2, label="limit")
    ax.set_ylabel(plain(settings.unit or unit_of(settings.expr)), fontsize=9)
    ax.legend(fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    time_axis(ax, settings.timezone)
    return describe(made, f"{title}. The lines show {settings.expr} over the window.")
