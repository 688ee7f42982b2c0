"""A better threshold, `for` and `keep_firing_for` for one rule: fitted on earlier months, checked on an unseen one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.settings.thresholds import ThresholdDriftSettings
from analysis.thresholds.alerts import MILLISECOND
from analysis.thresholds.alternatives import alternative_alerts, curve, data_hours
from analysis.thresholds.candidates import candidates
from analysis.thresholds.conditions import Fetch
from analysis.thresholds.headroom import MINIMUM_SHARE
from analysis.thresholds.outcomes import DAYS_PER_MONTH, MOSTLY, standing_shares
from analysis.thresholds.predict import Prediction, predict
from analysis.thresholds.sides import in_memory
from analysis.thresholds.subjects import Choice, Subject
from analysis.thresholds.whatif import WhatIf, evaluated
from analysis.window import Window, unix_ms
from analysis.words import counted

SAFETY = 0.8  # of the budget is used up when fitting: what just fits one month exceeds the budget in the next
FLAPS_AT_LEAST = 2  # fewer are no flapping
FOR_UNIT, KEEP_UNIT = timedelta(minutes=15), timedelta(minutes=30)  # as large a change as one headroom's worth
DAY_MS = 86_400_000


@dataclass(frozen=True)
class Proposal:
    """What is recommended for one rule, and what it stands on.

    Attributes:
        current: today's values.
        recommended: better ones; None where nothing better is known.
        expected: alerts of the coming month with the recommended values, with today's where there are none.
        per_month: alerts and pages per month of 30 days over everything seen, today's and recommended.
        held_out: counts of the unseen month: alerts and pages, incidents and missed ones.
        missed: labelled incidents of all months that today's values missed, and how many there were.
        noise_pages: pages of the month that nothing excuses, with today's values.
        firing_minutes: of the month, with today's values.
        standing_share: of the month, for which one label set fired with them; what is excused left out.
        reason: in words.
        curve: columns threshold, alerts_per_month, pages_per_month: other thresholds with today's durations;
            empty where the rule has not one number that can be varied.
        alternatives: columns threshold, start, alert: each alert that those thresholds would have given.
        data_hours: share of each hour that had data, as `data_hours` gives it.
    """

    current: Choice
    recommended: Choice | None
    expected: Prediction | None
    per_month: dict[str, float | None]
    held_out: dict[str, int | None]
    missed: tuple[int, int]
    noise_pages: int
    firing_minutes: float
    standing_share: float
    reason: str
    curve: pd.DataFrame
    alternatives: pd.DataFrame
    data_hours: "pd.Series[float]"


@dataclass(frozen=True)
class Spans:
    """What was asked for, warm-up and all; the months before together with the unseen one; the unseen one alone."""

    asked: Window
    history: Window
    window: Window


def propose(
    subject: Subject, fetch: Fetch, spans: Spans, seen_ms: NDArray[np.int64], settings: ThresholdDriftSettings
) -> Proposal:
    """Recommend values for one rule.

    Args:
        subject: the rule.
        fetch: asks for an expression over the slots of `spans.asked`.
        spans: what is fitted on, and what it is checked on.
        seen_ms: slots at which there was anything to judge.
        settings: budget, flap gap, fewest days.
    """
    asked, history, window = spans.asked, spans.history, spans.window
    now = replace(evaluated(subject, [subject.today], history, asked, fetch), seen_ms=seen_ms)
    past = _past(history, window)
    known, held = _judged(now, history, settings), _judged(now, window, settings)
    days, reason = now.days(past) if past else 0.0, ""
    if past is None or days < settings.minimum_days:
        reason = f"too little data: {days:.1f} days before the window, fitting takes {settings.minimum_days}"
    elif known["ok"].iloc[0] and held["ok"].iloc[0]:
        reason = "today's values keep to the noise budget"
    first_ms, _ = asked.stamp_bounds_ms(subject.grid.interval, subject.grid.phase)
    until = (unix_ms(window.start) - first_ms) // (subject.grid.interval // MILLISECOND)
    choices = candidates(subject, fetch, until)
    if reason or past is None:  # nothing to choose: only what the curve shows
        choices = [c for c in choices if _has_durations(c, subject.today)] if in_memory(subject.tree) == [True] else []
        tried = evaluated(subject, choices, history, asked, fetch) if choices else now
        return _proposal(replace(tried, seen_ms=seen_ms), None, window, reason, settings)
    tried = evaluated(subject, choices, history, asked, fetch)
    return _chosen(replace(tried, seen_ms=seen_ms), past, window, settings)


def _has_durations(choice: Choice, today: Choice) -> bool:
    return (choice.for_duration, choice.keep_firing_for) == (today.for_duration, today.keep_firing_for)


def _past(history: Window, window: Window) -> Window | None:
    return Window(history.start, window.start) if history.start < window.start else None


def _judged(made: WhatIf, window: Window | None, settings: ThresholdDriftSettings) -> pd.DataFrame:
    """The table of combinations in a window, with `ok` where one keeps to the budget, flaps not, and misses nothing."""
    table = made.table(window)
    length = (window or made.window).duration / timedelta(days=1)
    share = min(1.0, made.days(window) / length) or 1.0
    table["rate"] = table["noise_pages_per_month"] / share
    table["in_budget"] = table["rate"] <= settings.alerts_per_week * DAYS_PER_MONTH / 7
    table["steady"] = table["flaps"] <= np.maximum(FLAPS_AT_LEAST, table["alerts"] / 2)
    table["complete"] = table["incidents_caught"] == table["incidents"]
    table["standing"] = standing_shares(made.events, len(made.choices), window or made.window) / share
    table["ok"] = table["in_budget"] & table["steady"] & table["complete"] & (table["standing"] <= MOSTLY)
    return table


def _chosen(tried: WhatIf, past: Window, window: Window, settings: ThresholdDriftSettings) -> Proposal:
    """The smallest change that keeps to the budget in the earlier months, if the unseen month bears it out."""
    fitted, held = _judged(tried, past, settings), _judged(tried, window, settings)
    today = tried.choices.index(tried.subject.today)
    budget = settings.alerts_per_week * DAYS_PER_MONTH / 7
    fits = fitted["ok"] & (fitted["rate"] <= SAFETY * budget)
    alive = (fitted["alerts"] > 0) | (fitted["incidents"] > 0)
    usable = fits & alive
    if not usable.any():
        return _proposal(tried, None, window, _why_not(fitted, fits, settings), settings)
    cost = np.array([_cost(choice, tried.subject.today, tried.choices) for choice in tried.choices])
    ranked = sorted(np.flatnonzero(usable).tolist(), key=lambda n: (cost[n], -fitted["alerts"][n]))
    best = ranked[0]
    quiet = fits[today] and held["complete"][today]  # what is noise this month alone asks for no tighter value
    if best == today or quiet:
        reason = "today's values kept to the budget in the months before; look at what this month was"
        return _proposal(tried, None, window, reason, settings)
    worse = held["noise_pages_per_month"][best] > held["noise_pages_per_month"][today]
    misses = held["incidents_caught"][best] < held["incidents_caught"][today]
    if (worse and bool(held["complete"][today])) or misses:
        reason = "what fitted the months before did no better in the unseen month"
        return _proposal(tried, None, window, reason, settings)
    reason = f"smallest change with at most {_pages(settings)} a week in the months before"
    if not held["in_budget"][best]:
        reason += "; in the unseen month it still paged more often than that"
    return _proposal(tried, tried.choices[best], window, reason, settings)


def _why_not(fitted: pd.DataFrame, fits: "pd.Series[bool]", settings: ThresholdDriftSettings) -> str:
    if fits.any():
        return "only values that would never have fired keep to the budget, which is no cure; mend what it watches"
    if fitted["incidents"].any() and not (fitted["complete"] & fitted["in_budget"]).any():
        return "no values catch every labelled incident within the noise budget; the expression itself has to change"
    what = "flapping, or firing most of the time"
    return f"no values keep to {_pages(settings)} a week without {what}; mend what it watches"


def _pages(settings: ThresholdDriftSettings) -> str:
    return counted(settings.alerts_per_week, "page")


def _cost(choice: Choice, today: Choice, choices: Sequence[Choice]) -> float:
    """How large a change is: in units of the spread of the candidates, and of usual durations."""
    cost = 0.0
    for place, (new, old) in enumerate(zip(choice.thresholds, today.thresholds, strict=True)):
        if new != old:
            values = [other.thresholds[place] for other in choices]
            cost += abs(new - old) / max(max(values) - min(values), 1e-300)
    cost += abs(choice.for_duration - today.for_duration) / FOR_UNIT
    return cost + abs(choice.keep_firing_for - today.keep_firing_for) / KEEP_UNIT


def _proposal(
    made: WhatIf, recommended: Choice | None, window: Window, reason: str, settings: ThresholdDriftSettings
) -> Proposal:
    today = made.choices.index(made.subject.today)
    best = made.choices.index(recommended) if recommended else today
    everything, held = made.table(), _judged(made, window, settings)
    incidents, caught = everything["incidents"][today], everything["incidents_caught"]
    if not incidents:
        reason += "; recall is unknown: no labelled incident names this alert"
    return Proposal(
        current=made.subject.today,
        recommended=recommended,
        expected=_expected(made, best, settings.prediction_level),
        per_month=_both(everything, ("alerts_per_month", "pages_per_month"), today, best if recommended else None),
        held_out=_held_out(held, today, best if recommended else None),
        missed=(int(incidents - caught[today]), int(incidents)),
        noise_pages=int(held["noise_pages"][today]),
        firing_minutes=float(held["firing_minutes"][today]),
        standing_share=float(held["standing"][today]),
        reason=reason,
        curve=curve(made, everything),
        alternatives=alternative_alerts(made),
        data_hours=data_hours(made),
    )


def _both(table: pd.DataFrame, names: Sequence[str], today: int, best: int | None) -> dict[str, float | None]:
    """Numbers of today's values and of the recommended ones, None where there are none."""
    rows = (("current", today), ("recommended", best))
    return {
        f"{name}_{whose}": None if row is None else float(table[name][row]) for name in names for whose, row in rows
    }


def _held_out(held: pd.DataFrame, today: int, best: int | None) -> dict[str, int | None]:
    counted = _both(held, ("alerts", "pages"), today, best)
    row = today if best is None else best
    incidents = int(held["incidents"][row])
    numbers = {name: None if number is None else int(number) for name, number in counted.items()}
    return numbers | {"incidents": incidents, "missed": incidents - int(held["incidents_caught"][row])}


def _expected(made: WhatIf, place: int, level: float) -> Prediction | None:
    """Prediction from the days that had data for at least half of their slots."""
    end_ms = unix_ms(made.window.end)
    ago = (end_ms - 1 - made.seen_ms) // DAY_MS
    length = int(made.window.duration / timedelta(days=1))
    slots = np.bincount(ago[(ago >= 0) & (ago < length)], minlength=length)
    whole = slots * (made.subject.grid.interval / timedelta(days=1)) >= MINIMUM_SHARE
    if not whole.any():
        return None
    starts = (end_ms - 1 - made.events.alerts[made.events.alerts[:, 0] == place, 1]) // DAY_MS
    daily = np.bincount(starts[(starts >= 0) & (starts < length)], minlength=length)
    return predict(daily[whole][::-1], level)
