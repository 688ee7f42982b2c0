"""Members that are unlike the fleet: in the growth of their series, in series per target, in alerts."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from analysis.findings import Finding
from analysis.report.fleet.fleet_finding import standing
from analysis.report.fleet.members import Member
from analysis.report.fleet.presence import Seen
from analysis.report.measures import alerts_per_week
from analysis.series.outliers import unlike_peers
from analysis.window import Window

KIND = "unlike_the_fleet"
LEVEL = 0.05  # false discovery rate over all members and measures
FACTOR = 1.5  # off the fleet's median by less than this, nobody has to do anything
COUNTS = ("alerts_per_week",)  # may be zero, and scatter by chance like a count
HALF = 0.5  # beside a count, so that zero has a logarithm
WHOLE = 0.9  # of the fleet's time: what was there for less is compared with nobody
LITTLE = 0.05  # of a number of series comes and goes with every deployment
MEASURES = {
    "series_growth": "grew its series by a factor of {value:.3g} in the month, the fleet by {usual:.3g}",
    "series_per_target": "has {value:,.0f} series per target, the fleet {usual:,.0f}",
    "alerts_per_week": "has {value:.3g} alerts a week, the fleet {usual:.3g}",
}
ACTIONS = {
    "series_growth": "Open its page, cardinality: which metric and which label grew there and nowhere else?",
    "series_per_target": "Open its page, cardinality: which metric has more series there than in the others?",
    "alerts_per_week": "Open its page, thresholds: many alerts are noise or trouble, few may be dead alerting.",
}


def measures_of(documents: Mapping[str, Mapping[str, Any]], times: Seen | None) -> dict[str, float | None]:
    """The numbers by which a member is compared; None where it has none, or was not there for most of the month.

    Args:
        documents: its own, by report.
        times: when it was there; None where nobody knows.
    """
    if times and times.last and times.share < WHOLE:
        return dict.fromkeys(("series", *MEASURES))
    targets = times.targets if times else 0
    edges = documents.get("cardinality_growth", {}).get("series") or {}
    start, end = (float(edges.get(side) or 0) for side in ("start", "end"))
    return {
        "series": end or None,
        "series_growth": end / start if start and end else None,
        "series_per_target": end / targets if targets and end else None,
        "alerts_per_week": alerts_per_week(documents),
    }


def differences(members: Sequence[Member], measures: pd.DataFrame, window: Window) -> Iterator[Finding]:
    """One finding for each member and measure that is unlike the others, with a bounded false discovery rate.

    Args:
        members: of the fleet.
        measures: one row per member in their order, one column per measure.
        window: of the review.
    """
    tests = [tested for name in MEASURES if len(tested := _tested(measures, name))]
    if not tests:
        return
    table = pd.concat(tests)
    table["adjusted"] = stats.false_discovery_control(table["p_value"])
    far = (table["log"] - table["usual"]).abs() >= np.log(FACTOR)
    for place, row in table[(table["adjusted"] < LEVEL) & far].iterrows():
        yield _finding(members[int(str(place))], row, window)


def _tested(measures: pd.DataFrame, name: str) -> pd.DataFrame:
    """The test of one measure on a logarithmic scale, on which members of any size scatter alike."""
    values = measures[name].astype("float64")
    count = name in COUNTS
    logs = pd.Series(np.log(values + HALF) if count else np.log(values), values.index)
    noise = 1 / np.sqrt(values + HALF) if count else np.full(len(values), LITTLE)
    table = unlike_peers(logs, noise)
    usual = np.exp(table["usual"]) - (HALF if count else 0)
    own = {"log": logs[table.index], "value": values[table.index], "usual_value": usual}
    return table.assign(measure=name, **own)


def _finding(member: Member, row: pd.Series, window: Window) -> Finding:
    name, value, usual = str(row["measure"]), float(row["value"]), float(row["usual_value"])
    return standing(
        KIND,
        "medium" if value > usual else "low",
        f"{member.title} is unlike the fleet: it {MEASURES[name].format(value=value, usual=usual)}",
        window,
        {member.label or "environment": member.name, "measure": name},
        {name: value, f"{name}_usual": usual, "p_value": float(row["p_value"]), "p_adjusted": float(row["adjusted"])},
        ACTIONS[name],
    )
