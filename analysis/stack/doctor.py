"""Can I reach the server, and would a review of it make sense? One check per line, each with what to do."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from analysis.errors import PromreviewError, SourceError, UnsupportedError
from analysis.prometheus import Prometheus
from analysis.prometheus.promql import selector
from analysis.stack.check import Check
from analysis.stack.scraping import targets
from analysis.stack.troubleshooting import alertmanager, configuration, notifications
from analysis.window import Window, parse_duration
from analysis.words import counted

CLOCK_SKEW_SECONDS = 5.0  # more than this shifts windows and misplaces events
NEEDED_HISTORY = timedelta(days=62)  # a month, and the one before it


def examine(prom: Prometheus, metrics: Sequence[str], window: Window | None = None) -> Iterator[Check]:
    """Run every check, the most basic first.

    Args:
        prom: the server.
        metrics: metrics that the default parameters ask for.
        window: what is to be reviewed; the two months up to now when left out.

    Raises:
        SourceError: the server cannot be reached at all.
    """
    now = datetime.now(UTC)
    window = window or Window(now - NEEDED_HISTORY, now)
    source = prom.source()
    yield Check("reachable", "ok", f"{source.url}: {source.kind} {source.version}".rstrip())
    checks: dict[str, Callable[[Prometheus], Check]] = {
        "clock": _clock,
        "retention": lambda p: _retention(p, window),
        "configuration": configuration,
        "targets": targets,
        "rules": _rules,
        "alertmanager": alertmanager,
        "notifications": notifications,
        "metrics": lambda p: _metrics(p, metrics, window),
    }
    for name, check in checks.items():
        yield _guarded(name, check, prom)


def _guarded(name: str, check: Callable[[Prometheus], Check], prom: Prometheus) -> Check:
    try:
        return check(prom)
    except UnsupportedError as error:
        return Check(name, "unknown", str(error), "this server lacks that part; the reports do without it")
    except SourceError:
        raise
    except PromreviewError as error:
        return Check(name, "failed", str(error))


def _clock(prom: Prometheus) -> Check:
    before = time.time()
    answer = prom.api.get("query", {"query": "time()"})
    after = time.time()
    pair = answer["result"] if answer["resultType"] == "scalar" else answer["result"][0]["value"]  # VictoriaMetrics
    skew, doubt = float(pair[1]) - (before + after) / 2, (after - before) / 2
    detail = f"the server's clock is {round(skew, 1) + 0.0:+.1f} s from ours" + (
        f", give or take {doubt:.1f} s" if doubt > 1 else ""
    )
    if abs(skew) - doubt > CLOCK_SKEW_SECONDS:
        return Check("clock", "failed", detail, "set the clocks (NTP): windows and events would be misplaced")
    if doubt > CLOCK_SKEW_SECONDS:
        return Check("clock", "unknown", detail, "the server answers too slowly to tell: ask again later")
    return Check("clock", "ok", detail)


def _retention(prom: Prometheus, window: Window) -> Check:
    """Is there data at the start of the window, whatever the flag says?"""
    start = window.start
    present = prom.instant("count(up) or vector(0)", start + timedelta(minutes=5))
    configured = ""
    with suppress(PromreviewError):
        configured = str(prom.status("runtimeinfo").get("storageRetention", ""))
    said = f"retention is {configured}; " if configured else ""
    if len(present) and present.iloc[0] > 0:
        return Check("retention", "ok", f"{said}there is data at the start of the window")
    advice = "keep more (--storage.tsdb.retention.time=90d), or keep an archive with a daily `promreview archive sync`"
    return Check("retention", "failed", f"{said}no data at the start of the window, {start:%Y-%m-%d}", advice)


def _rules(prom: Prometheus) -> Check:
    rules = [rule for group in prom.rules() for rule in group["rules"] if rule.get("type") == "alerting"]
    broken = [rule for rule in rules if rule.get("health") == "err"]
    if broken:
        first = f"{broken[0]['name']}: {broken[0].get('lastError')}"
        detail = f"{len(broken)} of {len(rules)} alerting rules fail, first {first}"
        return Check(
            "rules", "failed", detail, "alerts not firing: mend the expression, check with promtool check rules"
        )
    if not rules:
        return Check("rules", "failed", "the server has no alerting rules", "alerts not firing: add rule_files")
    managers = prom.api.get("alertmanagers").get("activeAlertmanagers", [])
    if not managers:
        detail = f"{counted(len(rules), 'alerting rule')}, but no Alertmanager is connected"
        return Check("rules", "failed", detail, "alerts not firing: set alerting.alertmanagers in prometheus.yml")
    return Check("rules", "ok", f"{counted(len(rules), 'alerting rule')}, {counted(len(managers), 'Alertmanager')}")


def _metrics(prom: Prometheus, metrics: Sequence[str], window: Window) -> Check:
    found = set(prom.label_values("__name__", [selector(name) for name in metrics], window)) if metrics else set()
    missing = [name for name in metrics if name not in found]
    if not missing:
        return Check("metrics", "ok", f"all {len(metrics)} metrics of the default parameters exist")
    advice = "name your own in params/login_anomalies.yaml; the other reports do not need them"
    return Check("metrics", "failed", f"missing: {', '.join(missing)}", advice)


def parse_window(text: str) -> Window:
    """The window that ends now and is as long as a duration."""
    now = datetime.now(UTC)
    return Window(now - parse_duration(text), now)
