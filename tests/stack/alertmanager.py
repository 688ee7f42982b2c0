"""A running Alertmanager with the shipped configuration; who it tells are a mailbox and a receiver on loopback.

What is changed: addresses, waits (a second instead of ten), no TLS to the mailbox, and, where a test
says so, the hours of the interval. Routes, matchers and receivers are as shipped.
"""

import email.policy
import subprocess
from contextlib import ExitStack
from datetime import UTC, datetime

import requests
from aiosmtpd.controller import Controller
from ruamel.yaml import YAML

from analysis.prometheus.private_server import free_port
from analysis.prometheus.programs import find_program
from tests.stack.native import ROOT
from tests.stack.receiver import Receiver
from tests.waiting import answers

SHIPPED = ROOT / "monitoring" / "alertmanager" / "alertmanager.yml"
EVERY_DAY = ["sunday:saturday"]


class Mailbox:
    """An SMTP server that keeps the subjects of what it gets."""

    def __init__(self):
        self.subjects = []
        self.server = Controller(self, hostname="127.0.0.1", port=free_port())

    async def handle_DATA(self, _server, _session, envelope):  # noqa: N802 - as aiosmtpd calls it
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.subjects.append(message["Subject"])
        return "250 kept"

    def __enter__(self):
        self.server.start()
        return self

    def __exit__(self, *_):
        self.server.stop()


class RunningAlertmanager:
    """Context manager; `mailbox` and `receiver` hold what it told, `log` what it said of itself."""

    def __init__(self, folder, hours=None):
        self.folder, self.hours = folder, hours
        self.url = f"http://127.0.0.1:{free_port()}"
        self.mailbox, self.receiver = Mailbox(), Receiver()
        self.ending, self.began = ExitStack(), {}

    @property
    def log(self):
        return (self.folder / "log").read_text()

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.ending.close()
            raise
        return self

    def start(self):
        self.ending.enter_context(self.mailbox)
        self.ending.enter_context(self.receiver)
        self.write(self.hours)
        command = [find_program("prometheus-alertmanager"), "--config.file=am.yml", "--log.level=debug"]
        command += ["--cluster.listen-address=", f"--web.listen-address={self.url[7:]}", "--storage.path=data"]
        log = self.ending.enter_context((self.folder / "log").open("w"))
        self.process = self.ending.enter_context(subprocess.Popen(command, cwd=self.folder, stderr=log, stdout=log))
        self.ending.callback(self.process.terminate)
        self.receiver.wait(self.is_ready)

    def __exit__(self, *_):
        self.ending.close()

    def is_ready(self):
        assert self.process.poll() is None, self.log
        return answers(f"{self.url}/-/ready")

    def write(self, hours):
        """The shipped configuration with these (from, to) as its business hours, of every day."""
        yaml = YAML()
        document = yaml.load(SHIPPED.read_text().replace("http://forwarder:9095", self.receiver.url))
        document["global"] |= {
            "smtp_smarthost": f"127.0.0.1:{self.mailbox.server.port}",
            "smtp_require_tls": False,
            "pagerduty_url": f"{self.receiver.url}/pagerduty",
        }
        document["route"] |= {"group_wait": "1s", "group_interval": "1s"}
        if hours:
            (interval,) = document["time_intervals"][0]["time_intervals"]
            start, end = hours
            interval |= {"weekdays": EVERY_DAY, "times": [{"start_time": start, "end_time": end}]}
        (self.folder / "secrets").mkdir(exist_ok=True)
        for name in ("smtp_password", "forwarder_token", "pagerduty_key", "slack_url"):
            said = f"{self.receiver.url}/slack" if name == "slack_url" else f"{name} of the test"
            (self.folder / "secrets" / f"{name}.txt").write_text(said)
        with (self.folder / "am.yml").open("w") as file:
            yaml.dump(document, file)

    def set_hours(self, hours):
        """Change the hours while it runs."""
        self.write(hours)
        assert requests.post(f"{self.url}/-/reload", timeout=20).ok

    def fire(self, name, severity, category, *, ends=None, **labels):
        """Tell it of an alert as Prometheus does."""
        labels |= {"alertname": name, "severity": severity, "category": category, "respond_within": "5m"}
        notes = {"description": f"{name} is 7", "runbook_url": f"https://example.com/docs/runbooks/{name}.md"}
        alert = {"labels": labels, "annotations": notes, "startsAt": self.began.setdefault(name, _now())}
        body = alert | ({"endsAt": ends} if ends else {})
        assert requests.post(f"{self.url}/api/v2/alerts", json=[body], timeout=20).ok

    def resolve(self, name, severity, category, **labels):
        """Tell it that the alert is over."""
        self.fire(name, severity, category, ends=_now(), **labels)

    def mails(self, name):
        """Subjects of the e-mails about an alert."""
        return [subject for subject in list(self.mailbox.subjects) if name in subject]

    def told(self, path):
        """Bodies that came to a path of the receiver."""
        return self.receiver.bodies(path)


def _now():
    return datetime.now(UTC).isoformat()
