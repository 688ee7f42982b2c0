"""What the team's own pages say: sections of a guide, what accounts for them, runbooks, metrics and jobs named."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from analysis.errors import InputError

_HEADING = re.compile(r"^(#{2,6})\s+(.*?)\s*#*$")
_FENCE = re.compile(r"^\s*(```|~~~)")
_CODE = re.compile(r"`([^`\n]+)`")
_METRIC = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*_(?:total|seconds|bytes|ratio|count|sum|bucket|up|sessions|info)")
_FILE = re.compile(r"[\w.-]+(?:/[\w.-]+)+\.\w+")
MISSING = "missing"


def read_page(path: str) -> str:
    """A page's text.

    Raises:
        InputError: it cannot be read; says which.
    """
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InputError(f"cannot read the page {path}: {said}; change the parameter that names it") from None


def sections(text: str) -> list[str]:
    """Headings (of level two and deeper) of a Markdown page that have words of their own beneath them."""
    found: list[list[str]] = []
    fenced = False
    for line in text.splitlines():
        fenced ^= bool(_FENCE.match(line))
        heading = None if fenced else _HEADING.match(line)
        if heading:
            found.append([heading[2], ""])
        elif found:
            found[-1][1] += line.strip()
    return [title for title, body in found if body]


@dataclass(frozen=True)
class Part:
    """One row of the page that accounts for a guide: the section it belongs to, and all of its cells."""

    section: str
    cells: tuple[str, ...]

    @property
    def is_missing(self) -> bool:
        """Whether the row says so itself."""
        return any(cell.strip().lower().startswith(MISSING) for cell in self.cells)

    def absent_files(self, root: Path) -> list[str]:
        """Files that the row names and that are not there; a path below ``secrets/`` is made on starting."""
        named = [name for cell in self.cells for code in _CODE.findall(cell) for name in _FILE.findall(code)]
        return [name for name in named if not name.startswith("secrets/") and not (root / name).exists()]


def parts(text: str) -> list[Part]:
    """Rows of every table of a Markdown page; the first cell names the section of the guide."""
    rows = [_cells(line) for line in text.splitlines() if line.lstrip().startswith("|")]
    return [Part(row[0], tuple(row[1:])) for row in rows if len(row) > 1 and not set(row[0]) <= set("-: ")]


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]


def section_states(guide: str, accounted: Iterable[Part], root: Path) -> dict[str, str]:
    """What is wrong with each section of a guide; the empty text where every part of it is there."""
    by_section: dict[str, list[Part]] = {}
    for part in accounted:
        by_section.setdefault(part.section.casefold(), []).append(part)
    return {title: _state(by_section.get(title.casefold(), []), root) for title in sections(guide)}


def _state(rows: list[Part], root: Path) -> str:
    if not rows:
        return "no part"
    missing = [row.cells[0] for row in rows if row.is_missing]
    if missing:
        return "missing: " + "; ".join(missing)
    absent = sorted({name for row in rows for name in row.absent_files(root)})
    return "names files that are not there: " + ", ".join(absent) if absent else ""


def metrics_named(texts: Iterable[str]) -> set[str]:
    """Names in code spans that look like metrics."""
    return {code for text in texts for code in _CODE.findall(text) if _METRIC.fullmatch(code)}


def unmentioned(names: Iterable[str], texts: Iterable[str]) -> list[str]:
    """Names that stand in none of the texts as whole words."""
    pages = list(texts)
    return [n for n in names if not any(re.search(rf"(?<![\w-]){re.escape(n)}(?![\w-])", page) for page in pages)]


def runbook_of(annotations: Mapping[str, str]) -> str:
    """The runbook that an alert names: the annotation whose name speaks of one; empty where there is none."""
    return next((value.strip() for name, value in annotations.items() if "runbook" in name.lower() and value), "")


def runbook_file(url: str) -> str:
    """The file name at the end of a runbook's address."""
    return Path(urlsplit(url).path).name
