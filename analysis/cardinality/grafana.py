"""Dashboards from Grafana's API: ``/api/search``, then each by its uid."""

from collections.abc import Iterator
from urllib.parse import quote

from analysis.cardinality.dashboards import dashboard_queries
from analysis.cardinality.queries import Query
from analysis.errors import SourceError
from analysis.stack.grafana import Grafana

PAGE = 1000  # dashboards in one answer of the search: Grafana's default, and below its limit of 5,000


def api_queries(url: str) -> Iterator[Query]:
    """The queries of every dashboard that the token may see.

    Args:
        url: base URL of Grafana, without user info.

    Raises:
        InputError: what is given is no URL, or the token file cannot be read.
        SourceError: Grafana does not answer, or not as Grafana does.
    """
    with Grafana(url) as grafana:
        page = 1
        while True:
            found = grafana.get(f"/api/search?type=dash-db&limit={PAGE}&page={page}")
            if not isinstance(found, list):
                raise SourceError(f"{url} does not answer as Grafana does: /api/search gives no list")
            for item in found:
                uid = quote(str(item.get("uid", "")), safe="")
                body = grafana.get(f"/api/dashboards/uid/{uid}")
                yield from dashboard_queries(body.get("dashboard", {}), str(item.get("title") or item.get("uid")))
            if len(found) < PAGE:
                return
            page += 1
