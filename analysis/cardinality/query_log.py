"""The query log of Prometheus: one JSON object per line, rotated and compressed files too."""

import gzip
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from analysis.cardinality.queries import Query
from analysis.cardinality.selectors import OURS
from analysis.errors import InputError

_GZIP = b"\x1f\x8b"


def log_queries(paths: Iterable[Path]) -> Iterator[Query]:
    """The expressions of Prometheus query logs, each once; a line that is cut off is skipped.

    Args:
        paths: files, gzip among them.

    Raises:
        InputError: a file cannot be read, or holds no query at all.
    """
    for path in paths:
        asked = {(expr, group) for expr, group in _entries(path) if not expr.endswith(OURS)}
        for expr, group in sorted(asked):
            # a rule's evaluation is evidence of the rule, not of a person
            yield Query(expr, group or path.name, "rule" if group else "query_log")


def _entries(path: Path) -> Iterator[tuple[str, str]]:
    """Each query, with file and name of the rule group that asked it."""
    is_empty, is_log = True, False
    for line in _lines(path):
        is_empty = is_empty and not line.strip()
        try:
            entry = json.loads(line)
            expr = entry["params"]["query"]
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
        if isinstance(expr, str):
            is_log = True
            yield expr, _group(entry, path)
    if not (is_empty or is_log):
        raise InputError(f"{path} is not a query log of Prometheus: no line holds params.query")


def _group(entry: dict[str, Any], path: Path) -> str:
    group = entry.get("ruleGroup")
    return f"{group.get('file', path)}: {group.get('name', '')}" if isinstance(group, dict) else ""


def _lines(path: Path) -> Iterator[str]:
    try:
        with path.open("rb") as raw:
            is_packed = raw.read(len(_GZIP)) == _GZIP
        with gzip.open(path) if is_packed else path.open("rb") as file:
            for line in file:
                yield line.decode("utf-8", "replace")
    except EOFError:
        return  # a packed file that is still being written: what came before counts
    except OSError as error:
        raise InputError(f"cannot read the query log {path}: {error.strerror or error}") from None
