"""Twenty rules replayed at 15 s, beside `vmalert -replay` and beside curl fetching the very URLs that replay asked.

Run: python benchmarks/replay.py [DAYS]    (default 30; goals: at most 1.3 x curl, vmalert 8 x slower with
shared sides and 2 x without)

Everybody asks the same Prometheus. vmalert is told the step (else it evaluates at 5 m) and no delay between
rules; what it writes goes into a sink that only says 204. curl fetches all URLs in one process, one after the other.
"""

import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

END = datetime(2026, 6, 1, tzinfo=UTC)
STEP = timedelta(seconds=15)
INSTANCES = 10
SIDES = (
    "bench_load",
    "avg_over_time(bench_load[5m])",
    "sum by (job) (bench_load)",
    "bench_load - bench_load offset 1h",
)
OWN = (
    "bench_load offset {n}m",
    "avg_over_time(bench_load[{n}m])",
    "sum by (job) (bench_load offset {n}m)",
    "bench_load - bench_load offset {n}h",
)
KINDS = ("shared sides", "arithmetic around shared sides", "sides of their own")
VMALERT = (
    "-datasource.queryStep=15s",
    "-replay.rulesDelay=0",
    "-disableAlertgroupLabel",
    "-loggerLevel=ERROR",
    "-replay.disableProgressBar",
)


def comparison(kind: str, number: int) -> str:
    """The expression of a rule."""
    side, threshold = SIDES[number % len(SIDES)], 60 + number
    if kind == "sides of their own":
        return f"{OWN[number % len(OWN)].format(n=number + 1)} > {threshold}"
    factor = number + 1 if kind == "arithmetic around shared sides" else 1
    return f"({side}) * {factor} > {threshold * factor}" if factor > 1 else f"{side} > {threshold}"


def rules(kind: str) -> str:
    """Twenty rules of one of `KINDS`."""
    lines = ["groups:", "- name: bench", "  interval: 15s", "  rules:"]
    for number in range(20):
        expr = comparison(kind, number)
        lines.append(f"  - {{alert: Bench{number}, expr: '{expr}', for: {number % 3}m}}")
    return "\n".join(lines) + "\n"


def data(days: int):
    import numpy as np
    import pandas as pd

    generator = np.random.default_rng(5)
    index = pd.date_range(END - timedelta(days=days), END, freq=STEP, name="time", inclusive="left")
    columns = pd.MultiIndex.from_tuples([("bench", f"host-{n}:9100") for n in range(INSTANCES)])
    columns.names = ["job", "instance"]
    noise = pd.DataFrame(generator.normal(0, 1, (len(index), INSTANCES)))
    walk = noise.ewm(halflife=240).mean().to_numpy() * 150 + 30
    return pd.DataFrame(walk.round(3), index=index, columns=columns)


class Sink(BaseHTTPRequestHandler):
    """Takes what vmalert writes."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(204)
        self.end_headers()

    do_GET = do_POST  # noqa: N815 - the name that the base class asks for

    def log_message(self, *_: object) -> None:
        pass


def ours(url: str, file: Path, days: int) -> tuple[float, list[str], int]:
    """Seconds, URLs asked, and alerts."""
    from analysis.prometheus import connect
    from analysis.prometheus.rule_files import groups_of_files
    from analysis.thresholds.replay_document import replay_document
    from analysis.window import Window

    asked: list[str] = []
    with connect(url) as prom:
        prom.session.hooks["response"].append(lambda response, *_, **__: asked.append(response.request.url))
        pairs = [(group, rule) for group in groups_of_files([file]) for rule in group.alerts]
        began = time.perf_counter()
        document = replay_document(prom, pairs, Window(END - timedelta(days=days), END), timedelta(minutes=1))
        seconds = time.perf_counter() - began
    if document["skipped"]:
        raise SystemExit(f"skipped: {document['skipped']}")
    return seconds, asked, sum(len(alert["intervals"]) for alert in document["alerts"])


def curl(urls: list[str], folder: Path) -> float:
    config = folder / "urls"
    config.write_text("".join(f'url = "{url}"\noutput = /dev/null\n' for url in urls))
    began = time.perf_counter()
    subprocess.run(["curl", "-sS", "--fail", "--config", str(config)], check=True)
    return time.perf_counter() - began


def vmalert(url: str, file: Path, days: int, sink: int) -> float:
    times = [f"-replay.timeFrom={END - timedelta(days=days):%FT%TZ}", f"-replay.timeTo={END:%FT%TZ}"]
    where = [f"-rule={file}", f"-datasource.url={url}", f"-remoteWrite.url=http://127.0.0.1:{sink}"]
    began = time.perf_counter()
    subprocess.run(["vmalert", *where, *times, *VMALERT], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> None:
    days = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    from analysis.datasets import SERVER_ARGUMENTS, backfill
    from analysis.prometheus.private_server import PrivatePrometheus

    sink = ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    threading.Thread(target=sink.serve_forever, daemon=True).start()
    print(f"20 rules, {days} days at 15 s, {INSTANCES} series\n")
    print("| rules | replay (s) | curl (s) | replay / curl | vmalert (s) | vmalert / replay | URLs | intervals |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name, PrivatePrometheus(arguments=SERVER_ARGUMENTS) as server:
        backfill(server.url, {"bench_load": data(days)})
        for kind in KINDS:
            file = Path(name) / "rules.yml"
            file.write_text(rules(kind))
            ours(server.url, file, min(days, 2))  # imports and the server's caches
            seconds, urls, intervals = ours(server.url, file, days)
            fetched = curl(urls, Path(name))
            theirs = vmalert(server.url, file, days, sink.server_port)
            print(
                f"| {kind} | {seconds:.1f} | {fetched:.1f} | {seconds / fetched:.2f} | {theirs:.1f} "
                f"| {theirs / seconds:.1f} | {len(urls)} | {intervals} |",
                flush=True,
            )
    sink.shutdown()


if __name__ == "__main__":
    main()
