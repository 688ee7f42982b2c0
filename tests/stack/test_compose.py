"""The compose file follows the specification and the guide; no Docker engine is needed, and none is asked.

`compose_spec.json` is the schema of the Compose specification as docker-compose 1.29.2 (Apache-2.0) ships it.
"""

import json
import re

import jsonschema
import pytest
from ruamel.yaml import YAML

from tests.stack.native import ROOT

GUIDE_PORTS = {
    "prometheus": ["9090:9090"],
    "alertmanager": ["9093:9093"],
    "grafana": ["3001:3000"],
    "node-exporter": ["9100:9100"],
    "redis-exporter": ["9121:9121"],
    "stand-in": ["8080:8080", "8081:8081", "3000:3000"],
}


def with_defaults(text):
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


@pytest.fixture(scope="module")
def compose():
    text = (ROOT / "docker-compose.production.yml").read_text()
    return YAML(typ="safe").load(with_defaults(text))


def test_it_follows_the_specification(compose):
    # `name` and two more keys came after this version of the schema.
    schema = json.loads((ROOT / "tests/stack/compose_spec.json").read_text())
    body = {key: value for key, value in compose.items() if key != "name"}
    jsonschema.Draft7Validator(schema).validate(body)
    body["services"]["prometheus"] = body["services"]["prometheus"] | {"prots": []}
    with pytest.raises(jsonschema.ValidationError, match="prots"):
        jsonschema.Draft7Validator(schema).validate(body)
    del body["services"]["prometheus"]["prots"]


def test_the_ports_are_the_guides_and_on_loopback(compose):
    published = {name: service.get("ports", []) for name, service in compose["services"].items()}
    for name, ports in GUIDE_PORTS.items():
        assert published[name] == [f"127.0.0.1:{port}" for port in ports]
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)


def test_every_address_that_prometheus_scrapes_is_a_service(compose):
    aliases = set(compose["services"]["stand-in"]["networks"]["monitoring"]["aliases"])
    names = set(compose["services"]) | aliases
    for path in (ROOT / "monitoring/prometheus/targets").glob("*.yml"):
        for entry in YAML(typ="safe").load(path):
            assert {target.split(":")[0] for target in entry["targets"]} <= names


def test_retention_secrets_and_images(compose):
    services = compose["services"]
    assert "--storage.tsdb.retention.time=15d" in services["prometheus"]["command"]
    assert "--collector.processes" in services["node-exporter"]["command"]
    assert compose["secrets"]["grafana_password"]["file"].endswith("secrets/grafana_password.txt")
    used = {secret for service in services.values() for secret in service.get("secrets", [])}
    assert used == set(compose["secrets"])
    images = [service["image"] for service in services.values()]
    assert not [image for image in images if image.endswith(":latest") or ":" not in image]
    assert not re.search(r"(?i)password[\"']?: *[\"']?\w", (ROOT / "docker-compose.production.yml").read_text())
