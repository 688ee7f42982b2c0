"""Results made by hand, with values as an attacker would choose them, and small notebooks that save them."""

from datetime import UTC, datetime, timedelta

import nbformat
import pandas as pd

from analysis.findings import Coverage, Finding, FindingsDocument, Gap, QueryRecord, ReportResult, Source, TimeSpan
from analysis.report.results import save
from analysis.report.status import Status, write_status

START = datetime(2026, 10, 1, tzinfo=UTC)
END = datetime(2026, 11, 1, tzinfo=UTC)
HOSTILE = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">'\"&$x^2$ {{7*7}}"


def finding(report="threshold_drift", identity="a", severity="high", title="A rule drifts", **more):
    values = {
        "id": f"{report}-{identity}",
        "report": report,
        "kind": "drifting",
        "severity": severity,
        "title": title,
        "start": START + timedelta(days=3),
        "end": START + timedelta(days=3, hours=1),
        "detected_at": START + timedelta(days=3),
        "evidence": {"alerts": 12, "share": 0.25},
        "action": "Look at it.",
        "links": {"prometheus": "http://127.0.0.1:9090/graph?g0.expr=up"},
    }
    return Finding(**values | more)


def document(report="threshold_drift", findings=(), share=1.0, gaps=(), **more):
    return FindingsDocument(
        report=report,
        window=TimeSpan(start=START, end=END),
        source=Source(url="http://127.0.0.1:9090", version="2.42.0"),
        queries=[QueryRecord(expr='up{job="a"}', step="5m", series=3, samples=300)],
        coverage=Coverage(share=share, gaps=list(gaps)),
        findings=list(findings),
        **more,
    )


def hostile_document(report):
    return document(
        report,
        [
            finding(
                report,
                HOSTILE,
                title=f"Title {HOSTILE}",
                kind=HOSTILE,
                labels={"user_agent": HOSTILE, HOSTILE: "x"},
                evidence={HOSTILE: HOSTILE},
                action=HOSTILE,
                links={"prometheus": "javascript:document.title='owned'", "grafana": f"http://a.example/{HOSTILE}"},
            )
        ],
        gaps=[Gap(start=START, end=END, scope=HOSTILE, reason=HOSTILE)],
    )


def put(folder, body, figures=None):
    """What a finished report leaves in a month's folder."""
    save(ReportResult(body, {"rows": pd.DataFrame({"x": [1]})}), figures or {}, folder / body.report)
    write_status(folder / body.report, Status(body.report, "done", seconds=1.0))


PARAMETERS = """
# Calendar month.
month = ""
start = ""
end = ""
# Time zone.
timezone = "UTC"
url = ""
settings_file = ""
output_directory = ""
"""


def notebook(path, code):
    """A small parameterised notebook in `path`."""
    cells = [
        nbformat.v4.new_markdown_cell(f"# {path.stem}"),
        nbformat.v4.new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell("from analysis.settings.base import ReportSettings"),
        nbformat.v4.new_code_cell(code),
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": KERNEL}), path)
    return path


KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
SAVES = """
from pathlib import Path
import time
time.sleep({seconds})
folder = Path(output_directory)
folder.mkdir(parents=True, exist_ok=True)
(folder / "findings.json").write_text({text!r})
"""


def saving(report, *findings, seconds=0.0):
    """Code of a cell that leaves a findings document."""
    return SAVES.format(seconds=seconds, text=document(report, findings).to_json())
