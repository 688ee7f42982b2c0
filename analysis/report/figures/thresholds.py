"""Figures of the threshold review."""

import pandas as pd
from matplotlib.figure import Figure

from analysis.findings import ReportResult
from analysis.report.figures.style import BLUE, GREY, ORANGE, RED, describe, figure, plain, time_axis

SHOWN_RULES = 6  # more panels than this nobody looks at


def headroom(result: ReportResult, timezone: str) -> Figure:
    """Daily headroom of the rules that drift, or of the tightest ones, with the threshold as zero."""
    frame = result.frames["headroom"]
    drifting = [f.labels["alertname"] for f in result.document.findings if f.kind == "drifting"]
    names = list(dict.fromkeys([n for n in drifting if n in frame] or list(frame.columns)))[:SHOWN_RULES]
    text = f"{len(set(drifting))} rules drift" if drifting else "No rule drifts"
    if not names:
        made, (ax,) = figure("No rule has a threshold to measure headroom against")
        ax.set_axis_off()
        return describe(made, "No headroom can be shown.")
    made, axes = figure(f"{text}: daily distance from the threshold", rows=len(names), height=1.9)
    for ax, name in zip(axes, names, strict=True):
        days = frame[name].dropna()
        ax.plot(days.index, days.to_numpy(), color=BLUE, marker="o", markersize=3, linewidth=1)
        ax.axhline(0, color=RED, linewidth=1.2)
        ax.axvline(pd.Timestamp(result.document.window.start), color=GREY, linestyle=":", linewidth=1)
        ax.set_title(plain(name), fontsize=10, loc="left")
        ax.set_ylabel("headroom\n(rule's unit)", fontsize=8)
    time_axis(axes[-1], timezone)
    return describe(made, f"{text}. Daily headroom of {', '.join(names)}; zero is the threshold.")


def alerts(result: ReportResult) -> Figure:
    """How often each rule fired in the month."""
    table = result.tables["rules"]
    fired = table[table["alerts"] > 0].sort_values("alerts") if len(table) else table
    loudest = fired["alert"].iloc[-1] if len(fired) else ""
    title = f"{loudest} fired most: {int(fired['alerts'].iloc[-1])} times" if loudest else "No rule fired in this month"
    made, (ax,) = figure(title, height=max(1.6, 0.32 * len(fired) + 0.8))
    colours = [ORANGE if verdict in ("too_tight", "flapping") else BLUE for verdict in fired.get("verdict", [])]
    ax.barh([plain(name, 40) for name in fired.get("alert", [])], fired.get("alerts", []), color=colours)
    ax.set_xlabel("alerts in the month (times a label set entered firing)", fontsize=9)
    ax.grid(axis="y", visible=False)
    return describe(made, f"{title}. {len(fired)} of {len(table)} rules fired.")
