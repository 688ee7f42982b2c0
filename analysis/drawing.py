"""One style for every figure: a title that concludes, axes with units, time in the reader's zone."""

from collections.abc import Sequence
from datetime import datetime
from io import StringIO
from textwrap import wrap
from zoneinfo import ZoneInfo

from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from analysis.words import seen, short

# Okabe and Ito (2008): told apart by people with any kind of colour blindness.
BLUE, ORANGE, GREEN, RED, SKY, YELLOW, PURPLE, BLACK = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#56B4E9",
    "#F0E442",
    "#CC79A7",
    "#222222",
)
PALETTE = (BLUE, ORANGE, GREEN, RED, SKY, PURPLE, YELLOW, BLACK)
GREY, LIGHT = "#767676", "#D9D9D9"
WIDTH_INCHES = 9.0
# What stands beside a time axis, from one of years to one of seconds: dates as a page writes them.
OFFSETS = ["", "%Y", "%b %Y", "%d %b %Y", "%d %b %Y", "%d %b %Y %H:%M"]
TITLE_WIDTH, MAXIMUM_TITLE = 82, 160  # characters in a line over the axes, and in the two lines that a title may have


class ReportFigure(Figure):
    """A figure that a notebook shows as the SVG that the report keeps, with its alternative text."""

    def _repr_svg_(self) -> str:
        return svg_text(self)


def svg_text(made: Figure) -> str:
    """A figure as SVG with its alternative text inside, without metadata that changes from run to run."""
    buffer = StringIO()
    made.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Title": description(made)})
    return buffer.getvalue()


def figure(title: str, *, rows: int = 1, height: float = 3.2, share_x: bool = True) -> tuple[Figure, Sequence[Axes]]:
    """A figure with `rows` axes under one conclusion.

    Args:
        title: the conclusion, in one sentence; dollar signs are shown, not read as mathematics.
        rows: how many axes stand under each other.
        height: height of one of them, in inches.
        share_x: whether they share the horizontal axis.
    """
    lines = wrap(plain(title, MAXIMUM_TITLE), TITLE_WIDTH)
    made = ReportFigure(figsize=(WIDTH_INCHES, 0.3 + 0.2 * len(lines) + height * rows), layout="constrained")
    axes = made.subplots(rows, 1, sharex=share_x, squeeze=False)[:, 0]
    made.suptitle("\n".join(lines), x=0.01, ha="left", fontsize=12, fontweight="bold")
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(axis="y", color=LIGHT, linewidth=0.6)
        ax.set_axisbelow(True)
        ax.tick_params(labelsize=9)
    return made, list(axes)


def time_axis(ax: Axes, timezone: str) -> None:
    """Time from left to right, in the reader's zone, which is named."""
    locator = AutoDateLocator(tz=ZoneInfo(timezone), minticks=3, maxticks=10)  # minticks 5 has none for 4.5 to 5 hours
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=ZoneInfo(timezone), offset_formats=OFFSETS))
    ax.set_xlabel(f"time ({timezone})", fontsize=9)


def count_axis(ax: Axes, largest: float) -> None:
    """Counts from none to many upwards: told apart when they are few, and all in sight when they are thousands."""
    ax.set_yscale("symlog", linthresh=1)
    ax.set_ylim(bottom=0, top=max(largest, 1) * 1.6)
    ax.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))


def shade(ax: Axes, start: datetime, end: datetime, colour: str, alpha: float, label: str = "") -> None:
    """Shade a stretch of time."""
    low, high = date2num([start, end])
    ax.axvspan(low, high, color=colour, alpha=alpha, linewidth=0, label=label or None)


def describe(made: Figure, text: str) -> Figure:
    """Give a figure its alternative text: what the picture says, for who cannot see it."""
    made.set_gid(seen(text))
    return made


def description(made: Figure) -> str:
    """The alternative text of a figure."""
    return made.get_gid() or ""


def plain(text: str, longest: int = 60) -> str:
    """A value from outside as a label: no mathematics, no line breaks, not endless."""
    return short(seen(text), longest).replace("\\", "\\\\").replace("$", r"\$")
