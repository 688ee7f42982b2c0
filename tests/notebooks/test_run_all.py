"""Every notebook, run by hand from its own folder on the demo's data, as *Run All Cells* runs it."""

import json
import shutil
from pathlib import Path

import pytest

from analysis.datasets.backfill import SERVER_ARGUMENTS, backfill
from analysis.datasets.demo import demo_month
from analysis.errors import InputError
from analysis.prometheus.private_server import PrivatePrometheus
from analysis.report.review import write_summary
from analysis.report.workplace import enter_project, month_folder
from tests.notebooks.kernel import kernel
from tests.report.handmade import document, finding, put

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
WIDGET = "application/vnd.jupyter.widget-view+json"
PLAYABLE = ("cardinality_growth", "login_anomalies", "threshold_drift")
CONFIG = "global: {evaluation_interval: 1m}\nrule_files: [rules.yml]"
RULES = "groups: [{name: g, interval: 1m, rules: [{alert: ManyConnections, expr: 'auth_database_connections > 5'}]}]"


@pytest.fixture(scope="module")
def server():
    """The last two days of the demo, and a rule."""
    platform, _, _ = demo_month(days=2, seed=3)
    with PrivatePrometheus(arguments=SERVER_ARGUMENTS) as started:
        backfill(started.url, platform.samples)
        started.reload({"prometheus.yml": CONFIG, "rules.yml": RULES})
        yield started


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the project with the results of one month."""
    root = tmp_path_factory.mktemp("project")
    for name in ("notebooks", "params", "monitoring", "docs"):
        shutil.copytree(ROOT / name, root / name)
    put(root / "outputs/2026-10", document("threshold_drift", [finding(title="One of the month")]), {})
    write_summary(root / "outputs/2026-10", ["threshold_drift"])
    return root


@pytest.fixture(scope="module")
def cells(server, project):
    with kernel(cwd=project / "notebooks", PROMETHEUS_URL=server.url) as started:
        yield started


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_run_all_works_by_hand(cells, project, name):
    cells.run(f"%reset -f\n%cd -q {project / 'notebooks'}")
    outputs = []
    for cell in json.loads((project / "notebooks" / f"{name}.ipynb").read_text())["cells"]:
        if cell["cell_type"] == "code":
            outputs += cells.run("".join(cell["source"]))
            if "parameters" in cell["metadata"].get("tags", []):
                cells.run("if 'start' in globals(): start, end = '2026-10-30', '2026-11-01'")
    assert [output for output in outputs if output["type"] == "error"] == []
    assert [output for output in outputs if output.get("name") == "stderr"] == []
    shown = json.dumps(outputs)
    explorers = [o for o in outputs if WIDGET in o.get("data", {}) and "image/svg+xml" in o["data"]]
    assert len(explorers) == (name in PLAYABLE)
    if name == "monthly_review":
        assert "One of the month" in shown
    else:
        assert "127.0.0.1" in shown
    assert not (project / "notebooks" / "outputs").exists()


def test_the_start_notebook_names_every_other():
    text = (ROOT / "notebooks/start.ipynb").read_text()
    assert [name for name in NOTEBOOKS if name != "start" and f"({name}.ipynb)" not in text] == []


def test_a_notebook_works_in_the_project_wherever_it_lies(tmp_path, monkeypatch):
    (tmp_path / "params").mkdir()
    (tmp_path / "notebooks/deep").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "notebooks/deep")
    enter_project()
    assert Path.cwd() == tmp_path
    enter_project()
    assert Path.cwd() == tmp_path


def test_a_scheduler_that_works_elsewhere_finds_the_project_by_the_settings(tmp_path, monkeypatch):
    (tmp_path / "project/params").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    enter_project()
    assert Path.cwd() == tmp_path / "elsewhere"
    enter_project(str(tmp_path / "project/params/some_report.yaml"))
    assert Path.cwd() == tmp_path / "project"


def test_the_last_month_is_read_where_none_is_named(tmp_path):
    with pytest.raises(InputError, match="promreview review"):
        month_folder(tmp_path)
    for name in ("2026-09", "2026-10"):
        put(tmp_path / name, document("threshold_drift"), {})
        write_summary(tmp_path / name, ["threshold_drift"])
    assert month_folder(tmp_path).name == "2026-10"
    assert month_folder(tmp_path, "2026-09").name == "2026-09"
    assert month_folder(tmp_path / "2026-09") == tmp_path / "2026-09"
    with pytest.raises(InputError, match="2026-09, 2026-10"):
        month_folder(tmp_path, "2026-08")
