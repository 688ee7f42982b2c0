"""Does Prometheus get what it scrapes, and if not, what is in the way?"""

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from analysis.prometheus import Prometheus
from analysis.stack.check import Check

SHOWN_TARGETS = 3
CAUSES = (  # how Prometheus words it, and what to look at; the first that fits
    (r"connection refused", "nothing listens there: does the service run, on this port (start-monitoring.sh status)?"),
    (r"no such host|server misbehaving", "the name is not known there: mend monitoring/prometheus/targets"),
    (r"\b40[13]\b", "it wants credentials: give the job basic_auth or authorization"),
    (
        r"HTTP response to HTTPS client|first record does not look",
        "it speaks plain HTTP: take scheme: https from the job",
    ),
    (r"x509|certificate|tls:", "TLS does not fit: look at the job's tls_config and at the certificate's names"),
    (r"\b400\b|malformed HTTP", "it may want TLS: give the job scheme: https"),
    (r"\b404\b", "it has no such page: mend the job's metrics_path"),
    (
        r"deadline exceeded|timeout|timed out",
        "it answers too slowly, or not through a firewall: see its scrape_timeout",
    ),
    (r"no route to host|unreachable", "there is no way to it from the server: look at the network"),
    (r"expected|invalid|unsupported|strconv", "what it answers is no exposition format: is this its metrics page?"),
    (r"sample_limit|label_limit|limit exceeded|body size", "it exposes more than the job's limits let in"),
)
OTHERWISE = "is the service running and reachable from there?"


def targets(prom: Prometheus) -> Check:
    """How many targets answer, and what is in the way of those that do not."""
    active = prom.targets()["activeTargets"]
    down = [target for target in active if target.get("health") == "down"]
    if not active:
        return Check("targets", "failed", "no target is scraped", "Prometheus not scraping: add scrape_configs")
    if not down:
        return _none_down(active)
    shown = "; ".join(prom.api.shown(_described(target)) for target in down[:SHOWN_TARGETS])
    more = f"; and {len(down) - SHOWN_TARGETS} more" if len(down) > SHOWN_TARGETS else ""
    causes = dict.fromkeys(cause(str(target.get("lastError", ""))) for target in down[:SHOWN_TARGETS])
    detail = f"{len(down)} of {len(active)} targets do not answer: {shown}{more}"
    return Check("targets", "failed", detail, f"Prometheus not scraping: {'; '.join(causes)}")


def cause(error: str) -> str:
    """What to look at, by how Prometheus words a failed scrape."""
    return next((advice for pattern, advice in CAUSES if re.search(pattern, error)), OTHERWISE)


def _none_down(active: Sequence[dict[str, Any]]) -> Check:
    """No target is down; those that were just discovered have not been asked yet."""
    new = sum(target.get("health") != "up" for target in active)
    if not new:
        return Check("targets", "ok", f"every target answers its scrapes ({len(active)})")
    detail = f"{new} of {len(active)} targets have not been scraped yet"
    return Check("targets", "unknown", detail, "they are new to the server: ask again after a scrape interval")


def _described(target: dict[str, Any]) -> str:
    """Job, address and error; what stands behind a question mark may be a secret."""
    url = urlsplit(str(target.get("scrapeUrl", "")))
    where = f"{url.scheme}://{url.netloc.rpartition('@')[2]}{url.path}"
    error = re.sub(r"\?[^\s\"']*", "?…", str(target.get("lastError", "")))
    return f"{target['labels'].get('job', '')} {where}: {error}"
