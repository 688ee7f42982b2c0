import json
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

from analysis.stack.links import grafana_explore, prometheus_graph
from analysis.window import Window, unix_ms

WINDOW = Window(datetime(2026, 10, 3, 9, tzinfo=UTC), datetime(2026, 10, 3, 10, tzinfo=UTC))
HOSTILE = 'rate(x{path="/a&b=c#d\\"<script>"}[5m])'


def test_a_prometheus_link_holds_the_query_and_ends_after_the_window():
    query = parse_qs(urlsplit(prometheus_graph("http://p:9090/sub/", HOSTILE, WINDOW)).query)
    assert query["g0.expr"] == [HOSTILE]
    assert query["g0.end_input"] == ["2026-10-03 10:30:00"]
    assert query["g0.range_input"] == ["2h"]


def test_a_grafana_link_is_pinned_and_holds_the_query():
    query = parse_qs(urlsplit(grafana_explore("http://g:3001", "prom", HOSTILE, WINDOW)).query)
    pane = json.loads(query["panes"][0])["promreview"]
    assert pane["queries"][0]["expr"] == HOSTILE
    assert int(pane["range"]["from"]) < unix_ms(WINDOW.start) < unix_ms(WINDOW.end) < int(pane["range"]["to"])
