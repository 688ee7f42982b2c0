"""What other thresholds of one rule would have done, with its durations as they are: for pictures, not for choosing."""

from datetime import timedelta

import numpy as np
import pandas as pd

from analysis.prometheus.promql import quote
from analysis.thresholds.outcomes import Identity
from analysis.thresholds.whatif import WhatIf

CURVE = ("threshold", "alerts_per_month", "pages_per_month")


def curve(made: WhatIf, table: pd.DataFrame) -> pd.DataFrame:
    """Counts by threshold.

    Args:
        made: the combinations.
        table: their counts.

    Returns:
        Columns `CURVE`, by threshold; empty where the rule has not one number that can be varied.
    """
    if len(made.subject.today.thresholds) != 1:
        return pd.DataFrame(columns=list(CURVE), dtype="float64")
    return table.loc[_places(made), list(CURVE)].sort_values("threshold", ignore_index=True)


def alternative_alerts(made: WhatIf) -> pd.DataFrame:
    """Every alert that any threshold would have given.

    Returns:
        Columns threshold, start (UTC), alert (its labels as PromQL writes them, without those that the rule adds);
        empty where `curve` is.
    """
    if len(made.subject.today.thresholds) != 1:
        return pd.DataFrame({"threshold": [], "start": pd.DatetimeIndex([], tz="UTC"), "alert": []})
    alerts = made.events.alerts[np.isin(made.events.alerts[:, 0], _places(made))]
    thresholds = np.array([choice.thresholds[0] for choice in made.choices])
    texts = np.array([_text(made, identity) for identity in made.events.identities], dtype=object)
    start = pd.to_datetime(alerts[:, 1], unit="ms", utc=True)
    return pd.DataFrame({"threshold": thresholds[alerts[:, 0]], "start": start, "alert": texts[alerts[:, 3]]})


def data_hours(made: WhatIf) -> "pd.Series[float]":
    """Share of the slots of each hour (UTC) at which there was anything to judge; hours without any are left out."""
    hours = pd.to_datetime(made.seen_ms, unit="ms", utc=True).floor("1h")
    shares = hours.value_counts().sort_index() * (made.subject.grid.interval / timedelta(hours=1))
    return shares.clip(upper=1.0)


def _places(made: WhatIf) -> list[int]:
    """The combinations with today's durations."""
    today = made.subject.today
    durations = (today.for_duration, today.keep_firing_for)
    return [n for n, choice in enumerate(made.choices) if (choice.for_duration, choice.keep_firing_for) == durations]


def _text(made: WhatIf, identity: Identity) -> str:
    added = made.subject.rule.labels
    return ", ".join(f"{name}={quote(value)}" for name, value in identity if name not in added)
