"""The forwarder between a real Alertmanager and receivers on real sockets."""

import json
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import requests

from analysis.errors import ParameterError, SourceError
from analysis.prometheus.private_server import free_port
from analysis.prometheus.programs import find_program
from analysis.stack.forwarder import Forwarder, ForwarderSettings
from tests.stack.receiver import Receiver
from tests.waiting import answers

TOKEN = "forwarder-secret"
RUNBOOK = "https://example.com/docs/runbooks/SecurityAlert.md"
CONFIG = """
route:
  group_by: [alertname]
  group_wait: 0s
  group_interval: 1s
  repeat_interval: 3s
  receiver: all
receivers:
  - name: all
    webhook_configs:
"""


@pytest.fixture
def receiver():
    with Receiver() as one:
        yield one


@pytest.fixture
def forwarder(receiver, tmp_path):
    one = Forwarder(settings(receiver, tmp_path))
    yield one
    one.close()


def settings(receiver, folder):
    return ForwarderSettings(
        forwarder_token=TOKEN,
        siem_url=f"{receiver.url}/api/security-alerts",
        siem_token="siem-secret",
        tickets_url=f"{receiver.url}/tickets",
        tickets_token="tickets-secret",
        teams_urls=f"json{receiver.url[4:]}/teams",
        chat_urls=f"json{receiver.url[4:]}/chat json{receiver.url[4:]}/second",
        heartbeat_url=f"{receiver.url}/ping/secret-of-the-check",
        FORWARDER_STATE=folder / "tickets.json",
    )


def alert(status="firing", name="SecurityAlert", began=None, **labels):
    began = began or datetime(2026, 10, 7, 12, tzinfo=UTC)
    return {
        "status": status,
        "labels": {"alertname": name, "severity": "critical", **labels},
        "annotations": {"description": "many @here <b>logins</b>\nfail", "runbook_url": RUNBOOK},
        "startsAt": began.isoformat(),
        "endsAt": (began + timedelta(minutes=5)).isoformat(),
        "generatorURL": "http://prometheus/graph",
        "fingerprint": f"f-{name}",
    }


def notify(forwarder, path, *alerts, token=TOKEN):
    status = "firing" if any(a["status"] == "firing" for a in alerts) else "resolved"
    body = {"version": "4", "status": status, "receiver": "all", "alerts": list(alerts)}
    url = f"http://127.0.0.1:{forwarder.port}/{path}"
    return requests.post(url, json=body, headers={"Authorization": f"Bearer {token}"}, timeout=30)


def test_the_siem_gets_the_guides_body_and_token_once(forwarder, receiver):
    for _ in range(2):  # Alertmanager repeats what goes on
        assert notify(forwarder, "siem", alert(), alert(name="Other", severity="high")).status_code == 200
    assert notify(forwarder, "siem", alert("resolved")).status_code == 200
    bodies = receiver.bodies("/api/security-alerts")
    assert [(b["alert"], b["severity"], b["status"]) for b in bodies] == [
        ("SecurityAlert", "critical", "firing"),
        ("Other", "high", "firing"),
        ("SecurityAlert", "critical", "resolved"),
    ]
    assert {headers["Authorization"] for _, _, headers, _ in receiver.got} == {"Bearer siem-secret"}
    assert {headers["Content-Type"] for _, _, headers, _ in receiver.got} == {"application/json"}


def test_a_ticket_is_made_updated_and_closed_across_a_restart(forwarder, receiver, tmp_path):
    recent = datetime.now(UTC) - timedelta(minutes=10)
    late = alert(respond_within="5m", began=recent)
    notify(forwarder, "tickets", late)
    made = receiver.bodies("/tickets")
    assert len(made) == 1
    assert made[0]["runbook_url"] == RUNBOOK
    assert made[0]["labels"]["respond_within"] == "5m"
    again = Forwarder(settings(receiver, tmp_path))
    try:
        notify(again, "tickets", late)
        assert len(receiver.bodies("/tickets")) == 1
        notify(again, "tickets", alert("resolved", respond_within="5m", began=recent))
    finally:
        again.close()
    changes = receiver.bodies("/tickets/T-1", "PATCH")
    assert [(change["status"], change.get("overdue")) for change in changes] == [("open", True), ("resolved", None)]
    assert json.loads((tmp_path / "tickets.json").read_text()) == {}


def test_chats_get_a_message_without_markup(forwarder, receiver):
    assert notify(forwarder, "chat", alert()).status_code == 200
    assert notify(forwarder, "teams", alert("resolved")).status_code == 200
    first = receiver.bodies("/chat")[0]
    assert first == receiver.bodies("/second")[0]
    assert "FIRING critical: SecurityAlert" in first["title"]
    assert RUNBOOK in first["message"]
    assert not {"<b>", "@here"} & set(first["message"].split())
    assert "RESOLVED" in receiver.bodies("/teams")[0]["title"]


def test_the_heartbeat_is_passed_on_every_time_and_its_end_is_no_sign_of_life(forwarder, receiver):
    for _ in range(2):
        assert notify(forwarder, "heartbeat", alert(name="Watchdog")).status_code == 200
    notify(forwarder, "heartbeat", alert("resolved", name="Watchdog"))
    assert receiver.bodies("/ping/secret-of-the-check") == [{"alert": "Watchdog", "status": "firing"}] * 2
    receiver.status = 404
    refused = notify(forwarder, "heartbeat", alert(name="Watchdog"))
    assert (refused.status_code, "secret" in refused.text) == (502, False)


def test_what_fails_is_told_and_can_be_sent_again(forwarder, receiver):
    receiver.status = 500
    for path in ("siem", "tickets", "chat"):
        answer = notify(forwarder, path, alert())
        assert answer.status_code == 502
        assert "secret" not in answer.text
    receiver.status = 200
    assert notify(forwarder, "siem", alert()).status_code == 200
    metrics = requests.get(f"http://127.0.0.1:{forwarder.port}/metrics", timeout=10).text
    assert 'forwarder_notifications_total{destination="siem",outcome="failed"} 1.0' in metrics
    assert 'forwarder_notifications_total{destination="siem",outcome="delivered"} 1.0' in metrics


def test_a_chat_that_took_the_message_does_not_get_it_again_for_another_that_did_not(forwarder, receiver):
    receiver.statuses["/second"] = 500
    assert notify(forwarder, "chat", alert()).status_code == 502
    receiver.statuses.clear()
    assert notify(forwarder, "chat", alert()).status_code == 200
    assert [len(receiver.bodies(path)) for path in ("/chat", "/second")] == [1, 2]
    assert notify(forwarder, "chat", alert()).status_code == 200  # repeated after repeat_interval: told to both
    assert [len(receiver.bodies(path)) for path in ("/chat", "/second")] == [2, 3]


def test_retries_that_overlap_and_many_at_once_double_nothing(forwarder, receiver):
    receiver.delay = 0.05
    names = [f"A{number}" for number in range(6)] * 2
    with ThreadPoolExecutor(12) as pool:
        for path in ("siem", "tickets"):
            answers = list(pool.map(lambda name, path=path: notify(forwarder, path, alert(name=name)), names))
            assert {answer.status_code for answer in answers} == {200}
    assert sorted(body["alert"] for body in receiver.bodies("/api/security-alerts")) == sorted(set(names))
    assert len(receiver.bodies("/tickets")) == len(set(names))


def test_a_ticket_that_somebody_deleted_is_made_anew_or_let_go(forwarder, receiver, tmp_path):
    notify(forwarder, "tickets", alert())
    receiver.statuses["/tickets/T-1"] = 404
    assert notify(forwarder, "tickets", alert()).status_code == 200
    assert len(receiver.bodies("/tickets")) == 2
    [ticket] = json.loads((tmp_path / "tickets.json").read_text()).values()
    receiver.statuses[f"/tickets/{ticket}"] = 410
    assert notify(forwarder, "tickets", alert("resolved")).status_code == 200
    assert json.loads((tmp_path / "tickets.json").read_text()) == {}


def test_a_state_that_cannot_be_written_is_told_and_makes_no_second_ticket(forwarder, receiver, tmp_path):
    (tmp_path / "tickets.json.new").mkdir()
    answer = notify(forwarder, "tickets", alert())
    assert answer.status_code == 502
    assert "cannot write" in answer.json()["error"]
    (tmp_path / "tickets.json.new").rmdir()
    assert notify(forwarder, "tickets", alert()).status_code == 200
    assert len(receiver.bodies("/tickets")) == 1


def test_what_was_taken_is_finished_before_the_end(receiver, tmp_path):
    one = Forwarder(settings(receiver, tmp_path))
    receiver.delay = 0.5
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(notify, one, "tickets", alert())
        receiver.wait(lambda: receiver.bodies("/tickets"))
        one.close()
        assert answer.result().status_code == 200
    assert len(json.loads((tmp_path / "tickets.json").read_text())) == 1


def test_a_redirect_does_not_carry_the_token_elsewhere(forwarder, receiver):
    receiver.status = 307
    assert notify(forwarder, "siem", alert()).status_code == 502


@pytest.mark.parametrize(
    ("path", "body", "token", "status"),
    [
        ("siem", b"{}", "wrong", 401),
        ("nowhere", b"{}", TOKEN, 404),
        ("siem", b"no json", TOKEN, 400),
        ("siem", b"[" * 100_000, TOKEN, 400),
        ("siem", b" " * 4_000_001, TOKEN, 413),
        ("siem", b'{"version": "4", "status": "firing", "receiver": "x", "alerts": []}', TOKEN, 400),
    ],
)
def test_what_is_no_notification_is_refused(forwarder, receiver, path, body, token, status):
    url = f"http://127.0.0.1:{forwarder.port}/{path}"
    answer = requests.post(url, data=body, headers={"Authorization": f"Bearer {token}"}, timeout=30)
    assert answer.status_code == status
    assert answer.json()["error"]
    assert receiver.got == []


def test_what_has_no_address_is_ignored_and_counted(tmp_path):
    one = Forwarder(ForwarderSettings(FORWARDER_STATE=tmp_path / "t.json"))
    try:
        assert notify(one, "siem", alert()).json() == {"ignored": "siem has no address"}
        assert requests.get(f"http://127.0.0.1:{one.port}/health", timeout=10).json() == {"destinations": []}
    finally:
        one.close()


def test_a_wrong_setting_is_told_before_anything_is_served(tmp_path, monkeypatch):
    with pytest.raises(SourceError, match="teams: address 1"):
        Forwarder(ForwarderSettings(teams_urls="not-an-address", FORWARDER_STATE=tmp_path / "t.json"))
    monkeypatch.setenv("SIEM_TOKEN_FILE", str(tmp_path / "missing"))
    with pytest.raises(ParameterError, match="SIEM_TOKEN_FILE"):
        ForwarderSettings()


def test_a_real_alertmanager_reaches_every_destination(forwarder, receiver, tmp_path):
    (tmp_path / "token.txt").write_text(TOKEN)
    hook = "      - url: http://127.0.0.1:{}/{}\n        send_resolved: true\n        http_config: "
    hook += "{{authorization: {{credentials_file: token.txt}}}}\n"
    hooks = "".join(hook.format(forwarder.port, name) for name in ("siem", "tickets", "teams", "chat"))
    (tmp_path / "alertmanager.yml").write_text(CONFIG + hooks)
    port = free_port()
    command = [find_program("prometheus-alertmanager"), "--config.file=alertmanager.yml", "--cluster.listen-address="]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--storage.path=data"]
    with (tmp_path / "log").open("wb") as log, subprocess.Popen(command, cwd=tmp_path, stderr=log, stdout=log) as am:
        try:
            receiver.wait(lambda: answers(f"http://127.0.0.1:{port}/-/ready"))
            now = datetime.now(UTC)
            raised = {k: v for k, v in alert(began=now).items() if k in ("labels", "annotations", "startsAt")}
            post(port, raised)
            paths = ("/api/security-alerts", "/tickets", "/teams", "/chat")
            receiver.wait(lambda: all(receiver.bodies(path) for path in paths))
            post(port, raised | {"endsAt": datetime.now(UTC).isoformat()})
            siem = "/api/security-alerts"
            receiver.wait(lambda: [b for b in receiver.bodies(siem) if b["status"] == "resolved"])
            closed = receiver.wait(
                lambda: [b for m, p, _, b in receiver.got if m == "PATCH" and b["status"] == "resolved"]
            )
            assert closed
        finally:
            am.terminate()
    shutil.rmtree(tmp_path / "data", ignore_errors=True)
    assert len(receiver.bodies("/tickets")) == 1
    assert [b["status"] for b in receiver.bodies(siem)] == ["firing", "resolved"]


def post(port, raised):
    answer = requests.post(f"http://127.0.0.1:{port}/api/v2/alerts", json=[raised], timeout=30)
    assert answer.status_code == 200, answer.text
