"""What a month at five minutes costs as series grow: time and peak memory per stage, their exponents, local and Dask.

Run: python benchmarks/scale.py [SERIES]   (default 50,000; the smaller sizes are a tenth and a fiftieth of it)
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from tqdm import tqdm

from analysis.datasets import SERVER_ARGUMENTS, backfill
from analysis.prometheus import connect
from analysis.prometheus.blocks import block_exprs, reduced
from analysis.prometheus.private_server import PrivatePrometheus
from analysis.window import Window

END = datetime(2026, 11, 1, tzinfo=UTC)
STEP = timedelta(minutes=5)
DAYS = 30
SHARES = (50, 10, 1)  # sizes: the whole divided by these
SERIES_PER_WRITE = 1_000
PLANNED_SERIES = 10_000_000
WORKERS = 2


def summarised(frame: pd.DataFrame) -> tuple[int, int, float]:
    """What is kept of a block: series, samples, and the mean spread around the daily rhythm."""
    hours = frame.groupby(frame.index.hour).transform("median")
    return frame.shape[1], int(frame.notna().to_numpy().sum()), float((frame - hours).abs().median().mean())


def counted(frame: pd.DataFrame) -> int:
    """A block that is pulled and let go."""
    return frame.shape[1]


def measured_here(url: str, expr: str, days: int, stage: str) -> dict[str, float]:
    """One stage in this process, with its peak of memory."""
    window = Window(END - timedelta(days=days), END)
    stages: dict[str, Callable[..., object]] = {
        "plan": lambda prom: block_exprs(prom, expr, window),
        "pull": lambda prom: reduced(prom, expr, window, STEP, counted),
        "pull and reduce": lambda prom: reduced(prom, expr, window, STEP, summarised),
    }
    began = time.perf_counter()
    with connect(url) as prom:
        stages[stage](prom)
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "mib": _peak_mib()}


def _peak_mib() -> float:
    """Of this process alone: ru_maxrss would begin with what its parent held when it was started."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def measured(url: str, expr: str, days: int, stage: str, **environment: str) -> dict[str, float]:
    """The same in a process of its own, so that no stage inherits another's memory."""
    arguments = [sys.executable, __file__, "--measure", url, expr, str(days), stage]
    settings = {"PROMETHEUS_ARCHIVE": "off", "PROMREVIEW_BACKEND": "sequential", **environment}
    run = subprocess.run(arguments, env=os.environ | settings, capture_output=True, text=True, check=True)
    return json.loads(run.stdout.splitlines()[-1])


def frames(series: int) -> Iterator[dict[str, pd.DataFrame]]:
    """Gauges with a daily rhythm, a trend and noise; `tier` tells the sizes apart."""
    index = pd.date_range(END - timedelta(days=DAYS), END, freq=STEP, inclusive="left", name="time")
    rhythm = np.sin(2 * np.pi * (index.hour + index.minute / 60).to_numpy() / 24)
    random = np.random.default_rng(7)
    edges = [series // share for share in SHARES]
    for at in range(0, series, SERIES_PER_WRITE):
        numbers = range(at, min(at + SERIES_PER_WRITE, series))
        columns = [(f"host-{n}", next(str(edge) for edge in edges if n < edge)) for n in numbers]
        values = 50 + 10 * rhythm[:, None] + random.normal(0, 2, (len(index), len(columns)))
        labels = pd.MultiIndex.from_tuples(columns, names=["instance", "tier"])
        yield {"scale_load": pd.DataFrame(values.round(2), index=index, columns=labels)}


def exponent(sizes: list[int], costs: list[float]) -> float:
    """The slope of the cost over the size, both as logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(costs), 1)[0])


def starting() -> float:
    """Seconds until local processes with the package imported have done their first block."""
    began = time.perf_counter()
    Parallel(n_jobs=WORKERS)(delayed(_imported)() for _ in range(WORKERS))
    return time.perf_counter() - began


def _imported() -> int:
    import analysis.series
    import analysis.thresholds  # noqa: F401

    return 1


def main() -> None:
    series = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    sizes = [series // share for share in SHARES]
    exprs = {size: f'scale_load{{tier=~"{"|".join(str(s) for s in sizes if s <= size)}"}}' for size in sizes}
    print(f"local workers are ready after {starting():.1f} s", flush=True)
    with PrivatePrometheus(arguments=SERVER_ARGUMENTS) as server:
        for block in tqdm(frames(series), total=-(-series // SERIES_PER_WRITE), desc="writing"):
            backfill(server.url, block)
        by_series(server.url, sizes, exprs)
        by_time(server.url, exprs[sizes[1]], sizes[1])
        by_backend(server.url, exprs[sizes[1]], sizes[1])


def by_series(url: str, sizes: list[int], exprs: dict[int, str]) -> None:
    for stage in ("plan", "pull", "pull and reduce"):
        costs = [measured(url, exprs[size], DAYS, stage) for size in sizes]
        for size, cost in zip(sizes, costs, strict=True):
            print(f"{stage}, {size:,} series, {DAYS} d: {cost['seconds']:.1f} s, {cost['mib']:.0f} MiB", flush=True)
        exponents = [exponent(sizes[-2:], [cost[key] for cost in costs[-2:]]) for key in ("seconds", "mib")]
        print(f"{stage}: exponent in series {exponents[0]:.2f} of time, {exponents[1]:.2f} of memory (two largest)")
    hours = costs[-1]["seconds"] / sizes[-1] * PLANNED_SERIES / 3600
    print(f"{PLANNED_SERIES:,} series at this pace: {hours:.1f} h on one process, memory as above")


def by_time(url: str, expr: str, size: int) -> None:
    days = [DAYS // 4, DAYS // 2, DAYS]
    costs = [measured(url, expr, count, "pull and reduce") for count in days]
    seconds = [cost["seconds"] for cost in costs]
    print(f"{size:,} series over {days} d: {[round(s, 1) for s in seconds]} s, exponent {exponent(days, seconds):.2f}")


def by_backend(url: str, expr: str, size: int) -> None:
    from distributed import LocalCluster

    alone = measured(url, expr, DAYS, "pull and reduce")["seconds"]
    local = measured(url, expr, DAYS, "pull and reduce", PROMREVIEW_BACKEND="local", PROMREVIEW_JOBS=str(WORKERS))
    with LocalCluster(
        n_workers=WORKERS, threads_per_worker=1, host="127.0.0.1", dashboard_address=None, silence_logs=50
    ) as cluster:
        asked = {"PROMREVIEW_BACKEND": "dask", "PROMREVIEW_SCHEDULER": cluster.scheduler_address}
        dask = measured(url, expr, DAYS, "pull and reduce", PROMREVIEW_JOBS=str(WORKERS), **asked)
    print(f"{size:,} series: one process {alone:.1f} s, local {local['seconds']:.1f} s, Dask {dask['seconds']:.1f} s")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(measured_here(sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5])))
    else:
        main()
