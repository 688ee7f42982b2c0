"""What a month at five minutes costs as series grow: time and peak memory per stage, their exponents, local and Dask.

Run: python benchmarks/scale.py [SERIES …]   (default 1000 5000 20000 50000)
"""

import json
import os
import subprocess
import sys
import tempfile
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
from analysis.prometheus.blocks import BLOCK_SERIES, block_exprs, reduced
from analysis.prometheus.private_server import PrivatePrometheus
from analysis.series.overview import overview
from analysis.window import Window

END = datetime(2026, 11, 1, tzinfo=UTC)
STEP = timedelta(minutes=5)
DAYS = (7, 15, 30)
SIZES = (1_000, 5_000, 20_000, 50_000)
SERIES_PER_WRITE = 1_000
PLANNED_SERIES = 10_000_000
WORKERS = 2
STAGES = ("plan", "pull", "pull and reduce", "pull and seal", "read sealed and reduce")
LONG = {"PROMETHEUS_TIMEOUT_SECONDS": "900"}  # for a machine on which others are at work
KEYS = ("seconds", "cpu", "server cpu", "MiB")


def counted(frame: pd.DataFrame) -> int:
    """A block that is pulled and let go."""
    return frame.shape[1]


def measured_here(url: str, expr: str, days: int, stage: str) -> dict[str, float]:
    """One stage in this process: seconds by the clock and of a processor, and the peak of memory."""
    window = Window(END - timedelta(days=days), END)
    stages: dict[str, Callable[..., object]] = {
        "plan": lambda prom: block_exprs(prom, expr, window),
        "pull": lambda prom: reduced(prom, expr, window, STEP, counted),
        "pull and reduce": lambda prom: reduced(prom, expr, window, STEP, overview),
    }
    work = stages.get(stage) or stages["pull" if stage == "pull and seal" else "pull and reduce"]
    began, busy = time.perf_counter(), time.process_time()
    with connect(url) as prom:
        work(prom)
    return {"seconds": time.perf_counter() - began, "cpu": time.process_time() - busy, "MiB": _peak_mib()}


def _peak_mib() -> float:
    """Of this process alone: ru_maxrss would begin with what its parent held when it was started."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


class Bench:
    """One server with series of several sizes, each stage in a process of its own.

    Args:
        server: that has them.
        archive: where sealed days go.
    """

    def __init__(self, server: PrivatePrometheus, archive: str) -> None:
        self.server, self.archive = server, archive

    def measured(self, expr: str, days: int, stage: str, **environment: str) -> dict[str, float]:
        """In a process of its own, so that no stage inherits another's memory."""
        arguments = [sys.executable, __file__, "--measure", self.server.url, expr, str(days), stage]
        archive = self.archive if "seal" in stage else "off"
        settings = {"PROMETHEUS_ARCHIVE": archive, "PROMREVIEW_BACKEND": "sequential", **LONG, **environment}
        before = self._server_cpu()
        run = subprocess.run(arguments, env=os.environ | settings, stdout=subprocess.PIPE, text=True, check=True)
        found = json.loads(run.stdout.splitlines()[-1]) | {"server cpu": self._server_cpu() - before}
        shown = ", ".join(f"{key} {found[key]:.1f}" for key in KEYS)
        where = environment.get("PROMREVIEW_BACKEND", "one process")
        print(f"{stage}, {expr}, {days} d, {where}: {shown}, load {os.getloadavg()[0]:.1f}", flush=True)
        return found

    def _server_cpu(self) -> float:
        """Processor seconds of the server and whatever guards it."""
        pids = [str(self.server.process.pid), *_children(self.server.process.pid)]
        ticks = 0
        for pid in pids:
            fields = Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def by_series(self, exprs: dict[int, str]) -> None:
        sizes = list(exprs)
        for stage in STAGES:
            costs = [self.measured(exprs[size], DAYS[-1], stage) for size in sizes]
            told = [f"{key} {exponent(sizes, [cost[key] for cost in costs]):.2f}" for key in KEYS[:3]]
            many = [size for size in sizes if size > BLOCK_SERIES]
            peaks = [cost["MiB"] for size, cost in zip(sizes, costs, strict=True) if size in many]
            if len(many) > 1:
                told.append(f"MiB above a block {exponent(many, peaks):.2f}")
            print(f"exponents in series, {stage}: {', '.join(told)}", flush=True)
            if stage == "pull and reduce":
                hours = {key: costs[-1][key] / sizes[-1] * PLANNED_SERIES / 3600 for key in KEYS[:3]}
                told = ", ".join(f"{key} {value:.1f} h" for key, value in hours.items())
                print(f"{PLANNED_SERIES:,} series at the pace of the last: {told}", flush=True)

    def by_time(self, expr: str) -> None:
        for stage in ("pull", "pull and reduce"):
            costs = [self.measured(expr, days, stage) for days in DAYS]
            told = [f"{key} {exponent(list(DAYS), [cost[key] for cost in costs]):.2f}" for key in KEYS]
            print(f"exponents in time, {stage}: {', '.join(told)}", flush=True)

    def by_backend(self, expr: str) -> None:
        from distributed import LocalCluster

        for backend in ("sequential", "local"):
            self.measured(expr, DAYS[-1], STAGES[2], PROMREVIEW_BACKEND=backend, PROMREVIEW_JOBS=str(WORKERS))
        with LocalCluster(
            n_workers=WORKERS, threads_per_worker=1, host="127.0.0.1", dashboard_address=":0", silence_logs=50
        ) as cluster:
            where = {"PROMREVIEW_BACKEND": "dask", "PROMREVIEW_SCHEDULER": cluster.scheduler_address}
            self.measured(expr, DAYS[-1], STAGES[2], **where)


def _children(pid: int) -> list[str]:
    found = []
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in listed.read_text().split():
            found += [child, *_children(int(child))]
    return found


def frames(sizes: list[int]) -> Iterator[dict[str, pd.DataFrame]]:
    """Gauges with a daily rhythm and noise; `tier` tells the sizes apart."""
    index = pd.date_range(END - timedelta(days=DAYS[-1]), END, freq=STEP, inclusive="left", name="time")
    rhythm = np.sin(2 * np.pi * (index.hour + index.minute / 60).to_numpy() / 24)
    random = np.random.default_rng(7)
    for at in range(0, sizes[-1], SERIES_PER_WRITE):
        numbers = range(at, min(at + SERIES_PER_WRITE, sizes[-1]))
        columns = [(f"host-{n}", next(str(size) for size in sizes if n < size)) for n in numbers]
        values = 50 + 10 * rhythm[:, None] + random.normal(0, 2, (len(index), len(columns)))
        labels = pd.MultiIndex.from_tuples(columns, names=["instance", "tier"])
        yield {"scale_load": pd.DataFrame(values.round(2), index=index, columns=labels)}


def exponent(sizes: list[int], costs: list[float]) -> float:
    """The slope of the cost over the size, both as logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(np.maximum(costs, 1e-3)), 1)[0])


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
    sizes = [int(size) for size in sys.argv[1:]] or list(SIZES)
    exprs = {size: f'scale_load{{tier=~"{"|".join(str(s) for s in sizes if s <= size)}"}}' for size in sizes}
    print(f"local workers are ready after {starting():.1f} s", flush=True)
    with PrivatePrometheus(arguments=SERVER_ARGUMENTS) as server, tempfile.TemporaryDirectory() as archive:
        for block in tqdm(frames(sizes), total=-(-sizes[-1] // SERIES_PER_WRITE), desc="writing"):
            backfill(server.url, block)
        bench = Bench(server, archive)
        bench.by_time(exprs[sizes[:2][-1]])
        bench.by_series(exprs)
        bench.by_backend(exprs[sizes[-1]])


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(measured_here(sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5])))
    else:
        main()
