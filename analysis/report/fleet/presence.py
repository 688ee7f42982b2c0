"""When each cluster of a global view was there: which vanished, and which cannot be judged by a month."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

from analysis.findings import Finding
from analysis.prometheus import Prometheus
from analysis.report.fleet.fleet_finding import standing
from analysis.report.fleet.members import shown_name
from analysis.window import Window, format_time

STEP = timedelta(hours=1)
GONE = timedelta(hours=6)  # unseen up to the end for longer than an upgrade takes
SPARSE = 0.5  # seen in less of the time than this, a month's review judges something else than a month
METRIC = "up"  # every scrape writes it


@dataclass(frozen=True)
class Seen:
    """When one cluster was there.

    Attributes:
        share: of the hours in which any cluster was.
        first: the first hour; None where it was never seen.
        last: the last one.
        targets: scraped at the last one.
    """

    share: float
    first: datetime | None
    last: datetime | None
    targets: int


def presence(prom: Prometheus, label: str, window: Window) -> pd.DataFrame:
    """Targets of each cluster, hour by hour: one column per value of the label, NaN where it was not there."""
    frame = prom.range(f"count by ({label}) (last_over_time({METRIC}[10m]))", window.start, window.end, STEP)
    if label not in frame.columns.names:
        return frame.iloc[:, :0]
    flat: pd.DataFrame = pd.DataFrame(frame.to_numpy(), frame.index, frame.columns.get_level_values(label))
    return flat


def seen(frame: pd.DataFrame, names: Iterable[str]) -> dict[str, Seen]:
    """When each cluster was there; one without the metric was never."""
    hours = frame.index[frame.notna().any(axis=1)]
    return {name: _seen(frame[name].dropna() if name in frame else pd.Series(dtype="float64"), hours) for name in names}


def _seen(there: pd.Series, hours: pd.Index) -> Seen:
    if there.empty:
        return Seen(0.0, None, None, 0)
    first, last = there.index[0].to_pydatetime(), there.index[-1].to_pydatetime()
    return Seen(len(there) / len(hours), first, last, int(there.iloc[-1]))


def presence_findings(label: str, times: Mapping[str, Seen], window: Window) -> Iterator[Finding]:
    """What to say of the clusters that vanished, and of those seen too little.

    Args:
        label: that tells the clusters apart.
        times: of each; a cluster that was never seen at all is left to its own reports.
        window: of the review.
    """
    fleet_last = max((each.last for each in times.values() if each.last), default=window.start)
    for name, each in times.items():
        if each.first is None or each.last is None:
            continue
        evidence = {
            "seen_share": round(each.share, 4),
            "first_seen": format_time(each.first),
            "last_seen": format_time(each.last),
            "targets_when_last_seen": each.targets,
        }
        if fleet_last - each.last >= GONE:
            yield standing(
                "cluster_vanished",
                "high",
                f"{label} {shown_name(name)} vanished: nothing has come from it since {each.last:%d %b %H:%M} UTC",
                window,
                {label: name},
                evidence,
                "Find out whether it was switched off on purpose; if so, nobody has to look again, and next month "
                "it is no part of the fleet. Else look at its Prometheus and at its remote write.",
                start=each.last,
            )
        elif each.share < SPARSE:
            yield standing(
                "too_little_data",
                "unknown",
                f"{label} {shown_name(name)} was seen in {each.share:.0%} of the month, and judged by no more",
                window,
                {label: name},
                evidence,
                "Look at its scrapes and its remote write if it is no new cluster.",
            )


def gone_since_last_month(label: str, earlier: Iterable[str], now: Iterable[str], window: Window) -> Iterator[Finding]:
    """The clusters of last month's fleet of which this month has no series at all."""
    for name in sorted(set(earlier) - set(now)):
        yield standing(
            "cluster_vanished",
            "high",
            f"{label} {shown_name(name)} vanished: last month it was part of the fleet, now no series is left",
            window,
            {label: name},
            {"seen_share": 0.0},
            "Find out whether it was switched off on purpose; next month it is no part of the fleet any more.",
        )
