"""The troubleshooting section of the monitoring guide, as checks: which of its cases is it?"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import requests

from analysis.errors import ParameterError
from analysis.prometheus import Prometheus
from analysis.stack.check import Check

ANSWER_SECONDS = 10.0
CASES = {
    "Prometheus not scraping metrics": ("targets",),
    "Grafana dashboard not loading": ("grafana", "datasource"),
    "Alerts not firing": ("configuration", "rules", "alertmanager", "notifications"),
}
"""The guide's cases, and the checks that speak for each."""


def cases(checks: Iterable[Check]) -> list[str]:
    """Those of the guide's cases that a failed check speaks for, in the guide's order."""
    failed = {check.name for check in checks if check.state == "failed"}
    return [case for case, names in CASES.items() if failed & set(names)]


def configuration(prom: Prometheus) -> Check:
    """Does Prometheus work with the files that lie there? Where one is wrong, a reload leaves all unread."""
    if prom.status("runtimeinfo").get("reloadConfigSuccess", True):
        return Check("configuration", "ok", "the last reload was successful")
    advice = "alerts not firing: promtool check config monitoring/prometheus/prometheus.yml says where, then reload"
    detail = "the last reload failed: Prometheus works on with what it had before (a rule's syntax, or prometheus.yml)"
    return Check("configuration", "failed", detail, advice)


def alertmanager(prom: Prometheus) -> Check:
    """Do the Alertmanagers that Prometheus knows answer?"""
    managers = prom.api.get("alertmanagers").get("activeAlertmanagers", [])
    if not managers:
        return Check("alertmanager", "unknown", "Prometheus knows none; see the check of the rules")
    url = str(managers[0]["url"]).split("/api/")[0]
    shown = urlsplit(url).hostname or "Alertmanager"
    try:
        answer = requests.get(f"{url}/api/v2/status", timeout=ANSWER_SECONDS, allow_redirects=False)
    except requests.RequestException as error:
        advice = "alerts not firing: does it run (scripts/start-monitoring.sh health), or is it closed to us alone?"
        return Check("alertmanager", "failed", f"{shown} does not answer: {type(error).__name__}", advice)
    if answer.status_code in (401, 403):
        return Check("alertmanager", "unknown", f"{shown} wants credentials; Prometheus has its own")
    if answer.status_code != 200:
        advice = "alerts not firing: see scripts/start-monitoring.sh logs alertmanager"
        return Check("alertmanager", "failed", f"{shown} answers {answer.status_code}", advice)
    version = answer.json().get("versionInfo", {}).get("version", "")
    return Check("alertmanager", "ok", f"{len(managers)} connected, first {shown} {version}".rstrip())


def notifications(prom: Prometheus) -> Check:
    """Do notifications arrive where they are sent, as Prometheus and Alertmanager count it?"""
    advice = "alerts not firing: see scripts/start-monitoring.sh logs alertmanager; the label integration says which"
    asked = {
        "Prometheus could not send to Alertmanager": "sum(increase(prometheus_notifications_errors_total[15m])) > 0",
        "Alertmanager could not deliver": "sum(increase(alertmanager_notifications_failed_total[15m])) > 0",
    }
    for what, expr in asked.items():
        found = prom.instant(expr)
        if len(found):
            return Check("notifications", "failed", f"{what} {found.iloc[0]:.0f} times in 15 minutes", advice)
    if not len(prom.instant("count(prometheus_notifications_sent_total or alertmanager_notifications_total)")):
        return Check("notifications", "unknown", "neither Prometheus's nor Alertmanager's own metrics are scraped")
    return Check("notifications", "ok", "none failed in the last 15 minutes")


def grafana(url: str, environment: dict[str, str] | None = None) -> Iterator[Check]:
    """Does Grafana answer, and does its data source?

    Args:
        url: base URL.
        environment: where ``GRAFANA_USERNAME`` and ``GRAFANA_PASSWORD`` (or ``_FILE``) stand.
    """
    where = dict(os.environ) if environment is None else environment
    shown = urlsplit(url).hostname or "Grafana"
    logs = "Grafana dashboard not loading: see scripts/start-monitoring.sh logs grafana"
    session = requests.Session()
    session.auth = (where.get("GRAFANA_USERNAME", "admin"), _password(where))
    try:
        health = session.get(f"{url.rstrip('/')}/api/health", timeout=ANSWER_SECONDS)
    except requests.RequestException as error:
        yield Check("grafana", "failed", f"{shown} does not answer: {type(error).__name__}", logs)
        return
    if health.status_code != 200:
        yield Check("grafana", "failed", f"{shown} answers {health.status_code}", logs)
        return
    yield Check("grafana", "ok", f"{shown} answers")
    yield _datasource(session, url.rstrip("/"), shown)


def _datasource(session: requests.Session, url: str, shown: str) -> Check:
    advice = "Grafana dashboard not loading: check monitoring/grafana/datasources"
    try:
        answer = session.get(f"{url}/api/datasources", timeout=ANSWER_SECONDS)
        if answer.status_code in (401, 403):
            where = "give GRAFANA_PASSWORD_FILE (secrets/grafana_password.txt) to look further"
            return Check("datasource", "unknown", f"{shown} does not let us see its data sources", where)
        sources = [source for source in answer.json() if source.get("type") == "prometheus"]
        if not sources:
            return Check("datasource", "failed", "no data source of the type prometheus", advice)
        uid = sources[0]["uid"]
        state = session.get(f"{url}/api/datasources/uid/{uid}/health", timeout=ANSWER_SECONDS)
    except (requests.RequestException, ValueError, KeyError, AttributeError) as error:
        return Check("datasource", "failed", f"Grafana's answer cannot be read: {type(error).__name__}", advice)
    if state.status_code == 200:
        return Check("datasource", "ok", f"{len(sources)} of the type prometheus, the first one answers")
    return Check("datasource", "failed", f"the data source {sources[0].get('name', uid)} does not answer", advice)


def _password(where: dict[str, str]) -> str:
    path = where.get("GRAFANA_PASSWORD_FILE")
    if not path:
        return where.get("GRAFANA_PASSWORD", "")
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ParameterError(f"GRAFANA_PASSWORD_FILE: cannot read {path}: {error.strerror}") from None
