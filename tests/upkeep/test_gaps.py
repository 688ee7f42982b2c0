"""What no alert watches and nobody has explained, on a real Prometheus of which that is known."""

import time
from datetime import UTC, datetime

import pandas as pd
import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram, start_http_server

from analysis import connect
from analysis.errors import InputError
from analysis.prometheus.private_server import PrivatePrometheus
from analysis.settings.upkeep import MonitoringGapsSettings
from analysis.upkeep import review_gaps
from analysis.upkeep.documentation import parts, section_states, sections
from analysis.upkeep.inventory import increases
from analysis.window import Window
from tests.waiting import until

CONFIG = """global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [rules.yml]
scrape_configs:
  - {job_name: shop, static_configs: [{targets: ['SHOP']}]}
  - {job_name: forgotten, static_configs: [{targets: ['SHOP']}]}
"""
RULES = """groups:
  - name: g
    rules:
      - {record: job:paid_failures:sum, expr: 'sum by (job) (rate(shop_payment_failures_total{job="shop"}[1m]))'}
      - alert: PaymentsFail
        expr: job:paid_failures:sum > 1
        labels: {severity: critical}
        annotations: {runbook_url: 'https://example.com/runbooks/PaymentsFail.md?plain=1', summary: Payments fail}
      - alert: Slow
        expr: histogram_quantile(0.9, rate(shop_seconds_bucket{job="shop"}[1m])) > 9
        labels: {severity: low}
        annotations: {summary: It is slow}
      - alert: Down
        expr: up{job=~"sh.p"} == 0
        labels: {severity: page}
      - {alert: AnythingThere, expr: 'absent({job="forgotten"})', annotations: {description: x, runbook: 'https://example.com/AnythingThere.md'}}
"""
GUIDE = """# Guide

## Scraping

Both.

## Alerts

### Routing

Who.

```
# no heading
```

## Backup

Tapes.
"""
ACCOUNTED = (
    "| section | what | where |\n|---|---|---|\n| scraping | jobs | `docs/absent.md` |\n| Routing | table | missing |\n"
)


@pytest.fixture(scope="module")
def shop():
    """A server, and the window in which ``shop_refund_errors_total`` rose by 7 and ``shop_new_total`` began."""
    registry = CollectorRegistry()
    counters = {
        name: Counter(name, "counted", registry=registry)
        for name in ("shop_refund_errors", "shop_payment_failures", "shop_dropped", "shop_orders")
    }
    Histogram("shop_seconds", "took", registry=registry).observe(1)
    counters["shop_refund_errors"].inc(100)
    exporter, thread = start_http_server(0, "127.0.0.1", registry)
    with PrivatePrometheus() as server:
        own = f"127.0.0.1:{exporter.server_address[1]}"
        server.reload({"prometheus.yml": CONFIG.replace("SHOP", own), "rules.yml": RULES})
        with connect(server.url) as prom:
            _until(prom, "count(shop_orders_total) == 2")
            time.sleep(2)  # so that both jobs are there at the window's start
            began = datetime.now(UTC).replace(microsecond=0)
            time.sleep(1)
            counters["shop_refund_errors"].inc(7)
            counters["shop_payment_failures"].inc(5)
            Counter("shop_new", "counted", registry=registry)
            _until(prom, "count(shop_new_total) == 2 and sum(shop_refund_errors_total) == 214")
            time.sleep(2)
            yield server, prom, Window(began, datetime.now(UTC).replace(microsecond=0))
    exporter.shutdown()
    exporter.server_close()
    thread.join()


def _until(prom, expr):
    until(lambda: not prom.instant(expr).empty, told=lambda: expr)


@pytest.fixture(scope="module")
def runbooks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runbooks")
    for name in ("PaymentsFail.md", "Renamed.md"):
        (folder / name).write_text("# Check first\n")
    return folder


@pytest.fixture(scope="module")
def result(shop):
    _, prom, window = shop
    return review_gaps(prom, MonitoringGapsSettings(step="1s", ignored=["shop_drop.*"]), window)


def found(result, kind, **labels):
    return [f for f in result.document.findings if f.kind == kind and labels.items() <= f.labels.items()]


def test_failures_that_rose_unwatched_are_told_by_job_and_amount(result):
    (shop_finding,) = found(result, "unwatched_failures", job="shop")
    assert shop_finding.severity == "medium"
    assert "shop_refund_errors_total by 7" in shop_finding.title
    assert "payment" not in shop_finding.title  # an alert reads it through a recording
    assert shop_finding.evidence == {"counters": 1, "counters_risen": 1}
    (other,) = found(result, "unwatched_failures", job="forgotten")
    assert "shop_payment_failures_total by 5" in other.title  # there it is another job's


def test_a_job_that_nothing_watches_is_told_and_naming_only_the_job_is_no_watching(result):
    assert [f.labels["job"] for f in found(result, "unwatched_job")] == ["forgotten"]


def test_new_metrics_are_told_once(result):
    (new,) = found(result, "new_metrics", job="shop")
    assert (
        new.title == "1 new metrics of shop are read by no alert: shop_new_total"
    )  # not its _created, not what was there


def test_the_table_says_who_watches_what(result):
    table = result.tables["metrics"].set_index(["metric", "job"])
    assert table.loc[("shop_payment_failures_total", "shop"), "alerts"] == "PaymentsFail"
    assert table.loc[("shop_seconds_count", "shop"), "alerts"] == "Slow"  # with its histogram
    assert table.loc[("up", "shop"), "alerts"] == "Down"
    assert table.loc[("up", "forgotten"), "alerts"] == ""
    assert table.loc[("shop_dropped_total", "shop"), "is_ignored"]
    assert pd.isna(table.loc[("shop_dropped_total", "shop"), "rise"])
    assert "job:paid_failures:sum" not in table.index.get_level_values("metric")


def test_alerts_without_runbook_or_description_are_told_by_group(result):
    (bare,) = found(result, "alert_without_runbook", group="g")
    assert bare.title == "2 of 4 alerts of g have no runbook: Down, Slow"
    assert bare.severity == "medium"  # somebody is called for one of them
    (undescribed,) = found(result, "alert_without_description")
    assert undescribed.title.endswith("no description: Down")
    assert found(result, "runbook_without_alert") == []


def test_a_runbook_counts_only_where_its_file_is_there(shop, runbooks):
    _, prom, window = shop
    told = review_gaps(prom, MonitoringGapsSettings(step="1s", runbooks=str(runbooks)), window)
    assert "AnythingThere, Down, Slow" in found(told, "alert_without_runbook")[0].title
    assert "Renamed.md" in found(told, "runbook_without_alert")[0].title
    with pytest.raises(InputError, match="no folder"):
        review_gaps(prom, MonitoringGapsSettings(runbooks=str(runbooks / "absent")), window)


def test_pages_are_held_against_the_server(shop, tmp_path):
    _, prom, window = shop
    (tmp_path / "guide.md").write_text(
        GUIDE + "`shop_orders_total`, `shop_seconds`, `shop_gone_total`; the job shop.\n"
    )
    (tmp_path / "accounted.md").write_text(ACCOUNTED)
    pages = {"guide": str(tmp_path / "guide.md"), "accounted": str(tmp_path / "accounted.md")}
    told = review_gaps(prom, MonitoringGapsSettings(step="1s", documentation=[pages["guide"]], **pages), window)
    assert {f.labels["section"] for f in found(told, "guide_section")} == {"Scraping", "Routing", "Backup"}
    assert found(told, "documented_but_gone")[0].title.endswith("not there: shop_gone_total")
    assert found(told, "undocumented_jobs")[0].title.endswith("documentation: forgotten")
    with pytest.raises(InputError, match=r"cannot read the page .*nowhere\.md"):
        review_gaps(prom, MonitoringGapsSettings(guide="nowhere.md"), window)


def test_sections_and_parts_of_pages(tmp_path):
    assert sections(GUIDE) == ["Scraping", "Routing", "Backup"]
    rows = parts(ACCOUNTED)
    states = section_states(GUIDE, rows, tmp_path)
    assert states == {
        "Scraping": "names files that are not there: docs/absent.md",
        "Routing": "missing: table",
        "Backup": "no part",
    }
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/absent.md").write_text("now there")
    assert section_states(GUIDE, rows, tmp_path)["Scraping"] == ""


def test_counters_rise_over_restarts_and_from_where_they_began():
    nan = float("nan")
    columns = {
        "steady": [5, 5, 9],
        "restarted": [5, 2, 3],
        "began late": [nan, 3, 4],
        "gap": [1, nan, 2],
        "still": [7, 7, 7],
        "of a new job": [nan, 50, 51],
        "never": [nan, nan, nan],
    }
    jobs = ["new" if name == "of a new job" else "old" for name in columns]
    rise = increases(pd.DataFrame(columns, dtype="float64"), jobs)
    assert rise == [4, 3, 4, 1, 0, 1, 0]


def test_an_empty_server_is_unknown_and_not_well(empty_prometheus):
    with connect(empty_prometheus.url) as prom:
        settings = MonitoringGapsSettings(start="-1h")
        document = review_gaps(prom, settings, settings.window()).document
    assert [(f.kind, f.severity) for f in document.findings] == [("nothing_stored", "unknown")]
    assert document.coverage.share == 0
