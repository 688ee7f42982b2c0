"""The shipped configuration at twenty times its pace, so that an alert's whole life fits into a test.

What is changed: scrape and evaluation intervals are 2 s; every range, `for` and `keep_firing_for`
of the rules is a twentieth; Alertmanager's waits are 2 s. Thresholds, labels, annotations and
routes are as shipped. Receivers that would leave this machine (e-mail, Slack, PagerDuty) are left
out, and one webhook that gets everything is added.
"""

import re
import shutil
from datetime import timedelta

from ruamel.yaml import YAML

from analysis.window import format_duration, parse_duration
from tests.stack.native import ROOT

PACE = 20
TICK = "2s"
SHORTEST = timedelta(seconds=4)
DURATION = re.compile(r"(?<=\[)\d[\dsmhdw]*(?=\])")
OUTSIDE = ("email_configs", "slack_configs", "pagerduty_configs", "opsgenie_configs")


def quick(duration):
    if parse_duration(duration) == timedelta():
        return "0s"
    seconds = max(SHORTEST, parse_duration(duration) / PACE).total_seconds()
    return format_duration(timedelta(seconds=round(seconds)))


def write_quick_configuration(folder, webhook):
    """A copy of monitoring/ in `folder`; `webhook` is a URL that Alertmanager tells everything."""
    yaml = YAML()
    yaml.width = 10_000
    shutil.copytree(ROOT / "monitoring", folder, ignore=shutil.ignore_patterns("tests", "__pycache__"))
    for path in (folder / "prometheus").glob("*.yml"):
        document = yaml.load(path)
        for group in document.get("groups") or []:
            _quick_group(group)
        if "scrape_configs" in document:
            document["global"] |= {"scrape_interval": TICK, "evaluation_interval": TICK}
            for job in document["scrape_configs"]:
                job.pop("scrape_interval", None)
                for discovery in job["file_sd_configs"]:
                    discovery["refresh_interval"] = "5s"
        with path.open("w") as file:
            yaml.dump(document, file)
    path = folder / "alertmanager" / "alertmanager.yml"
    document = yaml.load(path)
    for receiver in document["receivers"]:
        for name in OUTSIDE:
            receiver.pop(name, None)
    document["receivers"].append({"name": "everything", "webhook_configs": [{"url": webhook, "send_resolved": True}]})
    root = document["route"]
    root["routes"] = [{"receiver": "everything", "continue": True}, *root.get("routes", [])]
    _quick_route(root)
    with path.open("w") as file:
        yaml.dump(document, file)


def _quick_group(group):
    group.pop("interval", None)
    for rule in group["rules"]:
        rule["expr"] = DURATION.sub(lambda found: quick(found[0]), rule["expr"])
        for name in ("for", "keep_firing_for"):
            if name in rule:
                rule[name] = quick(str(rule[name]))


def _quick_route(route):
    route |= {"group_wait": "2s", "group_interval": "4s"}
    for child in route.get("routes") or []:
        _quick_route(child)
