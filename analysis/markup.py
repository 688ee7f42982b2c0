"""HTML for what a notebook shows: every value is escaped, and only a web address becomes a link."""

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

from analysis.words import in_order

_CODE = re.compile(r"`([^`]+)`")
_LEFT = "text-align: left"  # JupyterLab sets tables to the right, as numbers are


def escape(text: str) -> str:
    """A text from outside as HTML."""
    return html.escape(in_order(text))


@dataclass(frozen=True)
class Link:
    """An address that a cell shows as a link, under a name."""

    address: str
    name: str


def cell(value: object) -> str:
    """One value as HTML: links, times in UTC, lists beside each other, lines below each other, else text with code."""
    if isinstance(value, Link):
        shown = escape(value.name)
        if urlsplit(value.address).scheme not in ("http", "https"):
            return shown
        return f"<a href='{escape(value.address)}' target='_blank' rel='noopener noreferrer'>{shown}</a>"
    if isinstance(value, list | tuple):
        return " ".join(cell(part) for part in value)
    if isinstance(value, datetime):
        return f"<time style='white-space: nowrap'>{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC</time>"
    if isinstance(value, str) and "\n" in value.strip():  # a configuration to paste: its indentation is its meaning
        return f"<pre style='{_LEFT}'>{escape(value.strip(chr(10)))}</pre>"
    return "" if value is None else with_code(str(value))


def with_code(text: str) -> str:
    """A text with what stands between backticks as code; all of it is escaped."""
    return _CODE.sub(r"<code>\1</code>", escape(text))


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], caption: str = "") -> str:
    """A table with a line above it."""
    head = "".join(f"<th scope='col' style='{_LEFT}'>{escape(name)}</th>" for name in columns)
    body = "".join("<tr>" + "".join(f"<td style='{_LEFT}'>{cell(v)}</td>" for v in row) + "</tr>" for row in rows)
    above = f"<p>{escape(caption)}</p>" if caption else ""
    return f"{above}<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def pairs(values: Mapping[str, object], caption: str = "") -> str:
    """Names and values under each other; what is empty is left out."""
    rows = "".join(
        f"<tr><th scope='row' style='{_LEFT}'>{escape(name)}</th><td style='{_LEFT}'>{cell(value)}</td></tr>"
        for name, value in values.items()
        if value not in (None, "", [], ())
    )
    above = f"<p><b>{escape(caption)}</b></p>" if caption else ""
    return f"{above}<table><tbody>{rows}</tbody></table>"
