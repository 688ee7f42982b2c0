"""The frame that a range query gives: an ordinary one, but it knows what was asked, and plots itself."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pandas as pd
from pandas.plotting import PlotAccessor

from analysis.prometheus.units import UNKNOWN, unit_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EXPR = "expr"  # where a frame keeps what was asked
FEW_POINTS = 60  # of a line, up to which each is marked: a single sample between gaps makes no line
SHOWN_LABELS = 60  # characters of a series' labels


class PulledFrame(pd.DataFrame):  # type: ignore[misc]
    """A frame of the contract that remembers its query, also in the parts that are cut from it.

    ``frame.plot()`` draws it for a person; with any argument of pandas, pandas draws.
    """

    @property
    def _constructor(self) -> Callable[..., "PulledFrame"]:
        return PulledFrame

    @property
    def plot(self) -> "SensiblePlot":
        """``plot()``, ``plot(timezone="Europe/Berlin")``, or pandas's own ``plot.line()`` and so on."""
        return SensiblePlot(self)


class SensiblePlot(PlotAccessor):  # type: ignore[misc]
    """pandas's plot, with a figure for a person where nothing is asked of it in particular."""

    def __call__(self, *args: Any, timezone: str = "UTC", **kwargs: Any) -> Any:
        """The highest series over time, with title, unit and zone.

        Args:
            args: for pandas.
            timezone: IANA name, of the axis.
            kwargs: for pandas.
        """
        if args or kwargs:
            return super().__call__(*args, **kwargs)
        return picture(self._parent, timezone)


def pulled(frame: pd.DataFrame, expr: str) -> PulledFrame:
    """A frame that remembers what was asked."""
    made = PulledFrame(frame)
    made.attrs[EXPR] = expr
    return made


def picture(frame: pd.DataFrame, timezone: str) -> "Figure":
    """The highest series of a frame over time.

    Args:
        frame: of the contract.
        timezone: IANA name, of the axis.

    Raises:
        InputError: there is no such zone.
    """
    from analysis.drawing import PALETTE, describe, figure, plain, time_axis
    from analysis.window import zone

    zone(timezone)
    expr = str(frame.attrs.get(EXPR, "")) or "Values"
    series = frame.dropna(axis=1, how="all")
    count = series.shape[1]
    if not count:
        made, (ax,) = figure(f"{expr}: no data", height=1.0)
        ax.set_axis_off()
        return describe(made, f"{expr}: no data.")
    made, (ax,) = figure(expr)
    highest = series.max().sort_values(ascending=False, kind="stable").index[: len(PALETTE)]
    for key, colour in zip(highest, PALETTE, strict=False):
        marker = "." if series[key].count() <= FEW_POINTS else None
        name = plain(series_name(series, key), SHOWN_LABELS)
        ax.plot(series.index, series[key].to_numpy(), color=colour, linewidth=1.2, marker=marker, label=name)
    unit = unit_of(expr)
    ax.set_ylabel(plain(unit), fontsize=9)
    if count > 1:
        ax.legend(fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    ax.margins(y=0.1)
    time_axis(ax, timezone)
    shown = f"the {len(highest)} highest of {count} series" if count > len(highest) else f"{count} series"
    if count > len(highest):
        ax.set_title(shown, fontsize=9, loc="left")
    return describe(made, f"{expr}: {shown}{'' if unit == UNKNOWN else f' ({unit})'}.")


def series_name(frame: pd.DataFrame, key: Any) -> str:
    """The labels that tell a series from the others."""
    values = key if isinstance(key, tuple) else (key,)
    differing = [len(set(frame.columns.get_level_values(level))) > 1 for level in range(frame.columns.nlevels)]
    pairs = zip(frame.columns.names, values, differing, strict=True)
    return ", ".join(f"{label} {value}" for label, value, differs in pairs if differs and value != "") or "all"
