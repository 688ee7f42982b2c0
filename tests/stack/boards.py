"""The shipped dashboards, read as Grafana reads them: by panels, targets, variables and annotations."""

import json
from string import Template
from typing import NamedTuple

from ruamel.yaml import YAML

from tests.stack.native import ROOT

GRAFANA = ROOT / "monitoring/grafana"
FOLDER = GRAFANA / "dashboards"
FILES = sorted(FOLDER.rglob("*.json"))


class Asked(NamedTuple):
    """One query of a dashboard."""

    where: str
    expr: str
    kind: str  # panel, variable, or annotation


def provisioned(kind, environment):
    """The provisioning file of a kind, its variables filled in as Grafana does."""
    return _filled(YAML(typ="safe").load(GRAFANA / kind / f"{kind}.yml"), environment)


def _filled(node, environment):
    if isinstance(node, dict):
        return {name: _filled(value, environment) for name, value in node.items()}
    if isinstance(node, list):
        return [_filled(value, environment) for value in node]
    return Template(node).substitute(environment) if isinstance(node, str) else node


def board(path):
    return json.loads(path.read_text())


def panels(document):
    return [panel for panel in document["panels"] if panel["type"] != "row"]


def asked(path):
    """Every query of a dashboard; a variable's is its whole text, ``label_values(…)``."""
    document = board(path)
    for panel in panels(document):
        for target in panel["targets"]:
            yield Asked(f"{path.stem}: {panel['title']}", target["expr"], "panel")
    for variable in (variable for variable in document["templating"]["list"] if variable["type"] == "query"):
        yield Asked(f"{path.stem}: ${variable['name']}", variable["query"]["query"], "variable")
    for annotation in document["annotations"]["list"]:
        yield Asked(f"{path.stem}: {annotation['name']}", annotation["expr"], "annotation")


QUERIES = [query for path in FILES for query in asked(path)]
