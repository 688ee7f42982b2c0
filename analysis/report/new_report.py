"""A team's own report from a template: its notebook, its parameters, its test."""

import json
import re
from io import StringIO
from pathlib import Path

from ruamel.yaml import YAML

from analysis.errors import InputError
from analysis.report.files import write_whole

PARAMETERS = """\
# Calendar month YYYY-MM in the time zone; or give start and end (RFC 3339, or relative such as -30d).
month = ""
start = ""
end = ""
# IANA time zone of months and plots; that of the settings file when empty.
timezone = ""
# Base URL of the server; PROMETHEUS_URL when empty.
url = ""
# YAML file of further settings: what is asked, and the limit.
settings_file = "{params}"
# Folder of the results; nothing is written when empty.
output_directory = "\""""
IMPORTS = """\
from pathlib import Path

from analysis import connect
from analysis.report import enter_project, save
from analysis.report.figures import own as figures
from analysis.report.own import review
from analysis.report.widgets.own import explorer
from analysis.settings import load_settings
from analysis.settings.own import OwnReportSettings"""
LOAD = """\
enter_project(settings_file)
given = {"month": month, "start": start, "end": end, "timezone": timezone}
settings = load_settings(OwnReportSettings, Path(settings_file), given)
prom = connect(url or None)
result = review(prom, settings, settings.window())"""
LOOK = 'shown = {"values": figures.values(result, settings)}\nshown["values"]'
TRY = "explorer(result, settings, is_live=not output_directory)"
CLOSE = "save(result, shown, output_directory)\nresult.document.source"
TEST = '''\
"""The report NAME runs through, also where the server has none of its metrics."""

from pathlib import Path

from analysis.findings import FindingsDocument
from analysis.report.review import run_alone
from analysis.report.runner import open_notebook, prepare


def test_NAME_runs_and_says_what_is_missing(empty_prometheus, tmp_path):
    params = Path("params/NAME.yaml")
    values = {"url": empty_prometheus.url, "start": "-1d", "end": "now"}
    job = prepare(open_notebook("NAME"), values, tmp_path / "NAME", params)
    status = run_alone(job, params)
    assert status.state == "done", status.reason
    document = FindingsDocument.read(tmp_path / "NAME" / "findings.json")
    assert document.coverage.share == 0
    assert document.coverage.gaps
'''


def new_report(name: str, expr: str, limit: float, root: Path = Path()) -> tuple[Path, ...]:
    """Write ``notebooks/NAME.ipynb``, ``params/NAME.yaml`` and ``tests/notebooks/test_NAME.py``.

    Raises:
        InputError: the name is not usable, or a file is there already.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise InputError(f"{name!r} cannot name a report: use small letters, digits and _, beginning with a letter")
    paths = (root / f"notebooks/{name}.ipynb", root / f"params/{name}.yaml", root / f"tests/notebooks/test_{name}.py")
    for path in paths:
        if path.exists():
            raise InputError(f"{path} exists already; choose another name, or remove it first")
    for path, text in zip(
        paths, (_notebook(name), _params(name, expr, limit), TEST.replace("NAME", name)), strict=True
    ):
        write_whole(path, text)
    return paths


def _params(name: str, expr: str, limit: float) -> str:
    buffer = StringIO()
    buffer.write(f"# Settings of the report {name}; what each means: analysis/settings/own.py\n")
    values = {"report": name, "expr": expr, "limit": limit, "step": "5m", "unit": "", "hold": "15m"}
    yaml = YAML()
    yaml.width = 4096
    yaml.dump(values, buffer)
    return buffer.getvalue()


def _notebook(name: str) -> str:
    title = name.replace("_", " ").capitalize()
    cells = [
        _text(f"# {title}\n\nWhen did the values stay above their limit, by how much, and for how long?"),
        _text("## Parameters"),
        _code(PARAMETERS.format(params=f"params/{name}.yaml"), "parameters"),
        _text("## Load\n\nThe settings are checked first; then the server is asked."),
        _code(IMPORTS),
        _code(LOAD),
        _text("## Findings\n\nThe gravest first; each with what to do."),
        _code("result"),
        _text("## Values\n\nThe series that rose highest, and the limit."),
        _code(LOOK),
        _text("Another limit: in JupyterLab, drag it; a scheduled report shows that of the settings."),
        _code(TRY),
        _text("## Provenance\n\nWhat could not be judged, and where the results lie."),
        _code("result.document.coverage"),
        _code(CLOSE),
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    body = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 4}
    return json.dumps(body, indent=1) + "\n"


def _text(source: str) -> dict[str, object]:
    return {"cell_type": "markdown", "metadata": {}, "source": source.splitlines(keepends=True)}


def _code(source: str, *tags: str) -> dict[str, object]:
    return {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {"tags": list(tags)} if tags else {},
        "outputs": [],
        "source": source.splitlines(keepends=True),
    }
