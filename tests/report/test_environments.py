"""Every environment by one command: each gets its page, and one that fails keeps nobody from its turn."""

import json
import os
import shutil
import subprocess
import sys
from html import unescape
from pathlib import Path

from analysis.findings import FindingsDocument
from analysis.prometheus.private_server import free_port

ROOT = Path(__file__).parents[2]


def reviewed(folder, *arguments):
    environment = os.environ | {"PYTHONPATH": str(ROOT), "EU_TOKEN": "planted-eu-token"}
    command = [sys.executable, "-m", "analysis", "review", "--every-environment", "--month", "2026-10", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


def test_every_environment_is_reviewed_also_after_one_that_fails(tmp_path, notebooks, empty_prometheus):
    shutil.copy(ROOT / "notebooks/monthly_review.ipynb", notebooks)
    folder = tmp_path / "params/environments"
    folder.mkdir(parents=True)
    (tmp_path / "params/monthly_review.yaml").write_text("reports: [first, second]\n")
    assert "no environment" in reviewed(tmp_path).stderr
    (folder / "dead.yaml").write_text(f"url: http://127.0.0.1:{free_port()}\n")
    (folder / "eu.yaml").write_text(f"url: {empty_prometheus.url}\nbearer_token_variable: EU_TOKEN\n")
    ran = reviewed(tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert "Traceback" not in ran.stderr
    month = tmp_path / "outputs/2026-10"
    assert [d["report"] for d in json.loads((month / "eu/findings.json").read_text())["reports"]] == ["first", "second"]
    document = FindingsDocument.read(month / "fleet.json")
    assert document.coverage.share == 0.5
    (dead,) = document.findings
    assert (dead.kind, dead.severity, dead.labels) == ("environment_unreachable", "high", {"environment": "dead"})
    assert "refused" in dead.evidence["reason"]
    assert [(row["name"], row["state"]) for row in document.members] == [("dead", "unreachable"), ("eu", "reviewed")]
    counted = (tmp_path / "outputs/promreview.fleet.prom").read_text()
    assert 'promreview_findings{environment="",report="fleet",severity="high"} 1.0' in counted
    above = (month / "index.html").read_text()
    assert dead.title in unescape(above)
    assert "2 environments<" in above
    assert "Not reviewed" in above
    assert not (month / "dead").exists()
    for path in (tmp_path / "outputs").rglob("*"):
        assert path.is_dir() or "planted" not in path.read_text()
    assert reviewed(tmp_path, "--environment", "eu").returncode == 2
    (folder / "eu.yaml").unlink()
    ran = reviewed(tmp_path)
    assert (ran.returncode, "no server of the fleet could be asked" in ran.stderr) == (3, True), ran.stderr


def test_a_resumed_review_asks_first_whether_its_server_is_there(tmp_path, notebooks):
    (tmp_path / "params").mkdir()
    (tmp_path / "params/monthly_review.yaml").write_text("reports: [first]\n")
    command = [sys.executable, "-m", "analysis", "review", "--month", "2026-10", "--resume"]
    address = ("--url", f"http://127.0.0.1:{free_port()}")
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    ran = subprocess.run(
        [*command, *address], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert (ran.returncode, "refused" in ran.stderr, "first: " in ran.stderr) == (3, True, False), ran.stderr
    assert not (tmp_path / "outputs").exists()
