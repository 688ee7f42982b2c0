"""One long range query, pulled in every way that users know: seconds, peak memory, and how often curl's time.

Run: python benchmarks/pull.py [DAYS [RUNS]]    (120 days = 60 series of 172,800 points = 10.4 M samples)

Each way runs in a process of its own and ends with a frame (or, curl's, with the bytes);
the seconds do not count imports. The ways take turns, and the median of all runs is shown.
"""

import re
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

END = datetime(2026, 6, 1, tzinfo=UTC)
SERIES = 60
STEP_SECONDS = 60
POINTS = 10_800  # 16 chunks of the 172,800 points
EXPR = "bench_pull_value"


def chunks(days: int) -> list[dict[str, object]]:
    """Parameters of each chunk over the half-open window."""
    first = int((END - timedelta(days=days)).timestamp())
    starts = range(first, int(END.timestamp()), POINTS * STEP_SECONDS)
    last = int(END.timestamp()) - STEP_SECONDS
    return [
        {"query": EXPR, "start": s, "end": min(s + (POINTS - 1) * STEP_SECONDS, last), "step": STEP_SECONDS}
        for s in starts
    ]


def curl(url: str, days: int, *options: str) -> None:
    for chunk in chunks(days):
        target = f"{url}/api/v1/query_range?{urlencode(chunk)}"
        subprocess.run(["curl", "-sS", "--fail", "-o", "/dev/null", *options, target], check=True)


def curl_gzip(url: str, days: int) -> None:
    curl(url, days, "-H", "Accept-Encoding: gzip")


def bodies(url: str, days: int, encoding: str):
    import requests

    with requests.Session() as session:
        session.headers["Accept-Encoding"] = encoding
        for chunk in chunks(days):
            yield session.get(f"{url}/api/v1/query_range", params=chunk, timeout=300).content


def joined(parts):
    import pandas as pd

    return pd.concat([pd.concat(series, axis=1) for series in parts])


def by_series(results):
    import numpy as np
    import pandas as pd

    for metric, pairs in results:
        stamps, values = zip(*pairs, strict=True)
        yield pd.Series(np.array(values, dtype="float64"), index=pd.to_datetime(stamps, unit="s"), name=metric["n"])


def orjson_way(url: str, days: int, encoding: str):
    import orjson

    def series(body):
        return by_series((item["metric"], item["values"]) for item in orjson.loads(body)["data"]["result"])

    return joined(list(series(body)) for body in bodies(url, days, encoding))


def orjson_gzip(url: str, days: int):
    return orjson_way(url, days, "gzip")


def orjson_identity(url: str, days: int):
    return orjson_way(url, days, "identity")


def msgspec_typed(url: str, days: int):
    import msgspec

    class Item(msgspec.Struct):
        metric: dict[str, str]
        pairs: list[tuple[float, str]] = msgspec.field(name="values")

    class Data(msgspec.Struct):
        result: list[Item]

    class Body(msgspec.Struct):
        data: Data

    decoder = msgspec.json.Decoder(Body)
    parts = []
    for body in bodies(url, days, "identity"):
        items = decoder.decode(body).data.result
        parts.append(list(by_series((item.metric, item.pairs) for item in items)))
    return joined(parts)


def cut_polars(url: str, days: int):
    """Each series' bytes cut out of the body and parsed as CSV."""
    import pandas as pd
    import polars as pl

    def series(body):
        for name, rows in re.findall(rb'"n":"([0-9]+)"},"values":\[\[(.*?)\]\]', body):
            text = rows.replace(b"],[", b"\n")
            table = pl.read_csv(text, has_header=False, schema={"stamp": pl.Float64, "value": pl.Float64})
            index = pd.to_datetime(table["stamp"].to_numpy(), unit="s")
            yield pd.Series(table["value"].to_numpy(), index=index, name=name.decode())

    return joined(list(series(body)) for body in bodies(url, days, "identity"))


def api_client(url: str, days: int):
    """prometheus-api-client's own frames; its chunks are what the server allows."""
    import pandas as pd
    from prometheus_api_client import MetricRangeDataFrame, PrometheusConnect

    client = PrometheusConnect(url=url)
    frames = []
    for chunk in chunks(days):
        start, end = (datetime.fromtimestamp(chunk[name], UTC) for name in ("start", "end"))
        frames.append(MetricRangeDataFrame(client.custom_query_range(EXPR, start, end, str(STEP_SECONDS))))
    return pd.concat(frames)


def promreview(url: str, days: int):
    from analysis.prometheus import connect

    with connect(url) as prom:
        return prom.range(EXPR, END - timedelta(days=days), END, "1m")


def promreview_one_connection(url: str, days: int):
    from analysis.prometheus import connect
    from analysis.settings import ConnectionSettings

    with connect(url, ConnectionSettings(connections=1)) as prom:
        return prom.range(EXPR, END - timedelta(days=days), END, "1m")


WAYS = {
    "curl, identity": curl,
    "curl, gzip": curl_gzip,
    "prometheus-api-client, MetricRangeDataFrame": api_client,
    "requests (gzip) + orjson + pandas": orjson_gzip,
    "identity + orjson + pandas": orjson_identity,
    "identity + msgspec typed + pandas": msgspec_typed,
    "identity + bytes cut out + polars' CSV + pandas": cut_polars,
    "promreview, one connection": promreview_one_connection,
    "promreview": promreview,
}
ONCE = {"prometheus-api-client, MetricRangeDataFrame"}  # minutes and gigabytes


def child(name: str, url: str, days: int) -> None:
    import numpy as np  # noqa: F401 - imports are paid before the clock starts
    import pandas as pd  # noqa: F401

    if "promreview" in name:
        import analysis.prometheus  # noqa: F401
    if "api-client" in name:
        import prometheus_api_client  # noqa: F401
    began = time.perf_counter()
    result = WAYS[name](url, days)
    seconds = time.perf_counter() - began
    size = 0 if result is None else result.memory_usage(index=False, deep=False).sum() / 2**20
    status = Path("/proc/self/status").read_text()  # not getrusage: that begins with the parent's peak
    peak = int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024
    print(seconds, peak, size)


def data(days: int):
    import numpy as np
    import pandas as pd

    generator = np.random.default_rng(5)
    index = pd.date_range(END - timedelta(days=days), END, freq=f"{STEP_SECONDS}s", name="time", inclusive="left")
    columns = pd.MultiIndex.from_tuples([("bench", f"host-{n % 4}:9100", str(n)) for n in range(SERIES)])
    columns.names = ["job", "instance", "n"]
    values = np.cumsum(generator.normal(0, 1, (len(index), SERIES)), axis=0).round(4)
    return pd.DataFrame(values, index=index, columns=columns)


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], sys.argv[3], int(sys.argv[4]))
        return
    days = int(sys.argv[1]) if len(sys.argv) > 1 else 120
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    from analysis.datasets import SERVER_ARGUMENTS, backfill
    from analysis.prometheus.private_server import PrivatePrometheus

    taken: dict[str, list[list[float]]] = {name: [] for name in WAYS}
    with PrivatePrometheus(arguments=SERVER_ARGUMENTS) as server:
        backfill(server.url, {EXPR: data(days)})
        curl(server.url, days)  # the server's caches are warm for everybody
        for turn in range(runs):
            for name in WAYS:
                if turn and name in ONCE:
                    continue
                command = [sys.executable, __file__, "--child", name, server.url, str(days)]
                out = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split()
                taken[name].append([float(part) for part in out])
    median = {name: [statistics.median(column) for column in zip(*rows, strict=True)] for name, rows in taken.items()}
    base = median["curl, identity"][0]
    print(f"{SERIES} series x {days * 86400 // STEP_SECONDS} points, {len(chunks(days))} chunks, median of {runs}\n")
    print("| way | seconds | x curl | peak memory (MiB) | frame (MiB) |\n|---|---|---|---|---|")
    for name, (seconds, peak, size) in median.items():
        shown = f"{peak:.0f} | {size:.0f}" if size else " | "
        print(f"| {name} | {seconds:.2f} | {seconds / base:.1f} | {shown} |")


if __name__ == "__main__":
    main()
