"""The archive for one long range query: bytes a sample, and reading it again beside asking the server again.

Run: python benchmarks/archive.py [DAYS]    (120 days = 60 series of 172,800 points = 10.4 M samples)

`make bench` also kills its writer a hundred times:
PROMREVIEW_KILLS=100 pytest tests/prometheus/test_archive.py -k killed
"""

import statistics
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from pull import END, EXPR, data

from analysis.datasets import SERVER_ARGUMENTS, backfill
from analysis.prometheus import connect
from analysis.prometheus.archive import Archive
from analysis.prometheus.private_server import PrivatePrometheus
from analysis.settings import ConnectionSettings

RUNS = 3


def seconds(url: str, days: int, folder: str) -> float:
    with connect(url, ConnectionSettings(archive=folder)) as prom:
        began = time.perf_counter()
        prom.range(EXPR, END - timedelta(days=days), END, "1m")
        return time.perf_counter() - began


def main() -> None:
    days = int(sys.argv[1]) if len(sys.argv) > 1 else 120
    with PrivatePrometheus(arguments=SERVER_ARGUMENTS) as server, tempfile.TemporaryDirectory() as folder:
        backfill(server.url, {EXPR: data(days)})
        asked = statistics.median(seconds(server.url, days, "off") for _ in range(RUNS))
        sealed = seconds(server.url, days, folder)
        again = statistics.median(seconds(server.url, days, folder) for _ in range(RUNS))
        held = [day for dataset in Archive(Path(folder)).datasets() for day in dataset.held.values()]
        began = time.perf_counter()
        assert not list(Archive(Path(folder)).problems())
        verified = time.perf_counter() - began
    samples, size = sum(day.samples for day in held), sum(day.size for day in held)
    print(f"{len(held)} days, {samples:,} samples\n")
    print("| what | seconds |\n|---|---|")
    print(f"| asking the server | {asked:.2f} |")
    print(f"| the same, sealing every day | {sealed:.2f} |")
    print(f"| reading the archive | {again:.2f} ({asked / again:.0f} times as fast as asking) |")
    print(f"| verifying every bit | {verified:.2f} |\n")
    print(f"{size / 2**20:.1f} MiB, {size / samples:.2f} bytes a sample")


if __name__ == "__main__":
    main()
