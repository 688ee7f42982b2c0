"""What the login review asks of the server; the only module of it that knows Prometheus."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pandas as pd

from analysis.fanout import FanOutSettings
from analysis.logins.folding import folded_labels, narrowed, with_others
from analysis.prometheus import Prometheus, engine
from analysis.prometheus.promql import quote, selector
from analysis.prometheus.spread import spread
from analysis.settings.logins import LoginAnomaliesSettings, Signal
from analysis.window import Window, format_duration, parse_duration

SCRAPES_PER_STEP = 4  # a range of a step and one scrape more then holds five intervals, four where one is late
SIGNALS = ("failures", "successes", "token_failures", "tokens", "sessions")
GAUGES = ("sessions",)
INSTANT = timedelta(milliseconds=1)  # the finest that the server tells apart
LOOKS_BACK = timedelta(days=1)  # a short window may hold little more than a restart


def scrape_interval(prom: Prometheus, signal: Signal, window: Window) -> timedelta | None:
    """Median distance of a metric's samples, series by series and hour by hour; None where it has none.

    A whole hour that begins at a sample holds one more than fit into it: a millisecond less never does.
    """
    span = min(timedelta(hours=1), window.duration)
    name = selector(signal.metric, signal.match)
    expr = f"quantile(0.5, count_over_time({name}[{format_duration(span - INSTANT)}]))"
    counts = prom.range(expr, window.start, window.end, span)
    seen = counts.to_numpy()[np.isfinite(counts.to_numpy())]
    if not len(seen) or np.median(seen) < 1:
        return None
    return timedelta(milliseconds=round(span / INSTANT / float(np.median(seen))))


def detector_step(settings: LoginAnomaliesSettings, scrape: timedelta) -> timedelta:
    """The step asked for, widened to a whole minute that holds enough scrapes."""
    wanted = parse_duration(settings.step)
    needed = scrape * SCRAPES_PER_STEP
    minute = timedelta(minutes=1)
    return wanted if wanted >= needed else -(-needed // minute) * minute


def counts(prom: Prometheus, signal: Signal, window: Window, step: timedelta, scrape: timedelta) -> pd.DataFrame:
    """How much a counter grew in each step, exactly, per label set of the signal.

    Resets are the server's business, and how it is asked for what is exact is `engine`'s.

    Returns:
        Columns one level per label of the signal; a stamp covers the step that ends at it.
    """
    folded = folded_labels(prom, signal, window) if signal.labels else {}

    def grown(chosen: str, labels: list[str]) -> pd.DataFrame:
        by = f"by ({', '.join(labels)})" if labels else ""
        expr, share = engine.increase(prom.source().kind, chosen, step, scrape)
        return prom.range(f"sum {by} ({expr})", window.start, window.end, step) * share

    named = grown(narrowed(signal, folded), signal.labels)
    if not folded:
        return named
    rest = [label for label in signal.labels if label not in folded]
    return with_others(named, grown(selector(signal.metric, signal.match), rest), folded)


def gauge(prom: Prometheus, signal: Signal, window: Window, step: timedelta, scrape: timedelta) -> pd.DataFrame:
    """Mean of a gauge over each step, summed over what its labels do not tell apart."""
    span = format_duration(step + scrape)
    by = f"by ({', '.join(signal.labels)})" if signal.labels else ""
    return prom.range(
        f"sum {by} (avg_over_time({selector(signal.metric, signal.match)}[{span}]))", window.start, window.end, step
    )


def scrapes(
    prom: Prometheus, signal: Signal, window: Window, step: timedelta, scrape: timedelta, instance: str
) -> pd.DataFrame:
    """Number of scrapes in each step's range, the lowest of an instance's series."""
    name, span = selector(signal.metric, signal.match), format_duration(step + scrape)
    return prom.range(f"max by ({instance}) (count_over_time({name}[{span}]))", window.start, window.end, step)


def resets(
    prom: Prometheus, signal: Signal, window: Window, step: timedelta, scrape: timedelta, instance: str
) -> pd.DataFrame:
    """Counter resets in each step's range, per instance."""
    expr = engine.resets(prom.source().kind, selector(signal.metric, signal.match), step, scrape)
    return prom.range(f"max by ({instance}) ({expr})", window.start, window.end, step)


def collect(prom: Prometheus, settings: LoginAnomaliesSettings, window: Window) -> Mapping[str, pd.DataFrame]:
    """Every frame that detection needs, history included.

    Returns:
        ``failures``, ``successes``, ``token_failures`` (counts per step, those that exist),
        ``samples`` and ``resets`` (per instance). Empty where no signal exists.
    """
    whole = Window(window.start - parse_duration(settings.history), window.end)
    recent = Window(max(whole.start, min(window.start, window.end - LOOKS_BACK)), window.end)
    scrape, there = None, list(SIGNALS)
    while there and (scrape := scrape_interval(prom, getattr(settings, there[0]), recent)) is None:
        there.pop(0)
    if scrape is None:
        return {}
    step = detector_step(settings, scrape)
    scrape -= INSTANT  # a range includes both its ends: samples exactly on them would make it one interval longer
    work = _Asking(settings, whole, step, scrape)
    where = FanOutSettings.from_environment().for_frames()
    frames = spread(prom, work, [(name, "counts") for name in there], settings=where)
    found = {name: frame for name, frame in zip(there, frames, strict=True) if frame.shape[1]}
    told = [name for name in found if settings.instance_label in getattr(settings, name).labels and name not in GAUGES]
    of_instances = ("samples", "resets") if told else ()
    frames = spread(prom, work, [(told[0], what) for what in of_instances], settings=where)
    found |= dict(zip(of_instances, frames, strict=True))
    for frame in found.values():
        frame.attrs["expected_samples"] = step / scrape + 1
    return found


@dataclass(frozen=True)
class _Asking:
    """One frame of one signal a block."""

    settings: LoginAnomaliesSettings
    window: Window
    step: timedelta
    scrape: timedelta

    def __call__(self, prom: Prometheus, item: tuple[str, str]) -> pd.DataFrame:
        name, what = item
        signal: Signal = getattr(self.settings, name)
        if what == "counts":
            ask = gauge if name in GAUGES else counts
            return ask(prom, signal, self.window, self.step, self.scrape)
        ask_instances = scrapes if what == "samples" else resets
        return ask_instances(prom, signal, self.window, self.step, self.scrape, self.settings.instance_label)


def shown_query(signal: Signal, labels: Mapping[str, str]) -> str:
    """The query that shows an event to a person."""
    wanted = {**signal.match, **{k: v for k, v in labels.items() if k in signal.labels}}
    inside = ",".join(f"{label}={quote(value)}" for label, value in wanted.items())
    return f"sum(rate({signal.metric}{{{inside}}}[5m])) * 60"
