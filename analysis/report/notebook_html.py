"""An executed notebook as one self-contained HTML file: no script, everything from outside sanitised."""

import base64
import hashlib
import re
from functools import cache
from html import unescape
from importlib.resources import files
from pathlib import Path

import mistune
import nbformat
import nh3
from jinja2 import Environment, PackageLoader, select_autoescape
from markupsafe import Markup

from analysis.words import in_order

_TAGS = nh3.ALLOWED_TAGS | {
    "table",
    "thead",
    "tbody",
    "tr",
    "td",
    "th",
    "caption",
    "figure",
    "figcaption",
    "details",
    "summary",
    "section",
}
_ATTRIBUTES = {
    **nh3.ALLOWED_ATTRIBUTES,
    "*": {"class", "title", "role"},
    "th": {"scope", "colspan"},
    "td": {"colspan"},
    "img": {"alt", "src"},
}
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


def environment() -> Environment:
    """The templates of all pages, escaping every value; the policy allows this style by its hash and nothing else."""
    made = Environment(
        loader=PackageLoader("analysis.report"),
        autoescape=select_autoescape(default=True),
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: in_order(value) if type(value) is str else value,  # markup is ours
    )
    style = files("analysis.report").joinpath("templates/style.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    made.globals |= {"style": Markup(style), "style_hash": f"sha256-{digest}"}  # noqa: S704 - our own file
    return made


def notebook_html(path: Path) -> str:
    """Render an executed notebook; code is folded away, outputs stand between the story's texts."""
    notebook = nbformat.read(path, as_version=4)
    cells = [_cell(cell) for cell in notebook.cells if "remove-cell" not in cell.metadata.get("tags", [])]
    title = next((c["title"] for c in cells if c.get("title")), path.stem)
    return environment().get_template("notebook.html").render(title=title, cells=cells)


def sanitised(html: str) -> Markup:
    """HTML from outside with everything active taken out; images only as data."""
    cleaned = nh3.clean(
        html,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        attribute_filter=_allowed,
        url_schemes={"http", "https", "mailto", "data"},
        clean_content_tags={"script", "style", "template"},
    )
    return Markup(cleaned)  # noqa: S704 - this is what nh3 is for


def _allowed(tag: str, attribute: str, value: str) -> str | None:
    """``data:`` is for images alone, and images for nothing else: a page loads nothing from outside."""
    if attribute in ("src", "href") and value.strip().lower().startswith("data:") != (tag == "img"):
        return None
    return value


@cache
def _markdown() -> mistune.Markdown:
    return mistune.create_markdown(escape=False, plugins=["table", "strikethrough"])


def _cell(cell: nbformat.NotebookNode) -> dict[str, object]:
    if cell.cell_type == "markdown":
        title = re.match(r"#\s+(.+)", cell.source)
        return {"kind": "text", "html": sanitised(str(_markdown()(cell.source))), "title": title[1] if title else None}
    if cell.cell_type != "code":
        return {"kind": "text", "html": ""}
    return {"kind": "code", "source": cell.source, "outputs": [_output(o) for o in cell.get("outputs", [])]}


def _output(output: nbformat.NotebookNode) -> dict[str, object]:
    if output.output_type == "error":
        return {"kind": "error", "text": f"{output.ename}: {_ANSI.sub('', output.evalue)}"}
    if output.output_type == "stream":
        return {"kind": "stream", "text": _ANSI.sub("", output.text)} if output.name == "stdout" else {"kind": "none"}
    data = output.data
    if "image/svg+xml" in data:  # shown as an image, in which no script runs
        body = base64.b64encode(data["image/svg+xml"].encode()).decode()
        return {"kind": "image", "source": f"data:image/svg+xml;base64,{body}", "text": _alternative(output)}
    if "image/png" in data:
        return {
            "kind": "image",
            "source": f"data:image/png;base64,{data['image/png'].strip()}",
            "text": _alternative(output),
        }
    if "text/html" in data:
        return {"kind": "html", "html": named_corner(sanitised(data["text/html"]))}
    return {"kind": "stream", "text": data.get("text/plain", "")}


def named_corner(html: Markup) -> Markup:
    """A table's empty corner as a plain cell: an empty header says nothing to a screen reader."""
    return Markup(re.sub(r"<th[^>]*>\s*</th>", "<td></td>", html))  # noqa: S704 - sanitised before


def _alternative(output: nbformat.NotebookNode) -> str:
    found = re.search(r"<dc:title>(.*?)</dc:title>", output.data.get("image/svg+xml", ""), re.DOTALL)
    return unescape(found[1]) if found and found[1].strip() else "figure of the report"
