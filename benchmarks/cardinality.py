"""The whole cardinality review on a TSDB of 200,000 series, and what each query costs.

Run: python benchmarks/cardinality.py [SERIES]
"""

import resource
import sys
import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from analysis.cardinality import review
from analysis.datasets import SERVER_ARGUMENTS, backfill
from analysis.prometheus import connect
from analysis.prometheus.private_server import PrivatePrometheus
from analysis.settings.cardinality import CardinalityGrowthSettings

METRICS = 400
END = datetime(2026, 11, 1, tzinfo=UTC)
HOURS = 2
METRICS_PER_WRITE = 10


def frames(series: int) -> dict[str, pd.DataFrame]:
    """One sample a minute; a tenth of the metrics leak a label, a tenth lose and gain pods."""
    index = pd.date_range(END - timedelta(hours=HOURS), END, freq="1min", name="time")
    each = series // METRICS
    made = {}
    for number in range(METRICS):
        path = "path" if number % 10 else "user"
        columns = [("app", f"host-{n % 20}:9100", f"p{n % 7}", f"/{path}/{n}") for n in range(each)]
        data = np.ones((len(index), each))
        if number % 10 == 0:  # half of the values appear on the way
            for n in range(each // 2, each):
                data[: 1 + n * (len(index) - 2) // each, n] = np.nan
        levels = ["job", "instance", "pod", "path"]
        made[f"app_metric_{number}_total"] = pd.DataFrame(
            data, index=index, columns=pd.MultiIndex.from_tuples(columns, names=levels)
        )
    return made


def main() -> None:
    series = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    with PrivatePrometheus(arguments=SERVER_ARGUMENTS) as server:
        data = list(frames(series).items())
        for at in range(0, len(data), METRICS_PER_WRITE):
            backfill(server.url, dict(data[at : at + METRICS_PER_WRITE]))
        del data
        settings = CardinalityGrowthSettings(start=(END - timedelta(hours=HOURS)).isoformat(), end=END.isoformat())
        with connect(server.url) as prom:
            began = time.perf_counter()
            result = review(prom, settings, settings.window())
            seconds = time.perf_counter() - began
    extra = result.document.model_extra or {}
    assert sum(cause["delta"] for cause in extra["causes"]) == extra["series"]["end"] - extra["series"]["start"]
    asked = len(result.document.queries)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{extra['series']['end']:,} series: {seconds:.1f} s, {asked} queries, peak {memory:.0f} MiB")
    print(
        f"causes {len(extra['causes'])}, proposals {len(extra['proposals'])}, coverage {result.document.coverage.share}"
    )


if __name__ == "__main__":
    main()
