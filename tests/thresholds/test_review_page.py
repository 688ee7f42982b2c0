"""The commands of docs/threshold-review.md, as they stand there, over three months of a private Prometheus."""

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.datasets.backfill import SERVER_ARGUMENTS, backfill
from analysis.prometheus.private_server import PrivatePrometheus

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "threshold-review.md").read_text()
COMMANDS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
PARAMETERS = re.search(r"```yaml\n# params/threshold_drift.yaml\n(.*?)```", PAGE, re.DOTALL)[1]
BEGIN, STEP, PER_DAY = pd.Timestamp("2026-07-30T00:00:00Z"), pd.Timedelta("5m"), 288
DAYS = (pd.Timestamp("2026-11-01T00:00:00Z") - BEGIN).days
RULES = """groups:
  - name: app
    interval: 5m
    rules:
      - alert: QueueLong
        expr: app_queue_length > 70   # jobs
      - alert: Gone
        expr: app_gone > 1
"""


@pytest.fixture(scope="module")
def url():
    rng = np.random.default_rng(2)
    index = pd.date_range(BEGIN, periods=DAYS * PER_DAY, freq=STEP, name="time")
    values = 50 + rng.normal(0, 3, len(index))
    for day in range(DAYS):
        if rng.random() < 0.6:
            begin = day * PER_DAY + rng.integers(20, 200)
            values[begin : begin + rng.integers(2, 5)] = rng.uniform(73, 80)
    queue = pd.DataFrame(values[:, None], index=index, columns=pd.MultiIndex.from_tuples([("app",)], names=["job"]))
    with PrivatePrometheus(arguments=SERVER_ARGUMENTS) as running:
        backfill(running.url, {"app_queue_length": queue})
        yield running.url


@pytest.fixture
def team(tmp_path):
    """A team's repository: rules, parameters, notebooks."""
    for name, text in {"alerts/app.yml": RULES, "params/threshold_drift.yaml": PARAMETERS}.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)
    (tmp_path / "notebooks").symlink_to(ROOT / "notebooks")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    return tmp_path


def shell(block, url, team):
    paths = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PROMETHEUS_URL": url}
    text = block.replace("http://localhost:9090", url)
    command = ["bash", "-euo", "pipefail", "-c", text]
    done = subprocess.run(
        command, cwd=team, env=os.environ | paths, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, (block, done.stdout[-2000:], done.stderr[-2000:])
    return done.stdout


@pytest.mark.heavy
def test_a_team_reviews_its_alerts_and_next_month_sees_what_came_of_it(url, team):
    drift, whatif, recommend, review, decide, patch, next_review = COMMANDS
    table = shell(drift, url, team)
    assert re.search(r"QueueLong +too_tight", table)
    assert "app_gone" in table
    assert "today" in shell(whatif, url, team)
    shell(recommend, url, team)
    shell(review, url, team)
    findings = json.loads((team / "outputs/2026-09/threshold_drift/findings.json").read_text())["findings"]
    [identity] = [f["id"] for f in findings if f["kind"] == "too_tight"]
    shell(decide.replace("threshold_drift-0123456789ab", identity), url, team)
    shell(patch, url, team)
    assert "# app: QueueLong: replayed 2026-09-01 to 2026-10-01" in (team / "alerts.patch").read_text()
    assert (team / "alerts/app.yml").read_text() != RULES
    decisions = team / "params/decisions.yaml"  # a month passes
    decisions.write_text(decisions.read_text().replace(f"{datetime.now(UTC):%Y-%m-%d}", "2026-10-02"))
    shell(next_review, url, team)
    page = (team / "outputs/2026-10/index.html").read_text()
    scorecard = page[page.index("Scorecard: what was decided") :]
    assert "bursts below 80 clear by themselves" in scorecard
    assert re.search(r"<strong>(as|more than|fewer than) predicted</strong>", scorecard)
    assert "in 29.0 days" in scorecard
    notebook = (team / "outputs/2026-10/threshold_drift/threshold_drift.html").read_text()
    assert "in 29.0 days" in notebook
