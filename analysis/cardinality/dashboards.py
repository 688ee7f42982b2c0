"""Queries of Grafana dashboards, whatever shape they have.

Panels lie in rows, in panels, in library elements and in newer schemas elsewhere again, so
every object of the file is looked at, and known by what it holds rather than where it lies.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from analysis.cardinality import templating
from analysis.cardinality.choices import filtered_labels, known_values
from analysis.cardinality.fields import printed_by_panel, printed_by_target
from analysis.cardinality.queries import MADE_BY_ALERTS, Query
from analysis.cardinality.variables import variable_queries
from analysis.errors import InputError
from analysis.prometheus import promql

# types of data sources that speak PromQL are many: Amazon's and Azure's Prometheus, VictoriaMetrics', a mixed one
_PROMQL = re.compile(r"|mixed|datasource|grafana|(?!.*logs).*(prometheus|victoriametrics|thanos|mimir|cortex).*")
_OTHERS = ("loki", "elasticsearch", "influx", "graphite", "tempo", "mysql", "postgres", "cloudwatch")
DEEPEST = 60  # levels; no dashboard has more, and a hostile file must not exhaust the stack


class Place(NamedTuple):
    """Where in a dashboard an object lies: its panel's title, its data source's type, and what the panel prints."""

    title: str = ""
    source: str = ""
    printed: frozenset[str] = frozenset()


def folder_queries(folder: Path, skipped: list[tuple[str, str]] | None = None) -> Iterator[Query]:
    """The queries of every dashboard in a folder and below.

    Args:
        folder: of JSON files.
        skipped: takes the files that are not JSON, each with the reason; they are an error where it is left out.

    Raises:
        InputError: no such folder, or a file in it is not JSON.
    """
    if not folder.is_dir():
        raise InputError(f"the dashboards folder {folder} does not exist")
    for path in sorted(folder.rglob("*.json")):
        try:
            document = json.loads(path.read_text(encoding="utf-8-sig"))
        except (OSError, ValueError, RecursionError) as error:
            if skipped is None:
                raise InputError(f"the dashboard {path} is not JSON: {error}") from None
            skipped.append((str(path.relative_to(folder)), f"not JSON: {error}"))
            continue
        yield from dashboard_queries(document, str(path.relative_to(folder)))


def folder_panels(folder: Path) -> list[tuple[str, list[str]]]:
    """Where each query of a folder's dashboards stands, and the ways to ask it with every variable set to All.

    Each is named once. Left out are lists of label names, which ask for no series, and queries of nothing but alerts,
    whose series are there only while one is active.

    Raises:
        InputError: as `folder_queries`.
    """
    found = {(query.asked_by, query.expr): list(templating.askable(query.expr)) for query in folder_queries(folder)}
    return [(where, asked) for (where, expr), asked in found.items() if expr and not _of_alerts(asked)]


def _of_alerts(asked: list[str]) -> bool:
    for text in asked:
        with suppress(InputError):
            names = promql.metric_names(text)
            return bool(names) and MADE_BY_ALERTS.issuperset(names)
    return False


def dashboard_queries(document: Any, file: str) -> Iterator[Query]:
    """The queries of one dashboard.

    Args:
        document: what the JSON file, or the API, holds.
        file: how messages call it.
    """
    inputs = _input_types(document)
    nodes = [
        (node, place) for node, place in _walk(document, Place(), inputs, 0) if _PROMQL.fullmatch(place.source.lower())
    ]
    filters = frozenset[str]().union(*(filtered_labels(node) for node, _ in nodes))
    variables = dict(filter(None, (known_values(node) for node, _ in nodes)))
    for node, place in nodes:
        where = f"{file}: {place.title}" if place.title else file
        expr = node.get("expr")
        if isinstance(expr, str) and expr.strip():
            printed = place.printed | printed_by_target(node)
            yield Query(expr, where, "dashboard", printed, filters=filters, variables=variables)
        yield from (replace(query, variables=variables) for query in variable_queries(node, where))


def _walk(node: Any, place: Place, inputs: Mapping[str, str], depth: int) -> Iterator[tuple[dict[str, Any], Place]]:
    if depth > DEEPEST:
        return
    if isinstance(node, list):
        for item in node:
            yield from _walk(item, place, inputs, depth + 1)
    elif isinstance(node, dict):
        printed = printed_by_panel(node) if _title(node) else place.printed
        place = Place(_title(node) or place.title, _source(node, inputs) or place.source, printed)
        yield node, place
        for value in node.values():
            yield from _walk(value, place, inputs, depth + 1)


def _title(node: Mapping[str, Any]) -> str:
    return node["title"] if isinstance(node.get("title"), str) else ""


def _source(node: Mapping[str, Any], inputs: Mapping[str, str]) -> str:
    """Type of the data source an object names; empty where it names none, or none that is known."""
    if node.get("kind") == "DataQuery" and isinstance(node.get("group"), str):
        return str(node["group"])
    spec = node.get("spec")
    if isinstance(spec, Mapping) and isinstance(spec.get("expr"), str) and isinstance(node.get("kind"), str):
        return str(node["kind"])  # the first draft of the second schema
    source = node.get("datasource")
    if isinstance(source, Mapping):
        kind = source.get("type") or inputs.get(_plain(source.get("uid")), "")
        return str(kind) if kind else ""
    text = _plain(source)
    plain = text.lower().strip("- ")
    # older dashboards give a data source's name only; one called after another product is that product
    named = next((kind for kind in _OTHERS if kind in plain), "")
    return "mixed" if plain == "mixed" else inputs.get(text, "") or named


def _plain(name: Any) -> str:
    return name.strip("${}[] ") if isinstance(name, str) else ""


def _input_types(document: Any) -> dict[str, str]:
    """Types of the data sources that an exported dashboard asks for, and of its data source variables."""
    found: dict[str, str] = {}
    for node, _ in _walk(document, Place(), {}, 0):
        name = node.get("name")
        if isinstance(name, str) and isinstance(node.get("pluginId"), str):
            found[name] = node["pluginId"]
        elif isinstance(name, str) and node.get("type") == "datasource" and isinstance(node.get("query"), str):
            found[name] = node["query"]
    return found
