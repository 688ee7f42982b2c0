"""Figures of the threshold review."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from analysis.drawing import BLUE, GREEN, GREY, ORANGE, RED, count_axis, describe, figure, plain, time_axis
from analysis.findings import ReportResult
from analysis.report.shown import shown_number
from analysis.words import how_often

TITLE_CHARACTERS = 120  # of a panel, in one line
WIDE = 100  # largest over smallest threshold from which on a linear axis shows only the largest
SHOWN_RULES = 6  # more panels than this nobody looks at


def headroom(result: ReportResult, timezone: str) -> Figure:
    """Daily headroom of the rules that drift, or of the tightest ones, with the threshold as zero."""
    frame = result.frames["headroom"]
    titles = {f.labels["alertname"]: f.title for f in result.document.findings if f.kind == "drifting"}
    drifting = list(titles)
    names = list(dict.fromkeys([n for n in drifting if n in frame] or list(frame.columns)))[:SHOWN_RULES]
    text = f"{len(drifting)} {'rule drifts' if len(drifting) == 1 else 'rules drift'}" if drifting else "No rule drifts"
    if not names:
        made, (ax,) = figure("No rule has a threshold to measure headroom against", height=0.3)
        ax.set_axis_off()
        return describe(made, "No headroom can be shown.")
    made, axes = figure(f"{text}: daily distance from the threshold", rows=len(names), height=1.9)
    for ax, name in zip(axes, names, strict=True):
        days = frame[name].dropna()
        ax.plot(days.index, days.to_numpy(), color=BLUE, marker="o", markersize=3, linewidth=1)
        ax.axhline(0, color=RED, linewidth=1.2)
        ax.axvline(pd.Timestamp(result.document.window.start), color=GREY, linestyle=":", linewidth=1)
        ax.set_title(plain(titles.get(name, name).split(" (20")[0], TITLE_CHARACTERS), fontsize=9, loc="left")
        ax.set_ylabel("headroom\n(rule's unit)", fontsize=8)
    time_axis(axes[-1], timezone)
    return describe(made, f"{text}. Daily headroom of {', '.join(names)}; zero is the threshold.")


def whatif(result: ReportResult) -> Figure:
    """Alerts per month against the threshold, today's value and the recommendation marked."""
    curves, marks = result.frames["whatif"], result.frames["choices"]
    names = _worth_showing(result)
    marks = marks.set_index("name") if len(marks) else marks
    if not names:
        made, (ax,) = figure("No other threshold could be tried", height=0.3)
        ax.set_axis_off()
        return describe(made, "No other thresholds can be shown.")
    better = [name for name in names if marks.loc[name, "text"]] if len(marks) else []
    have = "has" if len(better) == 1 else "have"
    title = (
        f"{len(better)} of {len(names)} rules {have} better values" if better else "No other threshold is recommended"
    )
    made, axes = figure(f"{title}: alerts per month by threshold", rows=len(names), height=1.9, share_x=False)
    for ax, name in zip(axes, names, strict=True):
        curve, mark = curves[curves["name"] == name], marks.loc[name]
        ax.plot(curve["threshold"], curve["alerts_per_month"], color=BLUE, marker="o", markersize=3, linewidth=1)
        ax.scatter([mark["today"]], [mark["alerts_today"]], color=ORANGE, marker="D", zorder=3, label="today")
        if mark["text"]:
            at = [mark["recommended"]], [mark["alerts_recommended"]]
            ax.scatter(*at, color=GREEN, marker="s", zorder=3, label=f"recommended: {plain(mark['text'])}")
        count_axis(ax, float(curve["alerts_per_month"].max()))
        _wide(ax, [*curve["threshold"], mark["today"]])
        ax.set_title(_conclusion(name, mark), fontsize=9, loc="left")
        ax.set_ylabel("alerts per\n30 days", fontsize=8)
        ax.legend(fontsize=8, frameon=False)
    axes[-1].set_xlabel("threshold (rule's unit)", fontsize=9)
    return describe(made, f"{title}. Alerts per month against the threshold of {', '.join(names)}.")


def _wide(ax: Axes, thresholds: Sequence[float]) -> None:
    """Thresholds that lie orders of magnitude apart stand apart, not all but one in one place."""
    if min(thresholds) > 0 and max(thresholds) / min(thresholds) > WIDE:
        ax.set_xscale("log")
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _place: f"{value:,.12g}"))


def _conclusion(name: str, mark: "pd.Series[Any]") -> str:
    often = shown_number(mark["alerts_today"])
    today = f"{plain(name)}: {often} alerts in 30 days with {mark['today']:,.12g}"
    better = f"{shown_number(mark['alerts_recommended'])} as recommended" if mark["text"] else "as it is"
    return f"{today}, {better}"


def _worth_showing(result: ReportResult) -> list[str]:
    """Rules with a curve: those with a recommendation first, then the loudest."""
    curves, marks = result.frames["whatif"], result.frames["choices"]
    if not len(curves):
        return []
    tried = curves["name"].value_counts()
    marks = marks[marks["name"].isin(tried[tried > 1].index)]  # of one value alone there is nothing to compare
    ranked = marks.assign(better=marks["text"] != "").sort_values(["better", "alerts_today"], ascending=False)
    return list(ranked["name"])[:SHOWN_RULES]


def alerts(result: ReportResult) -> Figure:
    """How often each rule fired in the month."""
    table = result.tables["rules"]
    fired = table[table["alerts"] > 0].sort_values("alerts") if len(table) else table
    loudest = fired["alert"].iloc[-1] if len(fired) else ""
    title = (
        f"{loudest} fired most: {how_often(int(fired['alerts'].iloc[-1]))}"
        if loudest
        else "No rule fired in this month"
    )
    made, (ax,) = figure(title, height=max(1.6, 0.32 * len(fired) + 0.8))
    colours = [ORANGE if verdict in ("too_tight", "flapping") else BLUE for verdict in fired.get("verdict", [])]
    ax.barh([plain(name, 40) for name in fired.get("alert", [])], fired.get("alerts", []), color=colours)
    ax.set_xlabel("alerts in the month (times a label set entered firing)", fontsize=9)
    ax.grid(axis="y", visible=False)
    return describe(made, f"{title}. {len(fired)} of {len(table)} rules fired.")
