"""Figures of the cardinality review."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis.drawing import (
    BLUE,
    GREY,
    LIGHT,
    ORANGE,
    PALETTE,
    RED,
    SKY,
    describe,
    figure,
    plain,
    time_axis,
)
from analysis.findings import ReportResult
from analysis.words import counted

SHOWN_METRICS = 6  # more lines than this cannot be told apart
SHOWN_CAUSES = 12
NEAR = 3.0  # a limit this many times above what is shown would flatten the line, so it is only named
_KINDS = {"label_values": BLUE, "new_metric": ORANGE, "removed_metric": GREY, "targets": SKY, "churn": LIGHT}


def total(result: ReportResult, timezone: str) -> Figure:
    """All series over time, the limit where it is near, and when it is reached."""
    title = next((f.title for f in result.document.findings if f.kind == "limit_forecast"), "Series over time")
    return draw_total(result, timezone, title, (result.document.model_extra or {}).get("forecast", {}))


def draw_total(result: ReportResult, timezone: str, title: str, foreseen: dict[str, Any]) -> Figure:
    """All series over time with a forecast, as the findings document has one."""
    series = result.frames["total"]["series"].dropna()
    made, (ax,) = figure(title)
    ax.plot(series.index, series.to_numpy(), color=BLUE, linewidth=1.6, label="series alive")
    limit = foreseen.get("limit")
    if limit and len(series) and limit < NEAR * float(series.max()):
        ax.axhline(limit, color=RED, linewidth=1.2, label=f"limit, {limit:,.0f} series")
        _reached(ax, foreseen, series)
    ax.axvspan(
        pd.Timestamp(result.document.window.start),
        pd.Timestamp(result.document.window.end),
        color=LIGHT,
        alpha=0.4,
        label="this review",
    )
    ax.set_ylabel("series", fontsize=9)
    ax.set_ylim(bottom=0)
    ax.legend(fontsize=8, frameon=False, loc="lower left")
    time_axis(ax, timezone)
    return describe(made, f"{title}. The line shows all series alive over time.")


def _reached(ax: Axes, foreseen: dict[str, Any], series: pd.Series) -> None:
    """The expected way to the limit, where it is less than a year away."""
    reached, trend = foreseen.get("reached_at"), foreseen.get("trend")
    if reached is None or not trend or pd.Timestamp(reached) - series.index[-1] > pd.Timedelta(days=365):
        return
    ax.plot([series.index[-1], pd.Timestamp(reached)], [series.iloc[-1], foreseen["limit"]], color=BLUE, linestyle="--")
    early, late = foreseen["interval"]
    if early is not None and late is not None and pd.Timestamp(late) - series.index[-1] < pd.Timedelta(days=500):
        ends = [pd.Timestamp(early), pd.Timestamp(late)]
        share = f"{foreseen['level']:.0%} interval of the date"
        ax.plot(ends, [foreseen["limit"]] * 2, color=ORANGE, linewidth=5, solid_capstyle="butt", label=share)


def causes(result: ReportResult) -> Figure:
    """What the change consists of; the bars add up to it."""
    table = result.tables["causes"]
    moved = table[table["delta"] != 0] if len(table) else table
    ends = (result.document.model_extra or {}).get("series", {})
    change = (ends.get("end") or 0) - (ends.get("start") or 0)
    if not len(moved):
        made, (ax,) = figure("Nothing grew: the same number of series at both edges of the window", height=1.0)
        ax.set_axis_off()
        return describe(made, "No cause of growth to show.")
    ranked = moved.reindex(moved["delta"].abs().sort_values(ascending=False).index)
    top, rest = ranked[:SHOWN_CAUSES], ranked[SHOWN_CAUSES:]
    biggest = _cause_name(top.iloc[0].to_dict())
    bars = [(_cause_name(row), row["delta"], _KINDS[row["kind"]]) for row in top.to_dict("records")]
    if len(rest):
        bars.append((counted(len(rest), "smaller cause"), rest["delta"].sum(), GREY))
    names, deltas, colours = zip(*reversed(bars), strict=True)
    made, (ax,) = figure(f"{change:+,} series; the largest cause is {biggest}", height=0.9 + 0.34 * len(bars))
    ax.barh(range(len(bars)), deltas, color=colours)
    ax.set_yticks(range(len(bars)), [plain(name, 60) for name in names], fontsize=8)
    ax.axvline(0, color=GREY, linewidth=0.8)
    ax.set_xlabel("series gained or lost from the start to the end of the window", fontsize=9)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.grid(axis="y", visible=False)
    more = f" {counted(len(rest), 'smaller cause')} together: {rest['delta'].sum():+,}." if len(rest) else ""
    return describe(made, f"{change:+,} series in all. The largest cause is {biggest}.{more}")


def _cause_name(row: dict[str, Any]) -> str:
    if row["kind"] == "targets":
        return f"targets of {row['job'] or 'no job'}"
    what = {"new_metric": "new: ", "removed_metric": "gone: "}.get(row["kind"], "")
    label = f" by {row['label']}" if row["label"] else ""
    return f"{what}{row['metric']}{label} ({row['job'] or 'no job'})"


def metrics(result: ReportResult, timezone: str) -> Figure:
    """The metrics that grew most, over time."""
    table, trend = result.tables["metrics"], result.frames["trend"]
    known = [name for name in table["name"] if name in trend.columns] if len(table) else []
    grown = [n for n in known if float(table.set_index("name").loc[n, "growth"]) > 0][:SHOWN_METRICS]
    names = grown or known[:SHOWN_METRICS]
    if not names:
        made, (ax,) = figure("No metric to show", height=1.0)
        ax.set_axis_off()
        return describe(made, "No metric to show.")
    title = f"{names[0]} grew most" if grown else "No metric grew; the largest ones"
    made, (ax,) = figure(title)
    for name, colour in zip(names, PALETTE, strict=False):
        line = trend[name].dropna()
        ax.plot(line.index, line.to_numpy(), color=colour, linewidth=1.4, label=plain(name, 50))
    ax.set_ylabel("series of the metric", fontsize=9)
    ax.set_ylim(bottom=0)
    ax.legend(fontsize=8, frameon=False, loc="upper left")
    time_axis(ax, timezone)
    return describe(made, f"{title}. Series over time of {', '.join(names)}.")
