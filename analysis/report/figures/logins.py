"""Figures of the login review."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.drawing import BLUE, GREY, LIGHT, ORANGE, RED, describe, figure, plain, shade, time_axis
from analysis.findings import Finding, ReportResult
from analysis.words import counted

SHOWN_EVENTS = 12  # more plots than this nobody looks at; the rest stands in the table
MARGIN = pd.Timedelta(hours=6)  # what is shown on either side of an event
_PANELS = (("failures", "failed logins"), ("successes fall", "successful logins"))
_ALARMS = ("critical", "high", "medium", "low")


def month(result: ReportResult, timezone: str) -> Figure:
    """The whole window: counts, what was expected, events, and what was not judged."""
    alarms = [f for f in result.document.findings if f.severity in _ALARMS]
    counts = result.frames.get("counts", pd.DataFrame())
    title = f"{counted(len(alarms), 'login event')} in this window" if alarms else "No login event in this window"
    panels = [(name, noun) for name, noun in _PANELS if (name, "actual") in counts.columns]
    if not panels:
        made, (ax,) = figure("The login could not be judged: no data", height=0.3)
        ax.set_axis_off()
        return describe(made, "There is no login data to show.")
    made, axes = figure(title, rows=len(panels), height=2.5)
    for ax, (name, noun) in zip(axes, panels, strict=True):
        hourly = counts[name].resample("1h").sum(min_count=1)
        ax.plot(hourly.index, hourly["actual"], color=BLUE, linewidth=0.9, label="counted")
        ax.plot(hourly.index, hourly["expected"], color=ORANGE, linewidth=0.9, label="usual")
        for finding in alarms:
            shade(ax, finding.start, finding.end or result.document.window.end, RED, 0.25)
        _shade_unjudged(ax, result)
        ax.set_ylabel(f"{noun}\nper hour", fontsize=9)
        ax.set_ylim(bottom=0)
    axes[0].legend(loc="upper right", fontsize=8, frameon=False, ncols=2)
    time_axis(axes[-1], timezone)
    text = "; ".join(f.title for f in alarms[:5])
    return describe(made, f"{title}. {text}")


def _shade_unjudged(ax: Axes, result: ReportResult) -> None:
    """Grey where something could not be judged; a signal that is missing all the time hides nothing of the others."""
    window = result.document.window
    for gap in result.document.coverage.gaps:
        if gap.scope == "login" or (gap.start, gap.end) != (window.start, window.end):
            shade(ax, gap.start, gap.end, GREY, 0.2)


def events(result: ReportResult, timezone: str) -> dict[str, Figure]:
    """One figure per event, the gravest first, by names such as ``event-01``."""
    alarms = [f for f in result.document.findings if f.severity in _ALARMS][:SHOWN_EVENTS]
    return {f"event-{place:02d}": event(finding, result, timezone) for place, finding in enumerate(alarms, start=1)}


def event(finding: Finding, result: ReportResult, timezone: str) -> Figure:
    """The signal around an event with its expected band, and the values that carried it."""
    counts = result.frames["counts"]
    name = _watch_name(finding, counts)
    around = counts[name].loc[finding.start - MARGIN : (finding.end or finding.start) + MARGIN]
    made, (ax,) = figure(finding.title, height=3.0)
    spread = 2 * np.sqrt(around["expected"] * 1.5 + (0.1 * around["expected"]) ** 2)
    low, high = (around["expected"] - spread).clip(lower=0), around["expected"] + spread
    ax.fill_between(around.index, low, high, color=LIGHT, label="usual range")
    ax.plot(around.index, around["actual"], color=BLUE, linewidth=1.1, label="counted")
    shade(ax, finding.start, finding.end or around.index[-1].to_pydatetime(), RED, 0.15, label="event")
    step = around.index[1] - around.index[0]
    ax.set_ylabel(f"{plain(name, 36)}\nper {step / pd.Timedelta(minutes=1):g} min", fontsize=9)
    ax.set_ylim(bottom=0)
    ax.legend(loc="upper left", fontsize=8, frameon=False)
    time_axis(ax, timezone)
    blamed = [r for r in finding.evidence.get("attribution", []) if r["excess"]]
    text = ", ".join(f"{r['label']} {r['value']}" for r in blamed[:3])
    return describe(made, f"{finding.title}. Carried by {text}." if text else finding.title)


def _watch_name(finding: Finding, counts: pd.DataFrame) -> str:
    """The watch that shows an event best: the one with the greatest excess against its size."""
    inside = counts.loc[finding.start : finding.end or counts.index[-1]]
    names = list(dict.fromkeys(counts.columns.get_level_values("watch")))
    prefix = {"jwt_forgery": "token_failures", "login_outage": "successes fall"}.get(finding.kind)
    if finding.kind in ("off_hours_success", "unusual_country"):
        prefix = "successes"
        values = tuple(f"={value}" for value in finding.labels.values())
        names = [n for n in names if n.startswith(prefix) and n.endswith(values)] or ["successes fall"]
    names = [n for n in names if n.startswith(prefix or "failures")] or names

    def weight(name: str) -> float:
        part = inside[name].sum()
        return float(abs(part["actual"] - part["expected"]) / np.sqrt(part["expected"] + 1))

    return max(names, key=weight)
