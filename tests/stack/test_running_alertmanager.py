"""Who is told, shown by a running Alertmanager with the shipped configuration: row by row, and by business hours."""

from datetime import UTC, datetime

import pytest
from ruamel.yaml import YAML

from tests.stack.alertmanager import SHIPPED, RunningAlertmanager

ROWS = {
    ("critical", "security"): {"e-mail", "Slack", "PagerDuty", "siem", "teams", "tickets", "chat"},
    ("critical", "infrastructure"): {"e-mail", "Slack", "tickets", "chat"},
    ("high", "security"): {"e-mail", "Slack", "siem", "teams", "tickets", "chat"},
    ("high", "performance"): {"Slack", "tickets", "chat"},
    ("medium", "performance"): {"e-mail", "tickets", "chat"},
    ("medium", "security"): {"e-mail", "siem", "teams", "tickets", "chat"},
}
SHUT = "route is not within active time"  # what Alertmanager's log says of a notification held back


def hours(*, open_now):
    """Business hours with now in them, or six hours away from now at least."""
    morning = datetime.now(UTC).hour < 12
    if open_now:
        return ("00:00", "18:00") if morning else ("06:00", "24:00")
    return ("18:00", "24:00") if morning else ("00:00", "06:00")


@pytest.fixture(scope="module")
def manager(tmp_path_factory):
    with RunningAlertmanager(tmp_path_factory.mktemp("am"), hours(open_now=True)) as one:
        yield one


def name_of(row):
    return "".join(part.title() for part in row)


def told(manager, name):
    """Who heard of an alert: the names of ROWS."""
    forwarded = {path for path in ("siem", "teams", "tickets", "chat") if _names(manager, f"/{path}", name)}
    slack = {"Slack"} if any(name in str(body) for body in manager.told("/slack")) else set()
    pagerduty = {"PagerDuty"} if any(name in str(body) for body in manager.told("/pagerduty")) else set()
    return forwarded | slack | pagerduty | ({"e-mail"} if manager.mails(name) else set())


def _names(manager, path, name):
    return [a for body in manager.told(path) for a in body["alerts"] if a["labels"]["alertname"] == name]


def test_every_row_of_the_table_reaches_its_people_and_nobody_else(manager):
    for row in ROWS:
        manager.fire(name_of(row), *row)
    manager.receiver.wait(lambda: all(told(manager, name_of(row)) == want for row, want in ROWS.items()))
    manager.fire("Last", "critical", "infrastructure")
    manager.receiver.wait(lambda: told(manager, "Last") == ROWS["critical", "infrastructure"])
    assert {row: told(manager, name_of(row)) for row in ROWS} == ROWS


def test_people_read_the_response_time_the_value_and_the_runbook(manager):
    manager.fire("Explained", "critical", "security")
    manager.receiver.wait(lambda: told(manager, "Explained") == ROWS["critical", "security"])
    (slack,) = [body["attachments"][0] for body in manager.told("/slack") if "Explained" in str(body)]
    assert slack["title"] == "Explained (critical, respond within 5m)"
    assert "Explained is 7 Runbook: https://example.com/docs/runbooks/Explained.md" in slack["text"]
    (page,) = [body for body in manager.told("/pagerduty") if "Explained" in str(body)]
    assert (page["event_action"], page["routing_key"]) == ("trigger", "pagerduty_key of the test")
    assert "[FIRING:1]" in manager.mails("Explained")[0]


def test_the_end_of_an_alert_reaches_everybody_who_heard_of_it(manager):
    manager.fire("Short", "critical", "security")
    manager.receiver.wait(lambda: told(manager, "Short") == ROWS["critical", "security"])
    manager.resolve("Short", "critical", "security")
    for path in ("/siem", "/teams", "/tickets", "/chat"):
        manager.receiver.wait(lambda path=path: _names(manager, path, "Short")[-1]["status"] == "resolved")
    manager.receiver.wait(lambda: "[RESOLVED]" in manager.mails("Short")[-1])
    manager.receiver.wait(lambda: _pages(manager, "Short") == ["trigger", "resolve"])


def _pages(manager, name):
    return [body["event_action"] for body in manager.told("/pagerduty") if name in str(body)]


def test_a_service_that_is_down_is_not_told_to_be_slow_as_well(manager):
    manager.fire("ServiceDown", "critical", "infrastructure", job="auth-service", instance="auth-1:8080")
    manager.receiver.wait(lambda: told(manager, "ServiceDown") == ROWS["critical", "infrastructure"])
    manager.fire("SlowAuth", "high", "performance", service="auth")
    manager.fire("SlowPolicy", "high", "performance", service="policy")
    manager.receiver.wait(lambda: told(manager, "SlowPolicy") == ROWS["high", "performance"])
    assert told(manager, "SlowAuth") == set()
    manager.resolve("ServiceDown", "critical", "infrastructure", job="auth-service", instance="auth-1:8080")
    manager.receiver.wait(lambda: told(manager, "SlowAuth") == ROWS["high", "performance"])


def test_medium_waits_for_business_hours(manager):
    manager.set_hours(hours(open_now=True))
    manager.fire("InHours", "medium", "performance")
    manager.receiver.wait(lambda: manager.mails("InHours"))
    manager.set_hours(hours(open_now=False))
    held_before = manager.log.count(SHUT)
    manager.fire("AfterHours", "medium", "performance")
    manager.fire("Emergency", "critical", "infrastructure")
    manager.receiver.wait(lambda: manager.log.count(SHUT) > held_before)
    manager.receiver.wait(lambda: told(manager, "Emergency") == ROWS["critical", "infrastructure"])
    manager.receiver.wait(lambda: told(manager, "AfterHours") == {"tickets", "chat"})  # systems keep no hours
    assert manager.mails("AfterHours") == []
    manager.set_hours(hours(open_now=True))
    manager.receiver.wait(lambda: manager.mails("AfterHours"))  # held back, not lost


def test_the_shipped_hours_are_those_of_a_working_week():
    (interval,) = YAML().load(SHIPPED.read_text())["time_intervals"]
    (span,) = interval["time_intervals"]
    assert span["weekdays"] == ["monday:friday"]
    assert span["times"] == [{"start_time": "09:00", "end_time": "18:00"}]
