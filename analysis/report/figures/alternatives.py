"""One rule with another threshold: how often it would have fired, all of its alerts or one of them."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis.drawing import BLUE, GREY, ORANGE, RED, count_axis, describe, figure, plain, time_axis
from analysis.errors import InputError
from analysis.findings import ReportResult
from analysis.settings.thresholds import ThresholdDriftSettings
from analysis.window import Window, parse_time

MONTH = pd.Timedelta(days=30)  # what counts are told for, as everywhere in the review
HOUR, DAY = timedelta(hours=1), pd.Timedelta(days=1)

WHOLE = 0.95  # of a stretch that had data: less is told beside the count


@dataclass(frozen=True)
class Tried:
    """Alerts of one rule by threshold, in one stretch of time.

    Attributes:
        name: of the rule.
        window: the stretch.
        per_month: alerts per 30 days, by threshold.
        today: the rule's own threshold.
        starts: when an alert began to fire, and with which threshold.
        days: days of the stretch that had data.
    """

    name: str
    window: Window
    per_month: "pd.Series[float]"
    today: float
    starts: pd.DataFrame
    days: float


def rules_to_try(result: ReportResult) -> list[str]:
    """Rules with one number that can be varied, the loudest first."""
    curves, marks = result.frames.get("whatif", pd.DataFrame()), result.frames.get("choices", pd.DataFrame())
    if not len(curves) or not len(marks):
        return []
    ranked = marks[marks["name"].isin(curves["name"])].sort_values("alerts_today", ascending=False, kind="stable")
    return list(ranked["name"])


def alerts_to_try(result: ReportResult, name: str) -> list[str]:
    """Label sets of a rule's alerts, those that would fire most often first."""
    table = result.frames["alternatives"]
    return list(table.loc[table["name"] == name, "alert"].value_counts().index)


def tried(result: ReportResult, name: str, stretch: Window, alert: str = "") -> Tried:
    """Count what other thresholds would have done.

    Args:
        result: of the threshold review.
        name: one of `rules_to_try`.
        stretch: alerts that begin to fire in it count.
        alert: one of `alerts_to_try`; all of them when empty.

    Raises:
        InputError: no such rule or alert.
    """
    known = rules_to_try(result)
    if name not in known:
        raise InputError(f"no threshold of {name!r} can be varied; there are {', '.join(known) or 'none'}")
    if alert and alert not in alerts_to_try(result, name):
        raise InputError(f"{name} has no alert {alert!r}; there are {'; '.join(alerts_to_try(result, name)[:20])}")
    curves, marks, starts = (result.frames[key] for key in ("whatif", "choices", "alternatives"))
    mine = starts[(starts["name"] == name) & (starts["start"] >= stretch.start) & (starts["start"] < stretch.end)]
    mine = mine[mine["alert"] == alert] if alert else mine
    thresholds = curves.loc[curves["name"] == name, "threshold"]
    counts = mine["threshold"].value_counts().reindex(thresholds, fill_value=0)
    today = float(marks.set_index("name").loc[name, "today"])
    hours = result.frames["data_hours"][name].loc[stretch.start : stretch.end - HOUR]
    days = float(hours.sum()) / 24
    return Tried(name, stretch, counts * (MONTH / stretch.duration), today, mine, days)


def alternative(
    result: ReportResult,
    settings: ThresholdDriftSettings,
    *,
    name: str = "",
    threshold: float | None = None,
    alert: str = "",
    start: str | datetime = "",
    end: str | datetime = "",
) -> Figure:
    """One threshold of one rule, beside all others, and when it would have fired.

    Args:
        result: of the threshold review.
        settings: of the threshold review.
        name: the rule; the loudest when empty.
        threshold: the nearest one that was tried is shown; the rule's own when None.
        alert: label set of one of its alerts; all of them when empty.
        start: start of the stretch; that of all that was looked at when empty.
        end: end of the stretch; that of the window when empty.

    Raises:
        InputError: no such rule or alert, or a time that is none.
    """
    names = rules_to_try(result)
    if not names:
        made, (ax,) = figure("No rule has a threshold that could be varied", height=1.0)
        ax.set_axis_off()
        return describe(made, "No other thresholds can be tried.")
    whole = settings.history(Window(result.document.window.start, result.document.window.end))
    stretch = Window(parse_time(start) if start else whole.start, parse_time(end) if end else whole.end)
    found = tried(result, name or names[0], stretch, alert)
    wanted = found.today if threshold is None else threshold
    chosen = min(found.per_month.index, key=lambda value: abs(value - wanted))
    said = _said(found, chosen)
    made, (above, below) = figure(said, rows=2, height=1.7, share_x=False)
    _curve(above, found, chosen)
    _daily(below, found, chosen, settings.timezone)
    return describe(made, said)


def _said(found: Tried, chosen: float) -> str:
    if not found.days:
        return f"{found.name}: no data in this stretch, so nothing can be said"
    text = f"{found.name} at {chosen:g}: {found.per_month[chosen]:,.1f} alerts per month"
    if chosen != found.today and found.today in found.per_month.index:
        text += f", instead of {found.per_month[found.today]:,.1f} at today's {found.today:g}"
    share = found.days / (found.window.duration / DAY)
    return text + (f" (data for {share:.0%} of the time)" if share < WHOLE else "")


def _curve(ax: Axes, found: Tried, chosen: float) -> None:
    ax.plot(found.per_month.index, found.per_month.to_numpy(), color=BLUE, marker="o", markersize=3, linewidth=1)
    if found.today in found.per_month.index:
        ax.scatter([found.today], [found.per_month[found.today]], color=ORANGE, marker="D", zorder=3, label="today")
    ax.scatter([chosen], [found.per_month[chosen]], color=RED, s=60, zorder=4, label=plain(f"at {chosen:g}"))
    ax.axvline(chosen, color=RED, linewidth=0.8, linestyle=":")
    count_axis(ax, float(found.per_month.max()))
    ax.set_ylabel("alerts per\n30 days", fontsize=8)
    ax.set_xlabel("threshold (rule's unit)", fontsize=9)
    ax.legend(fontsize=8, frameon=False)


def _daily(ax: Axes, found: Tried, chosen: float, timezone: str) -> None:
    """Alerts of each day with the threshold."""
    days = found.starts.loc[found.starts["threshold"] == chosen, "start"].dt.tz_convert(timezone).dt.normalize()
    low, high = (pd.Timestamp(edge).tz_convert(timezone) for edge in (found.window.start, found.window.end))
    counts = days.value_counts().reindex(pd.date_range(low.normalize(), high, freq="D", inclusive="left"), fill_value=0)
    ax.bar(counts.index, counts.to_numpy(), width=DAY * 0.8, align="edge", color=BLUE if counts.any() else GREY)
    ax.set_xlim(low, high)
    ax.set_ylim(bottom=0, top=max(1, int(counts.max())) * 1.05 if len(counts) else 1)
    ax.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    ax.set_ylabel("alerts\nper day", fontsize=8)
    time_axis(ax, timezone)
