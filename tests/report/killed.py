"""Reviews killed at random moments, and completed by the next run in the same folder."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
SIGNALS = (signal.SIGKILL, signal.SIGINT, signal.SIGTERM)
RUN = """
import sys
from pathlib import Path
from analysis.report.review import plan_review, run_review
from analysis.settings.review import MonthlyReviewSettings
notebooks, params, outputs, url, *reports = sys.argv[1:]
settings = MonthlyReviewSettings(month="2026-10", outputs=outputs, reports=reports)
plan = plan_review(settings, url=url, notebooks=Path(notebooks), params=Path(params))
run_review(plan, resume=True, summary=False)
"""


class Review:
    """A review as a command that can be killed.

    Args:
        notebooks: their folder.
        reports: names of the notebooks.
        mark: a text of its own, by which its processes are found.
        url: of the server.
        params: folder of the parameter files.
    """

    def __init__(self, notebooks, reports, mark, url="", params="none"):
        self.arguments = (str(notebooks), str(params))
        self.tail = (url, *reports)
        self.mark = f"PROMREVIEW_TEST={mark}"
        self.environment = os.environ | {"PROMREVIEW_TEST": str(mark), "PROMETHEUS_ARCHIVE": "off"}

    def start(self, outputs):
        """Begin, or go on with what an earlier run left."""
        command = [sys.executable, "-c", RUN, *self.arguments, str(outputs), *self.tail]
        return subprocess.Popen(command, cwd=REPOSITORY, env=self.environment, stderr=subprocess.DEVNULL)

    def run(self, outputs):
        """Run it through; seconds that it took."""
        began = time.monotonic()
        assert self.start(outputs).wait(600) == 0
        return time.monotonic() - began

    def killed(self, outputs, kills, rng, longest):
        """Kill runs in one folder at random moments until one is quicker; how many kills, at most `kills`, it took."""
        for used in range(kills):
            process = self.start(outputs)
            how = rng.choice(SIGNALS)
            try:
                assert process.wait(rng.uniform(0, longest)) == 0
            except subprocess.TimeoutExpired:
                process.send_signal(how)
                process.wait(60)
                assert gone(self.mark), f"{how.name} left processes behind"
                whole(outputs)
                continue
            return used
        self.run(outputs)
        return kills


def whole(outputs):
    """Nothing half-written stands under its final name."""
    for path in Path(outputs).rglob("*"):
        if path.name.startswith(".") or path.is_dir():
            continue
        if path.suffix in (".json", ".ipynb"):
            json.loads(path.read_text())
        elif path.suffix in (".html", ".svg"):
            assert path.read_text().rstrip().endswith(("</html>", "</svg>")), path


def findings_of(outputs):
    """What the documents of a month say, without the moment at which they were made."""
    body = json.loads((Path(outputs) / "2026-10/findings.json").read_text())
    return [{key: value for key, value in document.items() if key != "generated_at"} for document in body["reports"]]


def descendants(mark):
    """Processes whose environment carries a mark: children and kernels of one run."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (folder / "environ").read_bytes() and (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def gone(mark, seconds=60.0):
    """Whether every process of a run ends within some seconds."""
    deadline = time.monotonic() + seconds
    while descendants(mark) and time.monotonic() < deadline:
        time.sleep(0.2)
    return not descendants(mark)
