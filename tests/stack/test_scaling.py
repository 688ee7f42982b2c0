"""Every configuration of docs/scaling.md: checked by promtool; federation and remote write run."""

import re
import subprocess

import pytest
from ruamel.yaml import YAML

from analysis import connect
from analysis.prometheus.private_server import PrivatePrometheus, free_port
from analysis.prometheus.programs import find_program
from tests.stack.native import ROOT
from tests.waiting import answers, until

PAGE = (ROOT / "docs/scaling.md").read_text()
BLOCKS = re.findall(r"```yaml\n# (.*?)\n(.*?)```", PAGE, re.DOTALL)
CLUSTER = """global: {scrape_interval: 1s, evaluation_interval: 1s, external_labels: {cluster: NAME}}
rule_files: [rules.yml]
scrape_configs: [{job_name: self, static_configs: [{targets: ['OWN']}]}]
"""
RULES = """groups:
  - name: g
    rules:
      - {record: 'cluster:up:count', expr: count(up)}
      - {alert: Always, expr: vector(1)}
"""


def block(title):
    return dict(BLOCKS)[title]


def asked_until_there(url, expr):
    """The first answer that is not empty."""
    with connect(url) as prom:
        until(lambda: not prom.instant(expr).empty, told=lambda: expr)
        return prom.instant(expr)


@pytest.mark.parametrize(("title", "text"), BLOCKS, ids=[title for title, _ in BLOCKS])
def test_every_configuration_is_right(tmp_path, title, text):
    (tmp_path / "prometheus.yml").write_text(text)
    command = [find_program("promtool"), "check", "config", "prometheus.yml"]
    checked = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert checked.returncode == 0, checked.stderr


@pytest.fixture(scope="module")
def clusters():
    """Two clusters' servers, each with its own label."""
    with (
        PrivatePrometheus(files={"rules.yml": RULES}) as first,
        PrivatePrometheus(files={"rules.yml": RULES}) as second,
    ):
        for name, server in {"a": first, "b": second}.items():
            own = CLUSTER.replace("OWN", f"127.0.0.1:{server.port}").replace("NAME", name)
            server.reload({"prometheus.yml": own})
        for server in (first, second):
            asked_until_there(server.url, "cluster:up:count")
        yield first, second


def test_a_global_server_has_aggregates_and_alerts_of_every_cluster_and_nothing_else(clusters):
    config = block("global prometheus.yml").replace("30s", "1s")
    for name, server in zip("ab", clusters, strict=True):
        config = config.replace(f"cluster-{name}:9090", f"127.0.0.1:{server.port}")
    with PrivatePrometheus(config) as above:
        both = 'count(count by (cluster) ({__name__=~"cluster:up:count|ALERTS|up", cluster=~"a|b"}) == 3) == 2'
        asked_until_there(above.url, both)
        raw = asked_until_there(above.url, 'count by (__name__) ({__name__=~".+"})')
        names = set(raw.index.get_level_values("__name__"))
    own = {name for name in names if name.startswith("scrape_")}
    assert names - own == {"up", "ALERTS", "cluster:up:count"}


def test_a_long_term_store_takes_what_is_written_and_answers_promreview(clusters, tmp_path):
    port = free_port()
    command = re.search(r"```sh\n# store\n(.*?)```", PAGE, re.DOTALL)[1]
    command = command.replace("8428", str(port)).replace("var/victoria-metrics", str(tmp_path / "store")).split()
    command += ["-search.latencyOffset=1s"]  # it answers about half a minute ago by itself
    written = YAML(typ="safe").load(block("remote_write, in the prometheus.yml of each cluster"))
    written["remote_write"][0]["url"] = f"http://127.0.0.1:{port}/api/v1/write"
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as store:
        try:
            _scraped_into(written, tmp_path, f"http://127.0.0.1:{port}")
        finally:
            store.terminate()


def _scraped_into(config, folder, store):
    until(lambda: answers(f"{store}/health"))
    with PrivatePrometheus() as server:
        own = [{"job_name": "self", "static_configs": [{"targets": [f"127.0.0.1:{server.port}"]}]}]
        config["global"]["scrape_interval"] = "1s"
        with (folder / "prometheus.yml").open("w") as file:
            YAML().dump({**config, "scrape_configs": own}, file)
        server.reload({"prometheus.yml": (folder / "prometheus.yml").read_text()})
        asked_until_there(store, 'prometheus_build_info{cluster="production"}')
        with connect(store) as prom:
            assert prom.instant('max_over_time(up{job="self"}[1m])').iloc[0] == 1
            assert prom.instant("go_goroutines").empty  # dropped before it was sent
    with connect(store) as prom:  # Prometheus is gone with all that it knew
        assert not prom.instant('count_over_time(up{job="self"}[5m])').empty
