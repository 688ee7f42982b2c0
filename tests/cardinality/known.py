"""A month of series that are known to the last one."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from analysis.datasets import backfill

START, END = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
EVIL = 'quote" back\\slash {brace} | $pipe\n.* é'


def write(url, series, step=timedelta(minutes=2), margin=timedelta(0)):
    """Backfill series, given as (labels, first instant or None, last instant or None)."""
    index = pd.date_range(START - margin, END, freq=step, name="time")
    frames = {}
    for labels, first, last in series:
        alive = (index >= (first or index[0])) & (index <= (last or index[-1]))
        rest = {name: value for name, value in labels.items() if name != "__name__"}
        frames.setdefault(labels["__name__"], []).append((rest, np.where(alive, 1.0, np.nan)))
    samples = {}
    for name, columns in frames.items():
        levels = sorted({level for labels, _ in columns for level in labels})
        keys = [tuple(labels.get(level, "") for level in levels) for labels, _ in columns]
        data = np.column_stack([values for _, values in columns])
        samples[name] = pd.DataFrame(data, index=index, columns=pd.MultiIndex.from_tuples(keys, names=levels))
    backfill(url, samples)


def known_series():
    """One month with a leak, a storm of rollouts, a new exporter, a removed metric, and hostile values."""
    middle, late = START + timedelta(days=14, hours=3), START + timedelta(days=20, hours=5)
    api = {"job": "api", "instance": "a:1", "team": "shop"}
    found = [({"__name__": "up", "job": "api", "instance": "a:1"}, None, None)]
    found += [({"__name__": "requests_total", **api, "code": code}, None, None) for code in ("200", "404", "500")]
    found += [
        ({"__name__": "requests_total", **api, "code": code, "user": f"u{n}"}, middle, None)
        for n in range(40)
        for code in ("200", "500")
    ]
    found += [({"__name__": "old_queue_length", **api, "queue": f"q{n}"}, None, middle) for n in range(15)]
    found += [({"__name__": "evil_total", **api, "path": EVIL + str(n)}, None, None) for n in range(3)]
    found += [({"__name__": "evil_total", **api, "path": EVIL + str(n)}, late, None) for n in range(3, 7)]
    for generation in range(6):  # each pod lives for an hour, all within one day
        first = middle + timedelta(hours=2 * generation)
        found += [
            ({"__name__": "work_done_total", **api, "pod": f"p{generation}-{n}"}, first, first + timedelta(hours=1))
            for n in range(5)
        ]
    found += [({"__name__": "work_done_total", **api, "pod": f"old-{n}"}, None, middle) for n in range(5)]
    found += [({"__name__": "work_done_total", **api, "pod": f"new-{n}"}, late, None) for n in range(5)]
    day = timedelta(days=1)
    found += [({"__name__": "flash_total", **api, "step": f"s{n}"}, middle, middle + day) for n in range(3)]
    redis = {"job": "redis", "instance": "r:9121"}
    names = ("up", "scrape_duration_seconds", "redis_up", "redis_clients")
    return found + [({"__name__": name, **redis}, late, None) for name in names]
