"""Narrowing down a login review: one signal, one label, some of its values, one stretch of time."""

import pandas as pd
from matplotlib.figure import Figure

from analysis.drawing import PALETTE, RED, describe, figure, plain, shade, time_axis
from analysis.errors import InputError
from analysis.findings import ReportResult
from analysis.window import parse_time

SHOWN_VALUES = len(PALETTE)  # more lines than colours nobody tells apart


def narrowed(
    result: ReportResult,
    timezone: str,
    *,
    signal: str = "failures",
    label: str = "country",
    values: tuple[str, ...] = (),
    start: str = "",
    end: str = "",
) -> Figure:
    """Counts of a signal by the values of a label, events shaded.

    Args:
        result: of the login review.
        timezone: of the axis.
        signal: ``failures``, ``successes`` or ``token_failures``.
        label: one of the signal's labels.
        values: which of its values; the largest when empty.
        start: start of the stretch; that of the window when empty.
        end: end of the stretch; that of the window when empty.

    Raises:
        InputError: the review has no such signal, label or value.
    """
    parts = result.frames.get("parts", pd.DataFrame())
    known = sorted({key[:2] for key in parts.columns})
    if (signal, label) not in known:
        raise InputError(f"no counts of {signal} by {label}; there are {', '.join(f'{s} by {v}' for s, v in known)}")
    window = result.document.window
    low, high = parse_time(start) if start else window.start, parse_time(end) if end else window.end
    table = parts[signal][label].loc[low:high]
    missing = [value for value in values if value not in table.columns]
    if missing:
        raise InputError(f"{label} has no value {missing[0]!r}; there are {', '.join(map(str, table.columns))}")
    chosen = list(values) or list(table.columns[:SHOWN_VALUES])
    noun = signal.replace("_", " ")
    top = table[chosen].sum().idxmax()
    title = f"Most {noun} in this stretch have {label} {top}"
    made, (ax,) = figure(title)
    coarse = "1h" if high - low > pd.Timedelta(days=3) else None
    shown = table[chosen].resample(coarse).sum(min_count=1) if coarse else table[chosen]
    for place, value in enumerate(chosen[:SHOWN_VALUES]):
        ax.plot(shown.index, shown[value], color=PALETTE[place], linewidth=1.0, label=plain(str(value), 30))
    for found in result.document.findings:
        if found.severity != "unknown" and found.start < high and (found.end or high) > low:
            shade(ax, max(found.start, low), min(found.end or high, high), RED, 0.15)
    ax.set_ylabel(f"{noun}\nper {'hour' if coarse else 'step'}", fontsize=9)
    ax.set_ylim(bottom=0)
    ax.legend(loc="upper left", fontsize=8, frameon=False, ncols=2)
    time_axis(ax, timezone)
    return describe(made, title)
