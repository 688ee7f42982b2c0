"""What says whose data lies in a folder, and in which version of the layout."""

import json
from typing import Any

from analysis.prometheus.archive.manifests import FORMAT, FORMAT_MONTHS, checksum_name
from analysis.prometheus.archive.store import Store

ANSWERS = "answers"  # the folder of a source that holds no query


def key_text(key: dict[str, Any]) -> str:
    """A query, its step and phase as one text."""
    return json.dumps(key, sort_keys=True)


def describe_source(store: Store, source: str) -> None:
    """Write the version of the layout, and whose data a source's folder holds, where they do not stand there yet."""
    if store.read("FORMAT") is None:
        store.write("FORMAT", str(FORMAT).encode())
    write_once(store, f"{checksum_name(source)}/source.json", json.dumps({"source": source}))


def mark_months(store: Store) -> None:
    """From now on, who reads the archive has to know manifests of months."""
    write_once(store, "FORMAT", str(FORMAT_MONTHS))


def write_once(store: Store, name: str, text: str) -> None:
    """Write a file where it does not stand there yet as it should."""
    if store.read(name) != text.encode():
        store.write(name, text.encode())


def parsed(content: bytes | None) -> dict[str, Any]:
    """A JSON object; an empty one where there is none."""
    try:
        body = json.loads(content or b"")
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
