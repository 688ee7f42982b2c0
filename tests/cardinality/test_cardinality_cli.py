"""The command and the figures, on a real server."""

import json
import os
from urllib.request import Request, urlopen

import pytest
from typer.testing import CliRunner

from analysis.cardinality import review
from analysis.cli import app
from analysis.drawing import description
from analysis.prometheus import connect
from analysis.prometheus.private_server import PrivatePrometheus
from analysis.report.figures import cardinality as figures
from analysis.settings.cardinality import CardinalityGrowthSettings
from tests.cardinality.known import END, EVIL, START
from tests.waiting import until

WINDOW = ["--start", START.isoformat(), "--end", END.isoformat()]


def run(*arguments):
    return CliRunner().invoke(app, ["cardinality", *WINDOW, *arguments])


@pytest.fixture
def rules(tmp_path):
    file = tmp_path / "rules.yml"
    rule = "{alert: A, expr: 'requests_total{code=\"500\"} + gone_total > 5'}"
    file.write_text(f"groups: [{{name: g, rules: [{rule}]}}]", encoding="utf-8")
    return file


def test_json_has_what_the_contract_says(known_server, rules):
    done = run("--url", known_server.url, "--format", "json", "--rules", str(rules), "--limit", "200")
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["missing"] == [{"metric": "gone_total", "asked_by": [f"{rules}: g / A"]}]
    usage = {row["name"]: row["usage"] for row in document["metrics"]}
    assert usage["requests_total"] == ["rule"]
    assert usage["evil_total"] == ["unused"]
    assert set(document["forecast"]) >= {"limit", "level", "reached_at", "interval", "trend", "reason"}
    assert document["forecast"]["limit"] == 200
    assert {p["action"] for p in document["proposals"]} <= {"drop_metric", "drop_label", "keep_values", "aggregate"}
    label = next(p for p in document["proposals"] if (p["metric"], p["action"]) == ("requests_total", "drop_label"))
    assert (label["label"], label["series_before"], label["series_after"], label["collisions"]) == ("user", 83, 3, 82)


def test_table_and_csv_and_exit_codes(known_server, rules):
    assert "requests_total grew by 80 series through its label user" in run("--url", known_server.url).stdout
    assert run("--url", known_server.url, "--format", "csv").stdout.startswith("severity,kind,")
    assert run("--url", known_server.url, "--fail-on", "high").exit_code == 1
    assert run("--url", known_server.url, "--fail-on", "unknown").exit_code == 0


def proposal(metric, before, after, action="drop_metric", label=""):
    sizes = {"series_before": before, "series_after": after, "jobs": ["api"]}
    return {"metric": metric, "action": action, "label": label, **sizes}


def test_each_environment_sees_its_own_proposals_of_last_month(known_server, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "environ", os.environ.copy())
    monkeypatch.chdir(tmp_path)
    environments = tmp_path / "params/environments"
    environments.mkdir(parents=True)
    (environments / "eu.yaml").write_text(f"url: {known_server.url}\n", encoding="utf-8")
    made = run("--url", known_server.url, "--format", "json")
    earlier = {
        "": [proposal("lonely_total", 99, 0)],
        "eu": [
            proposal("old_queue_length", 15, 0),
            proposal("requests_total", 80, 3, "drop_label", "user"),
        ],
    }
    for name, proposals in earlier.items():
        folder = tmp_path / "outputs" / "2026-09" / name / "cardinality_growth"
        folder.mkdir(parents=True)
        text = json.dumps(json.loads(made.stdout) | {"proposals": proposals})
        (folder / "findings.json").write_text(text, encoding="utf-8")
    done = run("--environment", "eu", "--previous", "outputs", "--format", "json")
    assert done.exit_code == 0, done.output
    rows = {row["metric"]: row for row in json.loads(done.stdout)["last_month"]}
    assert {metric: (row["applied"], row["promised"], row["saved"]) for metric, row in rows.items()} == {
        "old_queue_length": (True, 15, 15),
        "requests_total": (False, 77, None),
    }


def test_figures_say_the_conclusion_and_survive_hostile_names(known_server):
    settings = CardinalityGrowthSettings(start=START.isoformat(), end=END.isoformat(), limit_series=150)
    with connect(known_server.url) as prom:
        result = review(prom, settings, settings.window())
    causes = figures.causes(result)
    assert "+73 series" in causes.get_suptitle()
    result.tables["metrics"].loc[0, "name"] = EVIL
    result.frames["trend"][EVIL] = 1.0
    for made in (causes, figures.total(result, "Europe/Berlin"), figures.metrics(result, "UTC")):
        assert description(made)
        made.canvas.draw()


def test_our_own_queries_are_nobodys_use(tmp_path):
    log = tmp_path / "query.log"
    config = f"global: {{query_log_file: {json.dumps(str(log))}, scrape_interval: 1s}}\n"
    own = 'scrape_configs: [{job_name: own, static_configs: [{targets: ["%s"]}]}]\n'
    with PrivatePrometheus() as made:
        (made.folder / "prometheus.yml").write_text(config + own % made.url.removeprefix("http://"), encoding="utf-8")
        urlopen(Request(f"{made.url}/-/reload", method="POST")).close()
        with connect(made.url) as prom:
            until(lambda: len(prom.instant("up == 1 and scrape_samples_scraped > 0")))
            prom.instant("go_goroutines")
            settings = CardinalityGrowthSettings(start="-1h", end="now", query_log=(log,))
            review(prom, settings, settings.window())
            document = review(prom, settings, settings.window()).document
    usage = {row["name"]: row["usage"] for row in document.metrics}
    assert usage["go_goroutines"] == ["query_log"]
    assert usage["go_threads"] == ["unused"]
    assert document.series["end"] > 100
    assert document.coverage.gaps


def test_the_notebook_runs_with_the_parameters_that_were_typed(known_server, tmp_path):
    typed = [f"start={START.isoformat()}", f"end={END.isoformat()}", "limit_series=500"]
    options = [part for pair in typed for part in ("-p", pair)]
    done = CliRunner().invoke(
        app, ["run", "cardinality_growth", *options, "--url", known_server.url, "--output", str(tmp_path)]
    )
    assert done.exit_code == 0, done.output
    document = json.loads((tmp_path / "findings.json").read_text(encoding="utf-8"))
    assert document["forecast"]["limit"] == 500
    assert {file.stem for file in (tmp_path / "figures").iterdir()} == {"total", "causes", "metrics"}
