"""What Alertmanager does with alerts, held against Alertmanager itself: routes, notifications, silences."""

import subprocess
import time
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
import requests

from analysis.datasets.backfill import SERVER_ARGUMENTS, backfill
from analysis.errors import InputError
from analysis.prometheus import connect
from analysis.prometheus.private_server import PrivatePrometheus, free_port
from analysis.prometheus.programs import find_program
from analysis.settings.thresholds import ThresholdDriftSettings
from analysis.thresholds.drift_document import drift
from analysis.thresholds.routing import read_routes
from analysis.thresholds.whatif_document import Asked, whatif_document
from analysis.window import Window
from tests.stack.receiver import Receiver
from tests.waiting import answers

CONFIG = """
route:
  receiver: people
  group_by: [alertname]
  group_wait: 1s
  group_interval: 1s
  repeat_interval: 1h
  routes:
    - {{matchers: ['severity="none"'], receiver: nobody}}
    - {{matchers: ['team=~"a|b"'], receiver: robots, continue: true}}
    - matchers: ['team="a"']
      receiver: people
      continue: true
      routes:
        - {{match: {{severity: page}}, receiver: pager, continue: true}}
        - {{match_re: {{severity: "page|mail"}}, receiver: people}}
    - {{matchers: ['severity!~"page|mail"', 'team!=""'], receiver: robots, group_by: ['...']}}
receivers:
  - name: nobody
  - {{name: people, webhook_configs: [{{url: '{url}/people'}}]}}
  - {{name: robots, webhook_configs: [{{url: '{url}/robots'}}]}}
  - {{name: pager, webhook_configs: [{{url: '{url}/pager'}}]}}
"""
LABELS = [
    {"alertname": f"A{place}", "severity": severity, "team": team}
    for place, (severity, team) in enumerate(
        (severity, team) for severity in ("none", "page", "mail", "other") for team in ("a", "b", "c", "")
    )
]
DAYS, STEP, PER_DAY = 60, pd.Timedelta("5m"), 288
RULES = """
groups:
  - name: g
    interval: 5m
    rules:
      - {alert: Planned, expr: busy > 70, labels: {severity: page, team: a}}
      - {alert: Loud, expr: busy > 70, labels: {severity: none}}
"""


@pytest.fixture(scope="module")
def manager(tmp_path_factory):
    """A running Alertmanager that tells a receiver; its URL, its configuration, and the receiver."""
    folder = tmp_path_factory.mktemp("am")
    with Receiver() as receiver:
        (folder / "am.yml").write_text(CONFIG.format(url=receiver.url))
        url = f"http://127.0.0.1:{free_port()}"
        command = [find_program("prometheus-alertmanager"), "--config.file=am.yml", "--storage.path=data"]
        command += ["--cluster.listen-address=", f"--web.listen-address={url[7:]}"]
        with (
            (folder / "log").open("w") as log,
            subprocess.Popen(command, cwd=folder, stderr=log, stdout=log) as process,
        ):
            try:
                receiver.wait(lambda: answers(f"{url}/-/ready"))
                yield url, folder / "am.yml", receiver
            finally:
                process.terminate()


@pytest.mark.parametrize("labels", LABELS[::3], ids=lambda labels: f"{labels['severity']}-{labels['team']}")
def test_an_alert_takes_the_routes_that_amtool_says(manager, labels):
    _, config, _ = manager
    given = [f"{name}={value}" for name, value in labels.items() if value]
    command = [find_program("amtool"), "config", "routes", "test", f"--config.file={config}", *given]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip().split(",")
    assert [route.receiver for route in read_routes(config).root.find(labels)] == said


def test_as_many_pages_are_counted_as_alertmanager_sends(manager):
    """All combinations of labels at once: nobody hears of some, several receivers of others."""
    url, config, receiver = manager
    now = datetime.now(UTC).isoformat()
    bodies = [{"labels": {n: v for n, v in labels.items() if v}, "startsAt": now} for labels in LABELS]
    assert requests.post(f"{url}/api/v2/alerts", json=bodies, timeout=20).ok
    routing = read_routes(config)
    expected = {labels["alertname"]: len(routing.groupings(labels)) for labels in LABELS}
    assert set(expected.values()) == {0, 1, 2, 3}
    total = sum(expected.values())  # every alert has a name of its own, and so groups of its own
    receiver.wait(lambda: len(receiver.got) >= total)
    receiver.wait(lambda: _settled(receiver))
    told = [body["commonLabels"]["alertname"] for _, _, _, body in receiver.got]
    assert {name: told.count(name) for name in expected} == expected


def _settled(receiver):
    """Whether two more flushes of every group have brought nothing."""
    count = len(receiver.got)
    time.sleep(3)
    return len(receiver.got) == count


def test_only_receivers_that_are_asked_for_page(manager):
    _, config, _ = manager
    alert = {"alertname": "X", "severity": "page", "team": "a"}
    assert len(read_routes(config).groupings(alert)) == 3
    assert len(read_routes(config, ["pager"]).groupings(alert)) == 1
    assert read_routes(config, ["nobody"]).groupings(alert | {"severity": "none"}) == []
    with pytest.raises(InputError, match=r"no receiver 'nope'; it has nobody, people"):
        read_routes(config, ["nope"])


@pytest.fixture(scope="module")
def silenced(manager):
    """From now on two months of noise, silenced for `Planned` alone; silences cannot begin in the past."""
    url, _, _ = manager
    start = pd.Timestamp(datetime.now(UTC)).floor("D")
    until = start + pd.Timedelta(days=DAYS + 1)
    body = {
        "matchers": [
            {"name": "alertname", "value": "Plan.+", "isRegex": True, "isEqual": True},
            {"name": "team", "value": "b", "isRegex": False, "isEqual": False},
        ],
        "startsAt": datetime.now(UTC).isoformat(),
        "endsAt": until.isoformat(),
        "createdBy": "test",
        "comment": "planned work",
    }
    assert requests.post(f"{url}/api/v2/silences", json=body, timeout=20).ok
    rng = np.random.default_rng(7)
    first = start + pd.Timedelta(days=1)
    index = pd.date_range(first, periods=DAYS * PER_DAY, freq=STEP, name="time")
    values = 50 + rng.normal(0, 3, len(index))
    for day in range(DAYS):
        begin = day * PER_DAY + rng.integers(20, 200)
        values[begin : begin + rng.integers(2, 5)] = rng.uniform(73, 80)
    busy = pd.DataFrame(values[:, None], index=index, columns=pd.MultiIndex.from_tuples([("app",)], names=["job"]))
    with PrivatePrometheus(arguments=SERVER_ARGUMENTS) as running, connect(running.url) as prom:
        backfill(running.url, {"busy": busy})
        middle, end = first + pd.Timedelta(days=DAYS // 2), first + pd.Timedelta(days=DAYS)
        yield prom, Window(middle.to_pydatetime(), end.to_pydatetime()), url


def settings_of(tmp_path, **more):
    (tmp_path / "rules.yml").write_text(RULES)
    return ThresholdDriftSettings(rule_files=[str(tmp_path / "rules.yml")], history_months=1, **more)


def test_silenced_alerts_argue_for_no_looser_threshold(silenced, tmp_path):
    from analysis.thresholds import recommend

    prom, window, url = silenced
    unsilenced = {r.alert: r for r in recommend(prom, settings_of(tmp_path), window).rules}
    assert unsilenced["Planned"].verdict == unsilenced["Loud"].verdict == "too_tight"
    assert unsilenced["Planned"].recommended is not None
    told = {r.alert: r for r in recommend(prom, settings_of(tmp_path, alertmanager_url=url), window).rules}
    assert told["Planned"].recommended is None
    assert told["Planned"].verdict == "fits"
    # it is counted all the same
    assert told["Planned"].expected.alerts_per_month.current == unsilenced["Planned"].expected.alerts_per_month.current
    assert told["Loud"].recommended == unsilenced["Loud"].recommended is not None


def test_an_expired_silence_pardons_only_what_it_covered(silenced, manager, tmp_path):
    """The silence ends now, before the noise of the months to come: they argue again."""
    prom, window, url = silenced
    [silence] = requests.get(f"{url}/api/v2/silences", timeout=20).json()
    assert requests.delete(f"{url}/api/v2/silence/{silence['id']}", timeout=20).ok
    judged = {rule.alert: rule for rule in drift(prom, settings_of(tmp_path, alertmanager_url=url), window).rules}
    assert judged["Planned"].pages == judged["Loud"].pages > 20


def test_pages_follow_the_routes(silenced, manager, tmp_path):
    prom, window, _ = silenced
    _, config, _ = manager
    counts = {}
    for name, more in {
        "plain": {},
        "routed": {"alertmanager_file": str(config)},
        "pager": {"alertmanager_file": str(config), "paging_receivers": ["pager"]},
    }.items():
        document, _ = whatif_document(prom, settings_of(tmp_path, **more), window, Asked())
        counts[name] = {rule.alert: rule.combinations[0].pages for rule in document.rules}
    assert counts["routed"]["Planned"] == 3 * counts["plain"]["Planned"] == 3 * counts["pager"]["Planned"] > 60
    assert counts["routed"]["Loud"] == 0 < counts["plain"]["Loud"]  # its receiver tells nobody
