"""The notebooks of the demo's month with one, two … at once: wall time against the slowest one and the sum of all."""

import sys
import tempfile
import time
from pathlib import Path

from analysis.cli.demo import DEMO_SEED, _fill, _server
from analysis.datasets.demo import demo_month
from analysis.report.review import plan_review, run_review
from analysis.settings import load_settings
from analysis.settings.review import MonthlyReviewSettings


def main():
    """Review the month; each number of jobs twice, so that the second run knows which report is slow."""
    jobs = [int(text) for text in sys.argv[1:]] or [2]
    platform, window, month = demo_month(61, DEMO_SEED)
    print("| at once | run | notebooks (s) | slowest (s) | sum (s) | goal (s) |\n|---|---|---|---|---|---|")
    with _server() as server, tempfile.TemporaryDirectory() as folder:
        _fill(server, platform, window)
        for many in jobs:
            given = {"month": month, "outputs": str(Path(folder) / str(many)), "timezone": "UTC"}
            settings = load_settings(MonthlyReviewSettings, Path("params/monthly_review.yaml"), given)
            for run in (1, 2):
                measure(plan_review(settings, url=server.url), many, run)


def measure(plan, many, run):
    """One run: when the last notebook ended, before the summary."""
    ended, began = [], time.monotonic()
    statuses = run_review(plan, workers=many, summary=False, told=lambda _: ended.append(time.monotonic()))
    assert all(status.state == "done" for status in statuses), statuses
    each, took = [status.seconds for status in statuses], max(ended) - began
    goal = 1.2 * max(*each, sum(each) / many) + 10
    print(f"| {many} | {run} | {took:.0f} | {max(each):.0f} | {sum(each):.0f} | {goal:.0f} |")


if __name__ == "__main__":
    main()
