"""What every notebook of ours keeps to, and the start notebook on a real server and without one."""

import ast
import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from analysis import connect
from analysis.report.connection import look
from analysis.report.runner import open_notebook

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
LONGEST = 60  # lines of code


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_a_story_and_no_program(path):
    cells = json.loads(path.read_text())["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    trees = [ast.parse(source) for source in code]
    assert cells[0]["cell_type"] == "markdown"
    assert not [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    assert sum(len(source.splitlines()) for source in code) <= LONGEST
    assert not [cell for cell in cells if cell.get("outputs") or cell.get("execution_count")]
    assert "output_directory" in open_notebook(str(path)).parameters


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_parameters_stand_at_the_top_with_their_meaning(path):
    cells = json.loads(path.read_text())["cells"]
    first = next(cell for cell in cells if cell["cell_type"] == "code")
    assert first["metadata"]["tags"] == ["parameters"]
    lines = [line.rstrip("\n") for line in first["source"]]
    bare = [line for above, line in pairwise(["", *lines]) if not line.startswith("#") and not above.startswith("#")]
    assert [line for line in bare if not line.startswith(("start = ", "end = "))] == []  # beside the month


def test_the_connection_is_told(empty_prometheus):
    shown = look(connect(empty_prometheus.url))
    assert "connected: http://127.0.0.1" in repr(shown)
    assert "prometheus 2" in shown._repr_html_()


def test_no_connection_is_a_few_lines_that_say_what_to_do():
    shown = look(connect("http://user:planted-password@127.0.0.1:9"))
    assert len(repr(shown).splitlines()) <= 3
    assert "PROMETHEUS_URL" in repr(shown)
    assert "planted" not in repr(shown)


def test_an_error_in_a_notebook_is_told_in_three_lines():
    code = "from analysis import connect\nconnect('http://127.0.0.1:9').instant('up')"
    command = [sys.executable, "-m", "IPython", "--no-banner", "--colors=NoColor", "-c", code]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    said = (ran.stdout + ran.stderr).strip().splitlines()
    assert len(said) <= 3
    assert "no answer from http://127.0.0.1:9" in said[0]
